"""What keeps writers and garbage collection apart; see docs/design/010-garbage-collection.md.

A collection fences every branch before it deletes anything: it writes its own name into the
branch. A writer that read the branch before that cannot update it without reading it again,
and a writer that finds a new fence checks that everything its commit needs is still there.
Writers that meet no collection send no additional request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vstore.errors import ConflictError, NotFoundError, NotHereError
from vstore.format import object_keys
from vstore.format.collection import CollectionDocument, PendingDocument
from vstore.format.commit import Fence
from vstore.format.digest import Digest
from vstore.history.documents import read_collection
from vstore.history.forwarding import Moves
from vstore.lazy import lazy
from vstore.storage.store import Key, ObjectStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vstore.format.page import ChunkRef
    from vstore.history import closure
    from vstore.history.closure import Need
else:
    closure = lazy("vstore.history.closure")

SLOW_SECONDS = 30.0
"""How long a ref may take from being named to being stored before it is looked after.

Far less than any grace period: what was referred to when it was named is there for longer.
"""

SWEEP_SECONDS = 60.0
"""How long a commit waits for a collection that may be deleting what it needs."""

_POLL_SECONDS = 0.5


class Stopwatch:
    """How long something took, by whichever clock says more: one of them stops in sleep."""

    def __init__(self, age_seconds: float = 0.0) -> None:
        self._monotonic = time.monotonic() - age_seconds
        self._wall = time.time() - age_seconds

    @property
    def seconds(self) -> float:
        """The seconds since the stopwatch was made."""
        return max(time.monotonic() - self._monotonic, time.time() - self._wall)

    @property
    def is_slow(self) -> bool:
        """Whether a collection could have come and gone in between."""
        return self.seconds > SLOW_SECONDS


@dataclass(frozen=True, slots=True)
class Asked:
    """The collection under way or the last one, and how long ago that was asked."""

    since: Stopwatch
    state: CollectionDocument | None


def ask(store: ObjectStore) -> Asked:
    """Ask for the collection under way, for a ref that is to be made soon."""
    since = Stopwatch()
    return Asked(since, find_collection(store))


def find_collection(store: ObjectStore) -> CollectionDocument | None:
    """Return the collection under way or the last one, None where there never was one."""
    try:
        return read_collection(store, object_keys.COLLECTION_STATE, CollectionDocument)[0]
    except NotFoundError:
        return None


def is_there(store: ObjectStore, key: Key) -> bool:
    """Return whether an object is listed; reads none of it."""
    return any(info.key == key for info in store.list_prefix(key))


def pending_among(store: ObjectStore, state: CollectionDocument, wanted: Iterable[Key]) -> set[Key]:
    """Return which of the objects are pending deletion, reading only the parts concerned."""
    by_part: dict[int, set[Key]] = {}
    for key in wanted:
        part = state.part_of(key)
        if part is not None:
            by_part.setdefault(part, set()).add(key)
    found: set[Key] = set()
    for number, candidates in sorted(by_part.items()):
        listed = read_part(store, state.epoch, number).objects
        found |= candidates & {Key(item.key) for item in listed}
    return found


def read_part(store: ObjectStore, epoch: str, number: int) -> PendingDocument:
    """Return one part of a pending list, or raise `NotFoundError`."""
    return read_collection(store, object_keys.pending_part(epoch, number), PendingDocument)[0]


def fence_to_move(
    store: ObjectStore, here: Fence | None, begun: Fence | None, objects: Iterator[Need]
) -> Fence | None:
    """Return the fence for a branch that is to be updated, having checked that it may be.

    Args:
        store: where the branch is.
        here: the fence of the branch as it was read for this update.
        begun: the fence it had before the first of `objects` was written.
        objects: what the new commit needs besides the old; used only if a collection came by.

    Raises:
        ConflictError: the collection deleted, or is about to delete, one of them.
    """
    if here == begun and not (here and here.open):
        return here
    state = require_intact(store, objects)
    if state is None:
        return None if here is None else Fence(here.epoch, open=False)
    return _fence(state)


def _fence(state: CollectionDocument) -> Fence | None:
    """Return the fence that says which collection deleted last, and whether it still does.

    Equal fences mean that no deletion began in between: a collection that has only listed
    objects is not named.
    """
    swept = state.last_swept
    return None if swept is None else Fence(swept, open=state.is_sweeping)


@dataclass(frozen=True, slots=True)
class NewHead:
    """The commit that a new branch is to point to.

    Attributes:
        commit: the commit.
        written: whether the caller wrote it and what it needs just now.
        base: a commit on another ref; what that needs was not written.
    """

    commit: Digest
    written: bool
    base: Digest | None = None


def fence_to_create(
    store: ObjectStore, state: CollectionDocument | None, head: NewHead
) -> tuple[CollectionDocument | None, Fence | None]:
    """Return the collection and the fence for a new branch, having made sure that it may be made.

    Args:
        store: where the branch is to be.
        state: the collection under way or the last one, as it was found just now.
        head: where it is to point.

    Raises:
        ConflictError: the commit is pending deletion or gone, or lacks what it needs.
    """
    if state is None:
        return None, None
    if head.written:
        fresh = closure.fresh_objects(store, head.commit, head.base)
        state = require_intact(store, fresh) or state
    else:
        require_kept(store, state, head.commit)
    if state.is_pending:
        # It may look for branches to fence before this one is there.
        return state, Fence(state.epoch, open=True)
    return state, _fence(state)


def require_kept(store: ObjectStore, state: CollectionDocument | None, commit: Digest) -> None:
    """Check that a commit that is to be named is neither pending deletion nor gone.

    Raises:
        ConflictError: it is.
    """
    if state is None:
        return
    key = object_keys.commit(commit)
    if state.is_pending and pending_among(store, state, [key]):
        raise ConflictError(
            f"the commit {commit} is on no branch or tag, and garbage collection is about to "
            "delete it",
            code="pending-deletion",
            hint="cancel the deletion first with `repo.gc(cancel=True)`",
            commit=commit,
        )
    if not is_there(store, key):
        raise ConflictError(
            f"the commit {commit} is not in {store.url} any more", code="commit-deleted"
        )


def require_intact(store: ObjectStore, objects: Iterator[Need]) -> CollectionDocument | None:
    """Wait for deletions that may concern `objects`, then make sure that all are there.

    Returns the collection as it was found before the objects were looked for.

    Raises:
        ConflictError: one was deleted, or still may be after `SWEEP_SECONDS`.
    """
    started = Stopwatch()
    try:
        wanted = list(objects)
        named = [need.key for need in wanted]
        state = find_collection(store)
        while state is not None and state.is_sweeping and _touches(store, state, named):
            if started.seconds > SWEEP_SECONDS:
                raise ConflictError(
                    "garbage collection has been deleting objects equal to those of this "
                    f"commit for {SWEEP_SECONDS:.0f} seconds; nothing was changed",
                    code="gc-is-deleting",
                    hint="try again when it is over; if it was killed, finish it with `repo.gc()`",
                )
            time.sleep(_POLL_SECONDS)
            state = find_collection(store)
        missing = [need.key for need in wanted if not _is_kept(store, need)]
    except NotHereError:
        raise
    except NotFoundError as exc:
        raise _lost(str(exc)) from exc
    if missing:
        raise _lost(f"{len(missing)} are missing, the first is {missing[0]}")
    return state


def _is_kept(store: ObjectStore, need: Need) -> bool:
    """Return whether an object is there, or the chunks of a pack that was repacked."""
    if is_there(store, need.key):
        return True
    moves, there = Moves(store), set[Digest]()
    return bool(need.chunks) and all(_is_found(store, moves, there, c) for c in need.chunks)


def _is_found(store: ObjectStore, moves: Moves, there: set[Digest], ref: ChunkRef) -> bool:
    """Return whether a chunk's pack is there now; `there` are packs known to be."""
    while (place := moves.place(ref)).pack.digest not in there:
        if is_there(store, object_keys.pack(place.pack.digest)):
            there.add(place.pack.digest)
        elif not moves.is_news(ref, place):
            return False
    return True


def _touches(store: ObjectStore, state: CollectionDocument, wanted: list[Key]) -> bool:
    try:
        return bool(pending_among(store, state, wanted))
    except NotFoundError:
        return True  # that collection is over: look at the state again


def _lost(detail: str) -> ConflictError:
    return ConflictError(
        "garbage collection deleted objects that this commit needs, because it took longer than "
        f"the grace period to make ({detail}); nothing was changed",
        code="objects-deleted",
        hint="begin another transaction",
    )
