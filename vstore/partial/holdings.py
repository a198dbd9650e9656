"""Which chunks a store holds: whole packs, and what is left of others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.page import ChunkRef, PackRef
from vstore.history.forwarding import MOST_HOPS
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.progress import Amount
from vstore.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Holdings:
    """The packs of a store by one listing, with their sizes, and its forwarding documents."""

    packs: dict[Digest, int]
    forwards: Forwards

    @classmethod
    def read(cls, store: ObjectStore) -> "Holdings":
        """List the packs of a store and read what became of others."""
        packs: dict[Digest, int] = {}
        for info in store.list_prefix(object_keys.PACKS):
            digest = object_keys.digest_at(info.key)
            if digest is not None:
                packs[digest] = info.nbytes
        return cls(packs, Forwards.read(store))

    def place(self, ref: ChunkRef) -> ChunkRef | None:
        """Return where a chunk is, None if it is not here."""
        for _ in range(MOST_HOPS):
            if ref.pack.digest in self.packs:
                return ref if self.has(ref.pack) else None
            moved = self.forwards.moved.get(ref.pack.digest)
            there = None if moved is None else moved.place(ref)
            if there is None:
                return None
            ref = there
        return None

    def has(self, pack: PackRef) -> bool:
        """Return whether a pack is here, as long as it should be."""
        return self.packs.get(pack.digest) == pack.nbytes


def by_pack(refs: Iterable[ChunkRef]) -> dict[PackRef, dict[tuple[int, int], ChunkRef]]:
    """Return chunks by pack and place, each once."""
    found: dict[PackRef, dict[tuple[int, int], ChunkRef]] = {}
    for ref in refs:
        found.setdefault(ref.pack, {})[ref.offset, ref.nbytes] = ref
    return found


def distinct(refs: Iterable[ChunkRef]) -> Iterator[ChunkRef]:
    """Yield each chunk once."""
    for chunks in by_pack(refs).values():
        yield from chunks.values()


def amount(refs: Iterable[ChunkRef]) -> Amount:
    """Return how many chunks there are, and of how many bytes."""
    sizes = [ref.nbytes for ref in refs]
    return Amount(len(sizes), sum(sizes))
