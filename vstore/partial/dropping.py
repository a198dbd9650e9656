"""Deleting local copies of data that a remote provably has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vstore.errors import NotFoundError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.page import ChunkRef, PackRef
from vstore.history.fence import find_collection, pending_among
from vstore.maintenance.progress import NOTHING, Amount
from vstore.maintenance.promises import Listing, Promises
from vstore.partial.holdings import Holdings, amount, by_pack
from vstore.partial.selecting import Selection, chunks_in
from vstore.partial.thinning import Parts, store_parts, without_overlaps
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.storage.store import Key, ObjectStore

_SHARED = 0.5
"""A pack of which at least this share is still wanted stays whole."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedData:
    """What was deleted here, and what was not.

    Attributes:
        dropped: the chunks that are not here any more.
        kept: chunks that stay because no remote lists their pack with its size.
        shared: chunks that stay because most of their pack is data that was not to be dropped.
        freed: how many bytes fewer are stored, what garbage collection frees later left out.
    """

    dropped: Amount = NOTHING
    kept: Amount = NOTHING
    shared: Amount = NOTHING
    freed: int = 0


def drop_data(
    snapshots: Sequence[Snapshot],
    selection: Selection,
    fetcher: Fetcher,
    *,
    dry_run: bool = False,
) -> DroppedData:
    """Delete what is here of a selection, where a listing of a remote shows it with its size.

    A pack that has other data of these commits as well is replaced by one with that data. What a
    remote is about to delete does not count as being there.

    Args:
        snapshots: the commits.
        selection: what is to go.
        fetcher: reads the repository and its remotes.
        dry_run: only say what would be deleted.

    Raises:
        NotFoundError: no remote promises anything.
        NotHereError: a remote cannot be listed.
    """
    if not fetcher.elsewhere.promising:
        raise NotFoundError(
            f"no remote promises the data of {fetcher.store.url}, so none of it can be dropped",
            code="no-promise",
        )
    wanted = by_pack(ref for each in snapshots for ref in chunks_in(each, selection))
    others = by_pack(ref for each in snapshots for ref in chunks_in(each, Selection()))
    holdings = Holdings.read(fetcher.store)
    proven = _proven(Promises(fetcher.elsewhere), wanted)
    run = _Run(fetcher.store, holdings, dry_run)
    for pack, chunks in wanted.items():
        here = [ref for ref in chunks.values() if holdings.place(ref) is not None]
        if not here or pack.is_source:
            continue
        if pack.digest in proven:
            rest = others.get(pack, {}).items()
            run.drop(pack, here, [ref for place, ref in rest if place not in chunks])
        else:
            run.kept += amount(here)
    return DroppedData(dropped=run.dropped, kept=run.kept, shared=run.shared, freed=run.freed)


def _proven(promises: Promises, packs: Iterable[PackRef]) -> set[Digest]:
    """Return the packs that a remote lists with their sizes and is not about to delete."""
    wanted = list(packs)
    found: set[Digest] = set()
    for listing in promises.listings():
        listed = {
            object_keys.pack(pack.digest): pack.digest
            for pack in wanted
            if listing.inventory.packs.find(pack.digest) == pack.nbytes
        }
        found |= {listed[key] for key in listed.keys() - _pending(listing, listed)}
    return found


def _pending(listing: Listing, keys: Iterable[Key]) -> set[Key]:
    state = find_collection(listing.store)
    if state is None or not state.is_pending:
        return set()
    return pending_among(listing.store, state, keys)


@dataclass(slots=True, eq=False)
class _Run:
    store: ObjectStore
    holdings: Holdings
    dry_run: bool
    dropped: Amount = NOTHING
    kept: Amount = NOTHING
    shared: Amount = NOTHING
    freed: int = 0

    def drop(self, pack: PackRef, here: list[ChunkRef], others: list[ChunkRef]) -> None:
        """Delete chunks of a pack, but not others that are in it."""
        stay = [ref for ref in others if self.holdings.place(ref) is not None]
        left = amount(stay).nbytes
        is_whole = self.holdings.has(pack)
        if is_whole and left >= _SHARED * pack.nbytes:
            self.shared += amount(here)
            return
        self.dropped += amount(here)
        self.freed += pack.nbytes - left if is_whole else 0
        if self.dry_run:
            return
        if stay:
            store_parts(self.store, pack, self._parts(stay))
        elif not is_whole:
            # What is in its place may be the whole of another pack: only gc knows.
            self.store.delete(object_keys.moved(pack.digest))
        if is_whole:
            self.store.delete(object_keys.pack(pack.digest))

    def _parts(self, refs: Iterable[ChunkRef]) -> Parts:
        parts: dict[tuple[int, int], bytes | memoryview] = {}
        for ref in refs:
            place = self.holdings.place(ref)
            if place is not None:
                key = object_keys.pack(place.pack.digest)
                data = self.store.get_range(key, place.offset, place.nbytes)
                parts[ref.offset, ref.nbytes] = data
        return without_overlaps(parts)
