"""All forwarding documents of a repository: the packs that were repacked, and where to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from vstore.errors import CorruptionError, FormatError
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.forwarding import Moved
from vstore.format.page import ChunkRef, Leaf, PackRef
from vstore.history.fence import is_there
from vstore.history.forwarding import MOST_HOPS, find_moved
from vstore.storage.store import ObjectStore


class Digests(Protocol):
    """A set of digests."""

    def __contains__(self, digest: Digest, /) -> bool:
        """Return whether a digest is in the set."""


@dataclass(slots=True, eq=False)
class Forwards:
    """Forwarding documents, read at once; asks the store only once whether a pack is there."""

    store: ObjectStore
    moved: dict[Digest, Moved] = field(default_factory=dict)
    damaged: dict[Digest, str] = field(default_factory=dict)
    _there: dict[Digest, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, store: ObjectStore) -> "Forwards":
        """Read all forwarding documents; one request if no pack was ever repacked."""
        found = cls(store)
        for info in store.list_prefix(object_keys.MOVED):
            pack = object_keys.moved_at(info.key)
            if pack is not None:
                found.take(pack)
        return found

    def take(self, pack: Digest) -> None:
        """Read the forwarding document of a pack again."""
        self.moved.pop(pack, None)
        self.damaged.pop(pack, None)
        try:
            moved = find_moved(self.store, pack)
        except (FormatError, CorruptionError) as exc:
            self.damaged[pack] = str(exc)
        else:
            if moved is not None:
                self.moved[pack] = moved

    def is_there(self, pack: Digest) -> bool:
        """Return whether a pack is there, as it was when that was asked first."""
        if pack not in self._there:
            self._there[pack] = is_there(self.store, object_keys.pack(pack))
        return self._there[pack]

    def way(self, pack: Digest) -> Iterator[Moved]:
        """Yield the steps from a pack that is not there to one that is, or to a dead end."""
        for _ in range(MOST_HOPS):
            moved = self.moved.get(pack)
            if moved is None or self.is_there(pack):
                return
            yield moved
            pack = moved.into.digest

    def place(self, ref: ChunkRef) -> ChunkRef:
        """Return where a chunk is; where it was left out, where it was last."""
        for moved in self.way(ref.pack.digest):
            there = moved.place(ref)
            if there is None:
                break
            ref = there
        return ref

    def translated(self, leaf: Leaf) -> Leaf:
        """Return a page that says where its chunks are now, as far as they were not left out."""
        found = leaf
        for first, pack in enumerate(leaf.packs):
            position = first
            for moved in self.way(pack.digest):
                found, position = _follow(found, position, moved)
        return found if found is leaf else _pruned(found)

    def needed(self, live: Digests) -> Iterator[Moved]:
        """Yield the steps that lead from packs that something refers to to where they are."""
        for pack in self.moved:
            if pack in live:
                yield from self.way(pack)

    def length(self, pack: Digest) -> int:
        """Return how often the chunks of a pack were moved before they came there."""
        sources = self.sources()
        for count in range(MOST_HOPS):
            if pack not in sources:
                return count
            pack = sources[pack][0].pack
        return MOST_HOPS

    def sources(self) -> Mapping[Digest, list[Moved]]:
        """Return, for each pack that was made of others, what it was made of."""
        found: dict[Digest, list[Moved]] = {}
        for moved in self.moved.values():
            found.setdefault(moved.into.digest, []).append(moved)
        return found


def _pruned(leaf: Leaf) -> Leaf:
    """Return a page without the packs in which none of its chunks are."""
    used = np.unique(leaf.pack)
    packs = tuple(leaf.packs[i] for i in used)
    return replace(leaf, packs=packs, pack=np.searchsorted(used, leaf.pack))


def _follow(leaf: Leaf, position: int, moved: Moved) -> tuple[Leaf, int]:
    """Let the chunks of one pack of a page be where they went; return that pack's position."""
    packs: tuple[PackRef, ...] = (*leaf.packs, moved.into)
    mine = leaf.pack == position
    there = moved.offsets(leaf.offset, leaf.nbytes)
    goes = mine & (there >= 0)
    pack = np.where(goes, len(packs) - 1, leaf.pack)
    offset = np.where(goes, there, leaf.offset)
    return replace(leaf, packs=packs, pack=pack, offset=offset), len(packs) - 1
