"""What a transaction holds until it is committed: the commit that it may become."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from vstore.errors import ClosedError, StorageError
from vstore.format.commit import Changes, CommitDocument
from vstore.format.digest import Digest
from vstore.history.commits import Commit, describe
from vstore.reading.fetch import Fetcher
from vstore.writing.commit_options import CommitOptions
from vstore.writing.committing import CommitWriter
from vstore.writing.door import Door, Others
from vstore.writing.packs import PackWriter
from vstore.writing.staged_tree import StagedTree


class Publish(Protocol):
    """Makes commits the head of a branch."""

    @property
    def branch(self) -> str:
        """The branch."""

    def prepare(self) -> None:
        """Ask the store what moving the branch takes, while the commit is being stored."""

    def __call__(self, digest: Digest, document: CommitDocument) -> Commit:
        """Make a stored commit the head, or raise; return what the head became."""


class Draft:
    """A commit in the making: its nodes as they are, and what writes and publishes it.

    `branch` is the one that the commit is to move, None if it is to be on none; `label` says
    what the draft is for. What users hold goes through `door`; `staged` has the verbs that
    stores and merges change nodes by; `commit_made` is the commit, once there is one;
    `has_failed` says that it could not be made so far.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        base: Digest | None,
        options: CommitOptions,
        *,
        label: str,
        publish: Publish | None,
    ) -> None:
        self.fetcher = fetcher
        self.base = base
        self.branch = None if publish is None else publish.branch
        self.label = label
        self.is_open = True
        self.has_failed = False
        self.door = Door(self.require_open)
        self.commit_made: Commit | None = None
        self._publish = publish
        self._writer = PackWriter(fetcher)
        self._commits = CommitWriter(fetcher, self._writer, base, options)
        self.staged = StagedTree(
            fetcher,
            self._writer,
            base,
            door=self.door,
            what=f"the base of a transaction {label}",
        )

    def require_open(self) -> None:
        """Raise `ClosedError` once the transaction is finished."""
        if not self.is_open:
            raise ClosedError(
                "the transaction is finished",
                code="finished-transaction",
                hint="begin another one with `repo.transaction(message='Add samples')`",
            )

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """What a thread holds while it changes the draft, so that others see whole changes."""
        return self._writer.lock

    def accept(self, others: Others) -> None:
        """Take what other processes write, from now on, whenever it is looked at and at the end."""
        self.require_open()
        self.door.others = others

    def checkpoint(self) -> Digest:
        """Store what the transaction holds as a commit that no branch names, and go on."""
        self.require_open()
        with self.lock, self._writer.to_its_end(unless=StorageError):
            return self._commits.write_part(self.staged.encode())

    def adopt(self, digest: Digest, changes: Mapping[str, Changes]) -> None:
        """Go on from the tree of a stored commit, which `changes` led to."""
        self.staged.adopt(digest, changes)

    def commit(self) -> Commit | None:
        """Make the commit and move the branch; return None where nothing was changed.

        Where the store fails before the branch was touched the draft stays open, to be tried
        again.
        """
        with self._finishing():
            written = self._write()
            if written is not None:
                self.commit_made = (self._publish or describe)(*written)
        return self.commit_made

    def annotate(self, metadata: Mapping[str, Any]) -> None:
        """Add to the metadata of the commit that is to be made."""
        self._commits.annotate(metadata)

    def write(self) -> tuple[Digest, CommitDocument] | None:
        """Store the commit without moving a branch; return None where nothing was changed.

        The draft is finished afterwards, unless the store fails: then it can be tried again.
        """
        with self._finishing():
            return self._write()

    @contextmanager
    def _finishing(self) -> Iterator[None]:
        """Finish the draft, unless the store fails inside; other threads wait, and are refused."""
        with self.lock:
            try:
                yield
            except StorageError:
                self.has_failed = True
                raise
            except BaseException:
                self.close()
                raise
            self.close()

    def _write(self) -> tuple[Digest, CommitDocument] | None:
        self.require_open()
        if self.door.others is not None:
            self.door.others.take(last=True)
        meanwhile = None if self._publish is None else self._publish.prepare
        return self._commits.write(self.staged.encode(), meanwhile=meanwhile)

    @property
    def would_be_lost(self) -> bool:
        """Whether there is work that no commit has, and of which its owner was not told."""
        is_changed = self.door.others is not None or self.staged.is_changed
        return self.is_open and self.branch is not None and is_changed and not self.has_failed

    def close(self) -> None:
        """Finish the transaction; what was not committed is given up."""
        others, self.door.others = self.door.others, None
        if others is not None:
            others.release()
        self.is_open = False
        self._writer.close()
