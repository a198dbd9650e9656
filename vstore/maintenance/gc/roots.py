"""Where reachability begins: branches, what their logs still remember, and tags."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from vstore.errors import ConflictError, FormatError, StorageError
from vstore.format import object_keys
from vstore.format.collection import SeenRef
from vstore.format.commit import BranchDocument, DeletedDocument, TagDocument, Tombstone, parse_time
from vstore.format.digest import Digest
from vstore.history.deletion_records import read_deleted
from vstore.history.refs import Refs, StoredRef
from vstore.maintenance.gc.seen import SeenRefs
from vstore.storage.store import Key, ObjectStore, Version, opened_as

_SCANS = 20
_THREADS = 32
_PAUSE_SECONDS = 0.05
_NONE = timedelta(0)
_TOMBSTONE_AGE = timedelta(hours=1)
_SKEW = timedelta(minutes=10)
"""How far a writer's clock may be behind the store's before its times are put right."""


@dataclass(frozen=True, slots=True)
class RefsFound:
    """All branches and tags, as they stood together at one moment.

    `found` are the documents and versions, tombstones included, `written` is when each was
    stored, by the store's clock, and `seen` is what the last collection saw.
    """

    found: Mapping[Key, tuple[StoredRef, Version]]
    deleted: Mapping[Key, DeletedDocument]
    written: Mapping[Key, datetime]
    seen: SeenRefs

    @property
    def living(self) -> Iterator[tuple[Key, BranchDocument | TagDocument, Version]]:
        """The branches and tags that are not deleted, with their versions."""
        for key, (ref, version) in self.found.items():
            if not isinstance(ref, Tombstone):
                yield key, ref, version

    def commits(self) -> set[Digest]:
        """Return where branches and tags point."""
        return {Digest(ref.commit) for _, ref, _ in self.living}

    def left(self) -> dict[Digest, datetime]:
        """Return the commits that branches, and tags that are gone, pointed at until when.

        The times of a branch's log are by the clocks of its writers. One that is behind must
        not make what was left look older, so the store's time of the last move counts, and
        what an earlier collection knew of those before. Deletions are by the store's clock.
        """
        found = self._logged()
        for key, ref, version in self.living:
            if isinstance(ref, BranchDocument):
                _keep_latest(
                    found, _moves(ref, self.seen.refs.get(key), version, self.written[key])
                )
        known = self.seen.left.items()
        _keep_latest(found, [(digest, then) for digest, then in known if digest in found])
        return found

    def remembered(self, since: datetime) -> set[Digest]:
        """Return what was left at `since` or later."""
        return {digest for digest, then in self.left().items() if then >= since}

    def corrected(self, since: datetime) -> dict[Digest, datetime]:
        """Return of `left` what logs do not say, and is not over: the next collection needs it."""
        logged = self._logged()
        left = self.left().items()
        return {digest: then for digest, then in left if then >= since and then != logged[digest]}

    def _logged(self) -> dict[Digest, datetime]:
        """Return the commits that were left, and when as far as logs say."""
        found: dict[Digest, datetime] = {}
        for _, ref, _ in self.living:
            if isinstance(ref, BranchDocument):
                _keep_latest(found, _moves(ref, None, None, None))
        for key, note in self.deleted.items():
            _keep_latest(found, [(Digest(note.ref.commit), self.written[key])])
            if note.branch is not None:
                _keep_latest(found, _moves(note.branch, None, None, None))
        return found

    def forgotten(self, since: datetime) -> list[Key]:
        """Return the notes of what was deleted before `since`."""
        return [key for key in self.deleted if self.written[key] < since]


def _keep_latest(found: dict[Digest, datetime], times: Iterable[tuple[Digest, datetime]]) -> None:
    for digest, then in times:
        found[digest] = max(then, found.get(digest, then))


def _moves(
    branch: BranchDocument, seen: SeenRef | None, version: Version | None, written: datetime | None
) -> Iterator[tuple[Digest, datetime]]:
    """Yield the commits that a branch left, newest first, and when.

    If the branch was moved since it was `seen`, that was when it was `written`: where its log
    says less, the clocks of its writers are taken to be behind by as much.
    """
    behind = timedelta(0)
    if written is not None and (seen is None or seen.version != version):
        behind = max(written - parse_time(branch.log[0].time), timedelta(0))
    for entry, newer in zip(branch.log[1:], branch.log, strict=False):
        if seen is not None and newer.commit == seen.commit:
            behind = timedelta(0)
        yield Digest(entry.commit), parse_time(newer.time) + (behind if behind > _SKEW else _NONE)


def _read_all(
    refs: Refs, store: ObjectStore, keys: Collection[Key]
) -> tuple[dict[Key, tuple[StoredRef, Version] | None], dict[Key, DeletedDocument | None]]:
    """Read refs, and notes of those that were deleted, side by side."""
    living = [key for key in keys if not object_keys.find_deleted(key)]
    gone = [key for key in keys if object_keys.find_deleted(key)]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="vstore-refs") as pool:
        found = dict(zip(living, pool.map(refs.stored, living), strict=True))
        notes = dict(zip(gone, pool.map(partial(read_deleted, store), gone), strict=True))
    return found, notes


def read_refs(store: ObjectStore, seen: SeenRefs, expected: Collection[Key]) -> RefsFound:
    """Return all branches and tags, and the notes of those that were deleted.

    Reads again while names come and go, so that a ref that is renamed is not missed under
    both of its names, and one that is deleted neither itself nor in its note. `expected` are
    refs that may be there: those that are not listed are asked for by name.

    Raises:
        FormatError: something below `refs/` is not a ref that this version knows; nobody
            can say then what is referred to.
        StorageError: the store does not list all refs.
    """
    refs = Refs(store)
    written = list_refs(store)
    hidden: Key | None = None
    for _ in range(_SCANS):
        found, notes = _read_all(refs, store, written)
        before, written = written, list_refs(store)
        unlisted = (key for key in expected if key not in written)
        hidden = next((key for key in unlisted if _is_living(refs, key)), None)
        is_settled = written.keys() == before.keys() and hidden is None
        if is_settled and None not in [*found.values(), *notes.values()]:
            return RefsFound(
                {key: ref for key, ref in found.items() if ref is not None},
                {key: note for key, note in notes.items() if note is not None},
                written,
                seen,
            )
        if hidden is not None:
            time.sleep(_PAUSE_SECONDS)
    if hidden is not None:
        raise not_listed(store, f"{hidden}, which can be read")
    raise ConflictError(
        f"branches and tags kept changing in {store.url}", code="ref-moved", hint="try again"
    )


def _is_living(refs: Refs, key: Key) -> bool:
    found = refs.stored(key)
    return found is not None and not isinstance(found[0], Tombstone)


def not_listed(store: ObjectStore, what: str) -> StorageError:
    """Return the error for a store whose listings cannot be relied on."""
    return StorageError(
        f"{store.url} does not list {what}, so nothing can be deleted safely",
        code="stale-listing",
        hint=f"check the store with `vstore.open({opened_as(store)}).probe()`",
        url=store.url,
    )


def remove_tombstones(store: ObjectStore, refs: RefsFound, now: datetime) -> None:
    """Remove deleted refs whose deleters did not come to it, long after they gave up."""
    for key, (ref, version) in refs.found.items():
        if isinstance(ref, Tombstone) and refs.written[key] < now - _TOMBSTONE_AGE:
            store.delete_if_version(key, version)


def list_refs(store: ObjectStore) -> dict[Key, datetime]:
    """Return the object names of all branches and tags, deleted ones included, and their times.

    Raises:
        FormatError: something else is among them.
    """
    found: dict[Key, datetime] = {}
    for info in store.list_prefix("refs/"):
        name = object_keys.find_ref_name(object_keys.find_deleted(info.key) or info.key)
        if name is None:
            raise FormatError(
                f"{info.key} in {store.url} is neither a branch nor a tag",
                code="unknown-object",
                hint="install a newer vstore, which may have made it, or remove it if it does "
                "not belong there",
            )
        found[info.key] = info.modified
    return found


def log_horizon(now: datetime, expire: timedelta) -> datetime:
    """Return the time after which a branch must have left a commit for its log to keep it.

    Where nothing is to be kept that is the end of time: clocks of stores are coarse.
    """
    if expire <= timedelta(0):
        return datetime.max.replace(tzinfo=now.tzinfo)
    try:
        return now - expire
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
