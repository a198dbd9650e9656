"""The second phase of garbage collection: deleting what is pending and still unreachable."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from vstore.errors import (
    ConflictError,
    CorruptionError,
    NotFoundError,
    NotHereError,
    StorageError,
    VstoreError,
)
from vstore.format import object_keys
from vstore.format.collection import CollectionDocument, PendingObject
from vstore.format.commit import BranchDocument, Fence, TagDocument
from vstore.format.digest import Digest, read_verified
from vstore.history.fence import read_part
from vstore.history.forwarding import find_moved
from vstore.history.refs import Refs
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.gc.guard import Guard
from vstore.maintenance.gc.leases import oldest_lease, store_now
from vstore.maintenance.gc.marking import KnownCommits, Live, PackSpace, mark
from vstore.maintenance.gc.roots import list_refs, log_horizon, not_listed
from vstore.maintenance.gc.state import Heartbeat, State
from vstore.maintenance.progress import NOTHING, Amount, Progress, ProgressStep
from vstore.storage.store import Key, ObjectStore

_DELETERS = 16
_TRIES = 200
_ROUNDS = 5
_GROUPS = (
    object_keys.SIGNATURES,
    object_keys.COMMITS,
    object_keys.INDEX,
    object_keys.MOVED,
    object_keys.PACKS,
)
"""In this order: an object goes before those that it refers to, so that a commit that is still
there lacks nothing, however far a collection came that was killed."""


@dataclass(slots=True, eq=False)
class Swept:
    """What one sweep did."""

    freed: Amount = NOTHING
    kept: Amount = NOTHING
    live: Live = field(default_factory=Live)


def sweep(
    guard: Guard, state: State, *, expire: timedelta, progress: Progress
) -> tuple[State, Swept]:
    """Delete what is on the pending list of `state`, except what is needed again.

    If parts of the list are gone, it deletes nothing more.

    Raises:
        ConflictError: another collection took over.
        CorruptionError: a branch or tag is gone that nobody deleted.
        StorageError: the store does not list a branch or tag.
    """
    state = state.entering("sweeping")
    store, heart, document = guard.store, Heartbeat(state), state.document
    if document is None:
        raise AssertionError
    swept = Swept(live=Live(promises=guard.promises))
    if not _is_whole(store, document):
        return state.entering("done"), swept

    def alive(step: ProgressStep) -> None:
        heart.beat()
        progress(step)

    swept.live.known = _known_commits(store, document)
    try:
        now, space = _find_needed(guard, document, swept.live, expire, alive)
    except (CorruptionError, NotHereError, StorageError):
        with suppress(VstoreError):
            heart.state.entering("done")  # nothing was deleted, and this list is given up
        raise
    lease = oldest_lease(store, now, timedelta(seconds=document.grace_seconds))
    _Sweep(store, document, swept, heart, lease, space, progress).run()
    return heart.state.entering("done"), swept


def _find_needed(
    guard: Guard, document: CollectionDocument, live: Live, expire: timedelta, alive: Progress
) -> tuple[datetime, PackSpace | None]:
    """Fence all branches, then find what is needed; return the time, and what of packs is.

    Raises:
        CorruptionError: a branch or tag is gone that nobody deleted, or what is needed is.
        StorageError: the store does not list a branch or tag.
    """
    store = guard.store
    for _ in range(_ROUNDS):
        _fence_branches(store, document.epoch, alive)
        now = store_now(store)
        refs = guard.read()
        if all(_is_fenced(ref, document.epoch) for _, ref, _ in refs.living):
            break
    else:
        raise not_listed(store, "all branches each time")
    since = log_horizon(now, expire)
    space = PackSpace(Forwards.read(store)) if _thins(store, document) else None
    mark(store, refs.commits(), live, space=space, progress=alive)
    left = refs.remembered(since)
    mark(store, left, live, tolerate=(NotFoundError,), space=space, progress=alive)
    has_garbage = live.known is not None and len(live.known.pending) > 0
    guard.require_refs(refs, live, has_garbage_commits=has_garbage)
    guard.remember(refs, since)
    return now, space


def _is_fenced(ref: BranchDocument | TagDocument, epoch: str) -> bool:
    """Return whether a writer that read a ref before the collection began notices it."""
    if not isinstance(ref, BranchDocument):
        return True
    return ref.fence is not None and ref.fence.epoch == epoch


def _thins(store: ObjectStore, document: CollectionDocument) -> bool:
    return any(item.moved for item in _pending(store, document, object_keys.PACKS))


def _is_whole(store: ObjectStore, document: CollectionDocument) -> bool:
    there = {info.key for info in store.list_prefix(f"{object_keys.COLLECTION}{document.epoch}/")}
    return all(
        object_keys.pending_part(document.epoch, n) in there for n in range(len(document.parts))
    )


def _fence_branches(store: ObjectStore, epoch: str, alive: Progress) -> None:
    """Rewrite every branch, so that a writer that read it before notices when it updates it."""
    refs = Refs(store)
    fence = Fence(epoch, open=True)
    for fenced, key in enumerate(list_refs(store)):
        name = object_keys.find_ref_name(key)
        if name is None or not key.startswith(object_keys.BRANCHES):
            continue
        alive(ProgressStep("fencing branches", fenced))
        for attempt in range(_TRIES):
            branch = refs.find_branch(name)
            if branch is None or branch.document.fence == fence:
                break
            if refs.fence_branch(branch, fence) is not None:
                break
            time.sleep(min(1.0, 0.002 * 2 ** min(attempt, 9)))
        else:
            raise ConflictError(
                f"the branch {name!r} was updated each of {_TRIES} times that garbage collection "
                "tried to fence it; nothing was deleted",
                code="ref-moved",
                hint="try again",
            )


def _known_commits(store: ObjectStore, document: CollectionDocument) -> KnownCommits:
    known = KnownCommits()
    horizon = datetime.fromisoformat(document.horizon)
    for info in store.list_prefix(object_keys.COMMITS):
        digest = object_keys.digest_at(info.key)
        if digest is not None and info.modified < horizon:
            known.there.add(digest)
    for item in _pending(store, document, object_keys.COMMITS):
        digest = object_keys.digest_at(item.key)
        if digest is not None:
            known.pending.add(digest)
    return known


def _pending(
    store: ObjectStore, document: CollectionDocument, prefix: str
) -> Iterator[PendingObject]:
    """Yield what is pending below a prefix, reading the parts that can hold it."""
    for number, first in enumerate(document.parts):
        following = document.parts[number + 1 : number + 2]
        if following and following[0] < prefix:
            continue
        if first > prefix and not first.startswith(prefix):
            return
        for item in read_part(store, document.epoch, number).objects:
            if item.key.startswith(prefix):
                yield item


@dataclass(slots=True, eq=False)
class _Sweep:
    store: ObjectStore
    document: CollectionDocument
    swept: Swept
    heart: Heartbeat
    lease: datetime | None
    space: PackSpace | None
    progress: Progress
    _done: int = 0

    def run(self) -> None:
        with ThreadPoolExecutor(_DELETERS, thread_name_prefix="vstore-sweep") as pool:
            for prefix in _GROUPS:
                items = _pending(self.store, self.document, prefix)
                for folder, group in groupby(items, key=_folder):
                    self.heart.beat()
                    self._sweep_folder(folder, list(group), pool)

    def _sweep_folder(
        self, folder: str, group: list[PendingObject], pool: ThreadPoolExecutor
    ) -> None:
        """Delete from one folder what is there exactly as it was listed."""
        wanted = {item.key: item for item in group}
        doomed: list[PendingObject] = []
        for info in self.store.list_prefix(folder):
            item = wanted.get(info.key)
            if item is None:
                continue
            same = (info.nbytes, info.modified.isoformat()) == (item.nbytes, item.modified)
            if same and not self._is_needed(item):
                doomed.append(item)
            else:
                self.swept.kept += Amount(1, info.nbytes)
        for item in pool.map(self._delete, doomed):
            self.heart.beat()
            self.swept.freed += Amount(1, item.nbytes)
        self._done += len(group)
        self.progress(
            ProgressStep("deleting", self._done, self.document.objects, self.swept.freed.nbytes)
        )

    def _is_needed(self, item: PendingObject) -> bool:
        if self.lease is not None and datetime.fromisoformat(item.modified) >= self.lease:
            return True
        digest = object_keys.digest_at(item.key)
        if digest is None:
            return self._is_needed_beside(item.key)
        if item.moved:
            return not self._is_elsewhere(digest, item.moved)
        return digest in self.swept.live.digests

    def _is_needed_beside(self, key: str) -> bool:
        """Return whether an object is needed that is named by the digest of another one."""
        live, signed = self.swept.live, object_keys.signature_at(key)
        if signed is not None:
            return live.keeps(signed[0])
        source = object_keys.moved_at(key)
        return source is None or (source in live.digests and self._keep_way(source))

    def _keep_way(self, pack: Digest) -> bool:
        """Keep also the pack to which a forwarding document leads."""
        moved = find_moved(self.store, pack)
        if moved is not None:
            self.swept.live.digests.add(moved.into.digest)
        return True

    def _is_elsewhere(self, pack: Digest, document: str) -> bool:
        """Make sure that all that is needed of a pack is, whole, in the one it went into.

        `document` is the digest of what was known of that when the pack was listed. What
        was committed since may need more of the pack than that.
        """
        moved = find_moved(self.store, pack)
        if moved is None or moved.digest != document or self.space is None:
            return False
        parts = self.space.parts(pack)
        if (moved.offsets(parts[:, 0], parts[:, 1]) < 0).any():
            return False
        into = object_keys.pack(moved.into.digest)
        try:
            expected = bytes.fromhex(moved.into.digest)
            read_verified(lambda: self.store.get(into), expected, what=into)
        except (NotFoundError, CorruptionError):
            return False
        return True

    def _delete(self, item: PendingObject) -> PendingObject:
        self.heart.require_fresh()
        self.store.delete(Key(item.key))
        return item


def _folder(item: PendingObject) -> str:
    """Return the prefix that is listed just before the object is deleted."""
    for prefix in (object_keys.COMMITS, object_keys.SIGNATURES):
        if item.key.startswith(prefix):
            return item.key[: len(prefix) + 2]
    return item.key[: item.key.rindex("/") + 1]
