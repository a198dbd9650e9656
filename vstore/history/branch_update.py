"""Making a commit the head of its branch, also while other writers race for it."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, Self, TypeVar

from vstore.errors import (
    ConflictError,
    NotFoundError,
    PolicyError,
    StorageError,
    UnknownOutcomeError,
)
from vstore.format.digest import Digest
from vstore.history.refs import Branch, Refs

TRIES = 100
"""How often an update is redone on a new head before it is given up."""

DOUBTS = 5
"""How often one attempt of unknown outcome is repeated before that is raised."""

_FIRST_WAIT_SECONDS = 0.005
_LONGEST_WAIT_SECONDS = 2.0

Sleep = Callable[[float], None]


class Update(Protocol):
    """A commit that is to become the head of a branch; a value, never changed."""

    @property
    def digest(self) -> Digest:
        """The commit."""

    def attempt(self, head: Branch | None) -> Branch | None:
        """Try to move the branch from `head`, once; return None if it is not there.

        A `head` of None stands for a branch that does not exist yet.
        """

    def is_in(self, head: Branch) -> bool:
        """Return whether an attempt has taken effect in the branch, whatever came after."""

    def redo(self, head: Branch | None) -> Self:
        """Return the update as it is to be attempted on a head that changed.

        The update itself will do where nothing but the fence of the branch changed.

        Raises:
            ConflictError: what others did to the branch excludes the update.
        """


U = TypeVar("U", bound=Update)


def update_branch(refs: Refs, name: str, head: Branch | None, update: U, *, sleep: Sleep) -> U:
    """Make an update the head of a branch; return it, or what it became when it was redone.

    Whenever another writer comes first, the update is redone on the new head and attempted
    again, after a wait that grows. If the store cannot say whether an attempt took effect,
    the branch itself does, and nothing takes effect twice.

    Args:
        refs: where the branch is.
        name: the branch.
        head: the branch as it was read, None if it does not exist.
        update: what is attempted first.
        sleep: waits for a number of seconds.

    Raises:
        ConflictError: the update cannot be redone, the branch was deleted, or others were
            first each time; the branch is left to them.
        UnknownOutcomeError: an attempt may have taken effect, and nothing can tell.
    """
    is_new, doubt = head is None, _Doubt(refs)
    if doubt.is_done(head, update):
        return update
    for number in range(TRIES):
        with doubt.looking():
            head = refs.find_branch(name)
            if head is None and not is_new:
                raise ConflictError(
                    f"the branch {name!r} was deleted meanwhile; nothing was changed",
                    code="branch-deleted",
                    hint=f"restore it with `repo.branches.restore({name!r})`, and try again",
                    name=name,
                )
            is_there = head is not None and update.is_in(head)
        if head is not None and is_there:
            is_done = doubt.lasts(head, update.digest)
        else:
            doubt.was_refused(head)
            update = update.redo(head)
            is_done = doubt.is_done(head, update)
        if is_done:
            return update
        sleep(_wait(number))
    doubt.check()
    raise ConflictError(
        f"the branch {name!r} was updated {TRIES} times while this commit was being made; "
        "nothing was changed",
        code="branch-contended",
        hint="try again; let fewer writers share a branch, or make larger commits",
        name=name,
    )


class _Doubt:
    """Whether an attempt may have taken effect, or may still do so."""

    def __init__(self, refs: Refs) -> None:
        self._refs = refs
        self._unknown: UnknownOutcomeError | None = None
        self._tried: Branch | None = None
        self._left = DOUBTS

    def is_done(self, head: Branch | None, update: Update) -> bool:
        """Attempt an update; return whether it is known to have taken effect."""
        return self._is_done(head, lambda: update.attempt(head))

    def lasts(self, head: Branch, digest: Digest) -> bool:
        """Return whether an update found in the branch is known to last.

        What can be read is not always safe from a power cut; what others built on is, and
        so is a write that is acknowledged.
        """
        if head.commit != digest:
            return True
        return self._is_done(head, lambda: self._refs.fence_branch(head, head.document.fence))

    def _is_done(self, head: Branch | None, attempt: Callable[[], Branch | None]) -> bool:
        try:
            return attempt() is not None
        except UnknownOutcomeError as error:
            self._unknown, self._tried = error, head
            self._left -= 1
            if not self._left:
                raise
            return False
        except (ConflictError, PolicyError, StorageError) as error:
            self.check(error)
            raise

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at the branch; if that fails, say rather that an attempt may have taken effect."""
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
        """Take note of a head without the update: if it is another, none can arrive any more."""
        if (head and head.version) != (self._tried and self._tried.version):
            self._unknown, self._left = None, DOUBTS


def _wait(attempt: int) -> float:
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    return random.uniform(0, longest)
