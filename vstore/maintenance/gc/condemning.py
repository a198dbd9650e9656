"""The first phase of garbage collection: finding what nothing needs, and publishing the list."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vstore.errors import FormatError, NotFoundError
from vstore.format import collection, object_keys
from vstore.format.collection import CollectionDocument, Condemned, CondemnedDocument
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest
from vstore.maintenance.gc.leases import oldest_lease
from vstore.maintenance.gc.marking import Live, PackSpace, mark
from vstore.maintenance.gc.repacking import Thinned
from vstore.maintenance.gc.roots import RefsFound, log_horizon
from vstore.maintenance.progress import NOTHING, Amount, Progress, ProgressStep
from vstore.storage.store import ObjectInfo, ObjectStore

PART_OBJECTS = 5000
"""How many condemned objects one part of the list holds, and are held in memory."""


@dataclass(slots=True, eq=False)
class Census:
    """Everything in the store, sorted by whether it is needed."""

    live: Amount = NOTHING
    young: Amount = NOTHING
    condemned: Amount = NOTHING


@dataclass(frozen=True, slots=True)
class Condemning:
    """What decides over an object: the time before which it must have been stored, and refs."""

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
    ) -> "Condemning":
        """Take the time; `now` must have been taken before `refs` were read."""
        lease = oldest_lease(store, now, grace)
        horizon = now - grace if lease is None else min(now - grace, lease)
        return cls(store, refs, now, horizon, expire, progress)

    def mark(self, live: Live, space: PackSpace | None) -> None:
        """Find what refs and logs reach, then what commits that are not on any ref yet do."""
        mark(self.store, self.refs.commits(), live, space=space, progress=self.progress)
        since = log_horizon(self.now, self.expire)
        left = self.refs.remembered(since)
        tolerated = (NotFoundError,)
        mark(self.store, left, live, tolerate=tolerated, space=space, progress=self.progress)
        # A transaction stores its commit, then moves its branch: the commit may be named soon.
        young = [
            digest
            for digest, info in _listed(self.store, object_keys.COMMITS)
            if digest not in live.digests and info.modified >= self.horizon
        ]
        mark(self.store, young, live, tolerate=(NotFoundError, FormatError), space=space)

    def sort(self, live: Live, census: Census, thinned: Thinned) -> Iterator[Condemned]:
        """Count everything and yield, in key order, what is old and that nothing needs.

        So are packs whose live chunks are elsewhere now, as `thinned` says.
        """
        seen = 0
        for prefix in (
            object_keys.COMMITS,
            object_keys.INDEX,
            object_keys.MOVED,
            object_keys.PACKS,
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
                elif info.modified >= self.horizon:
                    census.young += amount
                else:
                    census.condemned += amount
                    yield Condemned(info.key, info.nbytes, info.modified.isoformat(), moved)


def _listed(store: ObjectStore, prefix: str) -> Iterator[tuple[Digest, ObjectInfo]]:
    """List objects that digests name; what else lies there is none of gc's business."""
    for info in store.list_prefix(prefix):
        find = object_keys.moved_at if prefix == object_keys.MOVED else object_keys.digest_at
        digest = find(info.key)
        if digest is not None:
            yield digest, info


@dataclass(slots=True, eq=False)
class CondemnedList:
    """Writes the list of condemned objects in parts.

    A list that no state comes to name is removed by a later collection.
    """

    store: ObjectStore
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    firsts: list[str] = field(default_factory=list)
    amount: Amount = NOTHING
    _pending: list[Condemned] = field(default_factory=list)

    def add(self, found: Condemned) -> None:
        """Take the next object, in key order."""
        self._pending.append(found)
        self.amount += Amount(1, found.nbytes)
        if len(self._pending) >= PART_OBJECTS:
            self.flush()

    def flush(self) -> None:
        """Store what is pending."""
        if not self._pending:
            return
        part = CondemnedDocument(FORMAT, self.epoch, self._pending)
        key = object_keys.condemned(self.epoch, len(self.firsts))
        self.store.put(key, collection.encode(part))
        self.firsts.append(self._pending[0].key)
        self._pending = []

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
