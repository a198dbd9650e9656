"""Which chunks of a column are decoded in memory, and where."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import ChunkNumbers, Ints
from vstore.reader.load.loading import Loading

_NOT_BEGUN = Loading(1)


@dataclass(slots=True, eq=False)
class SlotTable:
    """Places for chunks. Chunks in use are pinned; the others stay until room is needed.

    An epoch uses each chunk once, so what was used last is needed latest again: it goes
    first. That keeps as many chunks for the next epoch as there is room for, where evicting
    the least recently used would keep none.
    """

    slots: int
    chunks: int
    slot_of: NDArray[np.int32] = field(init=False)
    chunk_of: ChunkNumbers = field(init=False)
    _pins: Ints = field(init=False)
    _used: Ints = field(init=False)
    _clock: int = field(init=False, default=0)
    _loading: dict[int, Loading] = field(init=False, default_factory=dict)
    hits: int = field(init=False, default=0)
    misses: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.slot_of = np.full(self.chunks, -1, np.int32)
        self.chunk_of = np.full(self.slots, -1, np.int64)
        self._pins = np.zeros(self.slots, np.int64)
        self._used = np.zeros(self.slots, np.int64)

    def pin(self, chunks: ChunkNumbers, *, partly: bool = False) -> ChunkNumbers | None:
        """Give every chunk a slot and pin it; return the chunks that must be loaded.

        Returns None, changing nothing, where there is no room. With `partly`, those for which
        there is none stay without a slot.
        """
        absent = chunks[self.slot_of[chunks] < 0]
        present = self.slot_of[chunks[self.slot_of[chunks] >= 0]]
        evictable = self._pins == 0
        evictable[present] = False
        candidates = np.flatnonzero(evictable)
        if len(candidates) < len(absent):
            if not partly:
                return None
            absent = absent[: len(candidates)]
        is_empty = self.chunk_of[candidates] < 0
        order = np.lexsort((-self._used[candidates], ~is_empty))
        taken = candidates[order[: len(absent)]]
        evicted = self.chunk_of[taken]
        self.slot_of[evicted[evicted >= 0]] = -1
        self.chunk_of[taken] = absent
        self.slot_of[absent] = taken
        for slot in taken.tolist():
            self._loading[slot] = _NOT_BEGUN
        self._pins[present] += 1
        self._pins[taken] += 1
        self.hits += len(present)
        self.misses += len(absent)
        return absent

    def find(self, chunk: int) -> int:
        """Return the slot of a chunk that is decoded, used now; -1 if it is not."""
        slot = int(self.slot_of[chunk])
        if slot < 0 or slot in self._loading:
            return -1
        self.hits += 1
        self._clock += 1
        self._used[slot] = self._clock
        return slot

    def unpin(self, chunks: ChunkNumbers) -> None:
        """Let chunks go when room is needed; forget those whose loading failed."""
        slots = self.slot_of[chunks]
        self._pins[slots] -= 1
        self._clock += 1
        self._used[slots] = self._clock
        for slot, chunk in zip(slots.tolist(), chunks.tolist(), strict=True):
            loading = self._loading.get(slot)
            if loading is not None and loading.is_good:
                del self._loading[slot]
            elif loading is not None and self._pins[slot] == 0:
                self._forget(slot, chunk)

    def _forget(self, slot: int, chunk: int) -> None:
        self._loading.pop(slot, None)
        self.slot_of[chunk] = -1
        self.chunk_of[slot] = -1

    def set_loading(self, chunks: ChunkNumbers, loading: Loading) -> None:
        """Remember what brings these chunks."""
        for slot in self.slot_of[chunks].tolist():
            self._loading[slot] = loading

    def awaited(self, chunks: ChunkNumbers) -> set[Loading]:
        """Return what must be waited for before the chunks can be read."""
        if not self._loading:
            return set()
        found = (self._loading.get(slot) for slot in self.slot_of[chunks].tolist())
        return {loading for loading in found if loading is not None and not loading.is_good}
