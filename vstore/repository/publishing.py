"""Making a commit the head of its branch, also where other writers race for it."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from vstore.errors import ConflictError, NotFoundError, StorageError, UnknownOutcomeError
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.history.commits import Commit, describe
from vstore.history.fence import Asked, ask
from vstore.history.merge_base import is_ancestor
from vstore.history.refs import Branch, Refs
from vstore.merging.conflicts import Resolution
from vstore.merging.merge import Merged, common_base, replay, write_merge
from vstore.merging.sides import Sides
from vstore.reading.fetch import Fetcher
from vstore.repository.access import Access
from vstore.sharing.forks import Forks
from vstore.writing.committing import CommitOptions
from vstore.writing.transaction import Transaction

TRIES = 100
"""How often a commit is redone on a new head before it is given up."""

DOUBTS = 5
"""How often one move of unknown outcome is tried again before that is raised."""

_FIRST_WAIT_SECONDS = 0.005
_LONGEST_WAIT_SECONDS = 2.0

Sleep = Callable[[float], None]


class _Doubt:
    """Whether a move that was tried may have taken effect, or may still do so."""

    def __init__(self, refs: Refs) -> None:
        self._refs = refs
        self._unknown: UnknownOutcomeError | None = None
        self._tried: Branch | None = None
        self._left = DOUBTS

    def is_done(self, head: Branch | None, move: Callable[[], Branch | None]) -> bool:
        """Try to move a branch from `head`; return whether it is known to have moved."""
        try:
            return move() is not None
        except UnknownOutcomeError as error:
            self._unknown, self._tried = error, head
            self._left -= 1
            if not self._left:
                raise
            return False
        except (ConflictError, StorageError) as error:
            self.check(error)
            raise

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at the branch; if that fails, say rather that the move may have taken effect."""
        try:
            yield
        except (ConflictError, NotFoundError, StorageError) as error:
            self.check(error)
            raise

    def check(self, reason: Exception | None = None) -> None:
        """Raise the unknown outcome, if there is one."""
        if self._unknown is not None:
            raise self._unknown from reason

    def was_refused(self, head: Branch | None) -> None:
        """Take note of a head without the move: if it is another, the move can come no more."""
        if (head and head.version) != (self._tried and self._tried.version):
            self._unknown, self._left = None, DOUBTS

    def lasts(self, head: Branch, digest: Digest) -> bool:
        """Tell whether a move found in the branch is known to last; what others build on is.

        What is there to be read is not always safe from a power cut; a write that is
        acknowledged is.
        """
        if head.commit != digest:
            return True
        return self.is_done(head, lambda: self._refs.mark_branch(head, head.document.fence))


@dataclass(frozen=True, slots=True)
class Publisher:
    """Moves a branch to a commit that was made on top of `base`.

    Where another writer moved the branch first, the changes are merged with the new head
    and tried again, waiting a little longer each time. Only a real conflict gives up. Where
    the store cannot say whether the branch moved, its history does.
    """

    fetcher: Fetcher
    refs: Refs
    name: str
    base: Branch | None
    options: CommitOptions
    sleep: Sleep = time.sleep
    _asked: list[Callable[[], Asked]] = field(default_factory=list)

    def prepare(self) -> None:
        """Ask for garbage collection, which a new branch has to know of."""
        if self.base is None:
            self._asked[:] = [self.fetcher.pool().submit(ask, self.fetcher.store).result]

    def __call__(self, digest: Digest, document: CommitDocument) -> Commit:
        """Move the branch and return its new head, which may be the commit redone.

        Raises:
            ConflictError: what others committed excludes these changes, or the branch was
                deleted; it stays as it is.
        """
        doubt = _Doubt(self.refs)
        if doubt.is_done(self.base, partial(self._move, self.base, digest)):
            return describe(digest, document)
        base = onto = None if self.base is None else self.base.commit
        mine, since = digest, document
        for attempt in range(TRIES):
            with doubt.looking():
                head = self._head(since.message)
                is_there = head is not None and self._contains(head, mine)
            if head is not None and is_there:
                is_done = doubt.lasts(head, mine)
            else:
                doubt.was_refused(head)
                now = None if head is None else head.commit
                if now != onto:  # else garbage collection marked the branch
                    mine, since = self._redo(digest, base, head)
                    onto = now
                is_done = doubt.is_done(head, partial(self._move, head, mine))
            if is_done:
                return describe(mine, since)
            self.sleep(_wait(attempt))
        doubt.check()
        raise ConflictError(
            f"the branch {self.name!r} moved {TRIES} times while this commit was being made; "
            "nothing was changed. Fewer writers on one branch, or larger commits, will help"
        )

    def _move(self, head: Branch | None, digest: Digest) -> Branch | None:
        first = self.options.message.splitlines()[:1]
        action = f"commit: {first[0] if first else ''}"
        if head is None:
            asked = self._asked.pop()() if self._asked else None
            return self.refs.create_branch(
                self.name, digest, action=action, written=True, asked=asked
            )
        begun = None if self.base is None else self.base.document.fence
        return self.refs.move_branch(head, digest, action=action, begun=begun)

    def _head(self, message: str) -> Branch | None:
        head = self.refs.find_branch(self.name)
        if head is None and self.base is not None:
            raise ConflictError(
                f"the branch {self.name!r} was deleted while {message!r} was being committed; "
                "nothing was changed"
            )
        return head

    def _contains(self, head: Branch, mine: Digest) -> bool:
        return is_ancestor(mine, head.commit, self.fetcher.commit)

    def _redo(
        self, digest: Digest, base: Digest | None, head: Branch | None
    ) -> tuple[Digest, CommitDocument]:
        """Make the changes of `digest` since `base` again, on top of the new head.

        Where others made the very same changes the commit is empty: what it says is kept.
        """
        onto = None if head is None else head.commit
        time = self.options.time if head is None else None
        options = replace(self.options, time=time, allow_empty=True)
        what = f"the branch {self.name!r} moved, and the new head excludes these changes"
        transaction, conflicts = replay(self.fetcher, Sides(base, onto, digest), options, what=what)
        if conflicts.unresolved:
            transaction.discard()
            conflicts.check(what)
        written = transaction.write()
        if written is None:
            raise AssertionError
        return written


