"""Regions of N-dimensional arrays as samples: each chunk is decoded once for all that are near."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Ints, Positions, StoredRows
from vstore.reader.load.channel import Channel
from vstore.reader.load.chunks import SampleChunks
from vstore.reader.load.feeds import ABSENT, Feed
from vstore.reader.load.loading import Loading, Receive, Request
from vstore.reader.plan.regions import Overlap, Shape, overlaps
from vstore.reading.array import StoredArray
from vstore.reading.assembly import Load
from vstore.reading.buffers import BufferPool
from vstore.reading.caches import LruCache
from vstore.reading.disk_cache import DiskCache


class GridChunks(SampleChunks):
    """The chunks of an array, numbered in C order over all of its axes."""

    def __init__(self, source: StoredArray, *, disk: DiskCache | None = None) -> None:
        super().__init__(source, disk=disk)
        self._is_whole, self._is_showable = True, False
        self.shape = source.metadata.shape
        self.grid_chunk_shape = source.metadata.chunk_shape

    @property
    def padding(self) -> float:
        """How much larger than the array all decoded chunks are: they reach over its ends."""
        axes = zip(self.shape, self.grid_chunk_shape, strict=True)
        factors = [-(-length // chunk) * chunk / length for length, chunk in axes if length]
        return math.prod(factors)

    @property
    def chunk_shape(self) -> Shape:
        """The shape of one chunk, decoded."""
        return self.grid_chunk_shape


class RegionFeed:
    """Regions of one array. Decoded chunks that came first are kept, as many as there is room."""

    def __init__(
        self, chunks: GridChunks, starts: Ints, size: Shape, *, pool: BufferPool, share: int
    ) -> None:
        """Read from chunks the regions that begin at `starts`, in order, and have one size.

        Decoded chunks that are kept take `share` bytes at most, without padding.
        """
        self._chunks = chunks
        self._starts = starts
        self._pool = pool
        room = math.ceil(share * chunks.padding)
        self._cache = LruCache[int, NDArray[Any]](room, lambda chunk: chunk.nbytes)
        self.row_shape = size
        self.dtype = chunks.dtype

    def overlaps(self, regions: StoredRows) -> dict[int, list[Overlap]]:
        """Return what each chunk has of some regions."""
        chunks = self._chunks
        starts = self._starts[regions]
        return overlaps(starts, self.row_shape, chunks.shape, chunks.grid_chunk_shape)

    def open(self, rows: StoredRows, *, spare: Feed | None = None) -> "RegionPart":
        """Return the regions with some numbers; there is always room."""
        del spare
        memory = self._pool.lend((len(rows), *self.row_shape), self.dtype)
        wanted: list[int] = []
        receive: list[Receive] = []
        kept: dict[int, list[tuple[NDArray[Any], Overlap]]] = {}
        for number, parts in self.overlaps(rows).items():
            chunk = self._cache.find(number)
            if chunk is None:
                wanted.append(number)
                receive.append(self._received(number, parts, memory))
                continue
            for part in parts:
                kept.setdefault(part.region, []).append((chunk, part))
        requests = [Request(self._chunks, wanted, receive)] if wanted else []
        return RegionPart(memory, kept, requests)

    def find(self, row: int) -> Any:
        """Return `ABSENT`: regions are put together for several at a time."""
        del row
        return ABSENT

    def _received(self, number: int, parts: Sequence[Overlap], memory: NDArray[Any]) -> Receive:
        def receive(load: Load) -> None:
            chunk = load(None)
            for part in parts:
                memory[part.region][part.outside] = chunk[part.inside]
            self._cache.add(number, chunk)

        return receive

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        return self._cache.hits, self._cache.misses


@dataclass(frozen=True, slots=True, eq=False)
class RegionPart:
    """Regions of a unit: what was loaded for them, and what was kept in memory."""

    memory: NDArray[Any]
    kept: dict[int, list[tuple[NDArray[Any], Overlap]]]
    requests: Sequence[Request]

    def begin(self, loading: Loading) -> set[Loading]:
        """Return what must be waited for."""
        return {loading} if self.requests else set()

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put regions into an array."""
        np.copyto(out, self.memory[start:stop])
        for region in range(start, stop):
            for chunk, part in self.kept.get(region, ()):
                out[region - start][part.outside] = chunk[part.inside]

    def close(self) -> None:
        """Do nothing: the memory goes with this object."""


@dataclass(frozen=True, slots=True)
class RegionChannel(Channel):
    """A column of regions of an array."""

    def chunks_of(self, positions: Positions) -> Iterator[tuple[SampleChunks, list[int]]]:
        """Yield the array with the numbers of the chunks that some regions lie in."""
        if isinstance(self.feed, RegionFeed):
            numbers = list(self.feed.overlaps(self.rows(positions)))
            yield from ((chunks, numbers) for chunks in self.stored)
