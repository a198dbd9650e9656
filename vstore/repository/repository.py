"""The front door: a repository's branches, commits, merges and history."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vstore.faces import exported_from
from vstore.lazy import lazy
from vstore.maintenance.progress import Progress, silent
from vstore.repository.caring import Caring
from vstore.repository.changing import Changing
from vstore.repository.looking_back import LookingBack
from vstore.storage.open import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from os import PathLike
    from pathlib import Path

    from vstore.format.commit import Author
    from vstore.history.commits import Commit
    from vstore.maintenance import traces
    from vstore.maintenance.fsck import fsck
    from vstore.maintenance.fsck.fsck import Checkpoint, FsckCursor, Mode
    from vstore.maintenance.fsck.fsck_report import FsckReport
    from vstore.maintenance.traces import TraceReport
    from vstore.reading.snapshot import Snapshot
    from vstore.repository import (
        boxes,
        browsing,
        copies,
        publishing,
    )
    from vstore.storage.store import ObjectStore
    from vstore.writing import commit_options
    from vstore.writing.transaction import Transaction
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    boxes = lazy("vstore.repository.boxes")
    browsing = lazy("vstore.repository.browsing")
    copies = lazy("vstore.repository.copies")
    commit_options = lazy("vstore.writing.commit_options")
    fsck = lazy("vstore.maintenance.fsck.fsck")
    publishing = lazy("vstore.repository.publishing")
    traces = lazy("vstore.maintenance.traces")


@exported_from("vstore")
class Repository(Changing, LookingBack, Caring):
    """A repository in an object store.

    Opening it makes no request. Several threads can use it, and it can be pickled.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        access = self._access
        make = partial(
            Repository,
            author=access.given_author,
            remotes=access.remote_settings,
            signatures=access.signature_settings,
        )
        return make, (self.store,)

    def checkout(self, revision: str | None = None, *, as_of: datetime | None = None) -> Snapshot:
        """Return a commit opened for reading.

        Args:
            revision: a branch, a tag, a commit id or a unique prefix of one, followed by `~n`
                or `^n` for an ancestor. Default: the default branch.
            as_of: the state of the revision's first-parent line at this time.

        Raises:
            NotFoundError: the revision or the repository does not exist.
            InvalidInputError: the prefix is ambiguous, or the revision is malformed.
        """
        return browsing.snapshot(self._access, self.resolve(revision, as_of=as_of))

    def transaction(
        self,
        branch: str | None = None,
        *,
        message: str,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        time: datetime | None = None,
        allow_empty: bool = False,
    ) -> Transaction:
        """Begin changes that become one commit on `branch`.

        Args:
            branch: the branch to update. Default: the default branch.
            message: the commit message.
            author: `"Ann Lee <ann@example.org>"`. Default: the repository's author.
            metadata: any value that JSON can represent.
            time: the commit's time. Default: now.
            allow_empty: commit even if nothing was changed.

        Raises:
            NotFoundError: the branch or the repository does not exist.
        """
        options = commit_options.CommitOptions(
            message=message,
            author=self._access.author(author),
            metadata=metadata or {},
            time=time,
            allow_empty=allow_empty,
            signatures=self._access.signing,
        )
        return publishing.begin(self._access, branch, options)

    def copy(  # noqa: PLR0913 - what, from where, and to where
        self,
        url: str | PathLike[str],
        path: str,
        new_path: str | None = None,
        *,
        revision: str | None = None,
        branch: str | None = None,
        replace: bool = False,
        message: str | None = None,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Copy a table, array or group out of another repository, in one commit.

        Chunks are copied as they are stored, and only those that are missing. The commit's
        metadata says where they came from, so that `update` finds it again.

        Args:
            url: the other repository.
            path: what to copy.
            new_path: where to put it. Default: the same path.
            revision: the commit there. Default: the default branch.
            branch: the branch to update. Default: the default branch.
            replace: delete what is at `new_path` first, in the same commit.
            message: the message of the commit.
            author: the author of the commit.
            metadata: the metadata of the commit, next to what is said of the source.
            storage_options: passed to the client of the other store.

        Raises:
            NotFoundError: there is no such repository, or nothing at the path.
            AlreadyExistsError: something is at the path here.
        """
        options = copies.CopyOptions(
            branch=branch,
            message=message,
            author=author,
            metadata=metadata or {},
            storage_options=storage_options,
        )
        to = path if new_path is None else new_path
        return copies.copy_from(self, url, path, to, options, revision=revision, replaces=replace)

    def update(  # noqa: PLR0913 - what, from where, and how
        self,
        path: str,
        *,
        revision: str | None = None,
        branch: str | None = None,
        discard_changes: bool = False,
        message: str | None = None,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Commit | None:
        """Bring what `copy` copied up to date with its source; return None if it is.

        Args:
            path: where the copy is.
            revision: another revision of the source than the one that was copied.
            branch: the branch to update. Default: the default branch.
            discard_changes: replace the copy even if it was changed here.
            message: the message of the commit.
            author: the author of the commit.
            metadata: the metadata of the commit, next to what is said of the source.
            storage_options: passed to the client of the other store.

        Raises:
            NotFoundError: nothing is at the path, or it was not copied.
            ConflictError: the copy was changed here.
        """
        options = copies.CopyOptions(
            branch=branch,
            message=message,
            author=author,
            metadata=metadata or {},
            storage_options=storage_options,
        )
        return copies.update(
            self, path, options, revision=revision, discards_changes=discard_changes
        )

    def fsck(  # noqa: PLR0913 - one option for each way of looking
        self,
        *,
        mode: Mode = "quick",
        share: tuple[int, int] | None = None,
        decode: bool = False,
        repair_from: Repository | str | Path | None = None,
        resume: FsckCursor | None = None,
        progress: Progress = silent,
        checkpoint: Checkpoint | None = None,
    ) -> FsckReport:
        """Verify the repository and list the samples that damage affects; see `FsckOptions`.

        `repair_from` is a copy of the repository, or its address, to restore objects from.
        What is damaged is restored from a remote that promises objects, if there is one and no
        copy is given. `checkpoint` receives a cursor every few seconds, from which a later call
        can `resume`.
        """
        copy = _store_of(repair_from)
        options = fsck.FsckOptions(
            mode=mode, share=share, decode=decode, repair_from=copy, resume=resume
        )
        remotes = self._access.remote_settings
        return fsck.fsck(
            self.store, options, progress=progress, checkpoint=checkpoint, remotes=remotes
        )

    def find_traces(
        self, wanted: str, *, remote: str | None = None, progress: Progress = silent
    ) -> TraceReport:
        """Search every object for a text, or for the digest of a value or an object.

        All is decoded: documents, chunks of all columns and what patches cover of them, whether
        a commit reaches it or not. `remote` searches the repository there instead.
        """
        store = self.store if remote is None else self.remotes[remote].store
        return traces.find_traces(store, wanted, progress)

    def __repr__(self) -> str:
        return f"<vstore.Repository {self.url}>"

    def _repr_html_(self) -> str:
        return boxes.repository_box(self)


def _store_of(copy: Repository | str | Path | None) -> ObjectStore | None:
    if copy is None or isinstance(copy, Repository):
        return None if copy is None else copy.store
    return open_store(copy)