def begin(access: Access, branch: str | None, options: CommitOptions) -> Transaction:
    """Begin a transaction on a branch, the default one, which it makes, where None is named.

    Raises:
        NotFoundError: no such branch, or there is no repository.
    """
    name = access.default_branch if branch is None else branch
    base = access.refs.find_branch(name)
    if base is None and name != access.default_branch:
        raise NotFoundError(
            f"there is no branch {name!r} in {access.store.url}: make it with "
            f"repo.branches.create({name!r}, at=...)"
        )
    return Transaction(
        access.fetcher,
        None if base is None else base.commit,
        options,
        branch=name,
        publish=Publisher(access.fetcher, access.refs, name, base, options),
        forking=Forks(access.fetcher, options),
    )


@dataclass(frozen=True, slots=True)
class BranchMerge:
    """Merges commits into a branch as it was read."""

    fetcher: Fetcher
    refs: Refs
    branch: Branch
    options: CommitOptions
    sleep: Sleep = time.sleep

    def run(self, theirs: Digest, *, resolve: Resolution | None) -> Merged:
        """Merge and move the branch; again on its new head where it moved meanwhile."""
        branch, doubt = self.branch, _Doubt(self.refs)
        found, digest = self._merge(branch.commit, theirs, resolve)
        onto = branch.commit
        for attempt in range(TRIES):
            if branch.commit != onto:
                found, digest = self._merge(branch.commit, theirs, resolve)
                onto = branch.commit
            if digest == branch.commit:
                return found
            if doubt.is_done(branch, partial(self._move, branch, digest, found.kind)):
                return found
            self.sleep(_wait(attempt))
            with doubt.looking():
                branch = self.refs.get_branch(branch.name)
                is_there = is_ancestor(digest, branch.commit, self.fetcher.commit)
            if is_there and doubt.lasts(branch, digest):
                return found
            doubt.was_refused(branch)
        doubt.check()
        raise ConflictError(f"the branch {branch.name!r} moved {TRIES} times; nothing was changed")

    def _move(self, branch: Branch, digest: Digest, kind: str) -> Branch | None:
        action = f"{kind}: {self.options.message.splitlines()[0]}"
        begun = self.branch.document.fence
        return self.refs.move_branch(branch, digest, action=action, begun=begun)

    def preview(self, theirs: Digest, *, resolve: Resolution | None) -> Merged:
        """Return what `run` would do, with every conflict, and change nothing."""
        ours = self.branch.commit
        simple = self._without_merge(ours, theirs)
        if simple is not None:
            return simple
        base = common_base(self.fetcher, ours, theirs, self.options)
        options = replace(self.options, merged=(theirs,))
        transaction, conflicts = replay(
            self.fetcher, Sides(base, ours, theirs), options, resolve=resolve
        )
        transaction.discard()
        return Merged("merge", None, tuple(conflicts.found), tuple(conflicts.unresolved))

    def _without_merge(self, ours: Digest, theirs: Digest) -> Merged | None:
        read = self.fetcher.commit
        if is_ancestor(theirs, ours, read):
            return Merged("up-to-date", describe(ours, read(ours)))
        if is_ancestor(ours, theirs, read):
            return Merged("fast-forward", describe(theirs, read(theirs)))
        return None

    def _merge(
        self, ours: Digest, theirs: Digest, resolve: Resolution | None
    ) -> tuple[Merged, Digest]:
        simple = self._without_merge(ours, theirs)
        if simple is not None and simple.commit is not None:
            return simple, simple.commit.id
        what = f"cannot merge into {self.branch.name!r}"
        written, conflicts = write_merge(
            self.fetcher, ours, theirs, self.options, resolve=resolve, what=what
        )
        if written is None:
            raise ConflictError(f"{what}: nothing to merge")
        return Merged("merge", describe(*written), tuple(conflicts.found)), written[0]


def _wait(attempt: int) -> float:
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    return random.uniform(0, longest)
