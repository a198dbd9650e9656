"""The first phase of garbage collection: finding what is unreachable, and listing it."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vstore.errors import FormatError, NotFoundError
from vstore.format import collection, object_keys
from vstore.format.collection import CollectionDocument, PendingDocument, PendingObject
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest
from vstore.history.fence import read_part
from vstore.maintenance.gc.leases import oldest_lease
from vstore.maintenance.gc.marking import Live, PackSpace, mark
from vstore.maintenance.gc.repacking import Thinned
from vstore.maintenance.gc.roots import RefsFound, log_horizon
from vstore.maintenance.progress import NOTHING, Amount, Progress, ProgressStep
from vstore.storage.store import ObjectInfo, ObjectStore

PART_OBJECTS = 5000
"""How many objects one part of the pending list holds; as many are held in memory."""


@dataclass(slots=True, eq=False)
class Census:
    """Everything in the store, sorted by whether it is reachable."""

    live: Amount = NOTHING
    young: Amount = NOTHING
    pending: Amount = NOTHING
    documents: int = 0
    """How many commits and parts of commits are reachable and listed."""
    commits_pending: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What decides whether an object is garbage: refs, and a time it must be older than."""

    store: ObjectStore
    refs: RefsFound
    now: datetime
    horizon: datetime
    expire: timedelta
    progress: Progress

    @classmethod
    def begin(
        cls,
        store: ObjectStore,
        refs: RefsFound,
        now: datetime,
        *,
        grace: timedelta,
        expire: timedelta,
        progress: Progress,
    ) -> "Survey":
        """Take the time; `now` must have been taken before `refs` were read."""
        lease = oldest_lease(store, now, grace)
        horizon = now - grace if lease is None else min(now - grace, lease)
        return cls(store, refs, now, horizon, expire, progress)

    @property
    def since(self) -> datetime:
        """Since when a branch must have left a commit for its log to keep it."""
        return log_horizon(self.now, self.expire)

    def mark(self, live: Live, space: PackSpace | None) -> None:
        """Find what refs and logs reach, then what commits that are not on any ref yet do."""
        mark(self.store, self.refs.commits(), live, space=space, progress=self.progress)
        left = self.refs.remembered(self.since)
        tolerated = (NotFoundError,)
        mark(self.store, left, live, tolerate=tolerated, space=space, progress=self.progress)
        # A transaction stores its commit, then moves its branch: the commit may be named soon.
        young = [
            digest
            for digest, info in _listed(self.store, object_keys.COMMITS)
            if digest not in live.digests and info.modified >= self.horizon
        ]
        mark(self.store, young, live, tolerate=(NotFoundError, FormatError), space=space)

    def sort(self, live: Live, census: Census, thinned: Thinned) -> Iterator[PendingObject]:
        """Count everything and yield what is old and unreachable.

        Packs whose live chunks are elsewhere now, as `thinned` says, are yielded too.
        """
        seen = 0
        for prefix in (
            object_keys.COMMITS,
            object_keys.INDEX,
            object_keys.MOVED,
            object_keys.PACKS,
            object_keys.SIGNATURES,
        ):
            for digest, info in _listed(self.store, prefix):
                seen += 1
                if seen % 1000 == 0:
                    self.progress(ProgressStep("sorting objects", seen))
                amount = Amount(1, info.nbytes)
                moved = thinned.moved.get(info.key, "")
                is_live = digest in (
                    thinned.needed if prefix == object_keys.MOVED else live.digests
                )
                if is_live and not moved:
                    census.live += amount
                    census.documents += prefix in (object_keys.COMMITS, object_keys.INDEX)
                elif info.modified >= self.horizon:
                    census.young += amount
                else:
                    census.pending += amount
                    census.commits_pending += prefix == object_keys.COMMITS
                    yield PendingObject(info.key, info.nbytes, info.modified.isoformat(), moved)


def _listed(store: ObjectStore, prefix: str) -> Iterator[tuple[Digest, ObjectInfo]]:
    """List objects with the digests that say whether they are needed.

    That of a signature is of its commit. Anything else there is not gc's to delete.
    """
    find = _FINDERS.get(prefix, object_keys.digest_at)
    for info in store.list_prefix(prefix):
        digest = find(info.key)
        if digest is not None:
            yield digest, info


def _signed(key: str) -> Digest | None:
    found = object_keys.signature_at(key)
    return None if found is None else found[0]


_FINDERS: Mapping[str, Callable[[str], Digest | None]] = {
    object_keys.MOVED: object_keys.moved_at,
    object_keys.SIGNATURES: _signed,
}


@dataclass(slots=True, eq=False)
class PendingList:
    """Writes the pending list in parts, in key order.

    Holds one part in memory, and all of them where the store does not list in that order. A list
    that no state ever names is removed by a later collection.
    """

    store: ObjectStore
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    firsts: list[str] = field(default_factory=list)
    amount: Amount = NOTHING
    _buffer: list[PendingObject] = field(default_factory=list)
    _last: str = ""
    _is_sorted: bool = True

    def add(self, found: PendingObject) -> None:
        """Take one more object."""
        if found.key < self._last and self._is_sorted:
            self._take_back()
        self._last = found.key
        self._buffer.append(found)
        self.amount += Amount(1, found.nbytes)
        if self._is_sorted and len(self._buffer) >= PART_OBJECTS:
            self._store(self._buffer)
            self._buffer = []

    def finish(self) -> None:
        """Store what was not stored yet."""
        self._buffer.sort(key=lambda item: item.key)
        for start in range(0, len(self._buffer), PART_OBJECTS):
            self._store(self._buffer[start : start + PART_OBJECTS])
        self._buffer = []

    def _take_back(self) -> None:
        """Read again what was stored, to be sorted with the rest."""
        self._is_sorted = False
        stored = [read_part(self.store, self.epoch, n).objects for n in range(len(self.firsts))]
        self._buffer = [item for part in stored for item in part] + self._buffer
        self.firsts = []

    def _store(self, items: list[PendingObject]) -> None:
        part = PendingDocument(FORMAT, self.epoch, items)
        self.store.put(
            object_keys.pending_part(self.epoch, len(self.firsts)), collection.encode(part)
        )
        self.firsts.append(items[0].key)

    def document(
        self, grace: timedelta, horizon: datetime, *, before: str | None
    ) -> CollectionDocument:
        """Return the state that makes the list known; see `CollectionDocument` for `horizon`."""
        return CollectionDocument(
            format=FORMAT,
            epoch=self.epoch,
            before=before,
            phase="waiting",
            token=secrets.token_hex(16),
            grace_seconds=grace.total_seconds(),
            parts=self.firsts,
            horizon=horizon.isoformat(),
            objects=self.amount.objects,
            nbytes=self.amount.nbytes,
        )
