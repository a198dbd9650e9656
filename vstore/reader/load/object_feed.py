"""Columns whose samples are Python objects: text, bytes, images, arrays of differing shape."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.table.samples import from_elements
from vstore.format.tree import ColumnInfo
from vstore.reader.load.chunks import OBJECT_NBYTES, SampleChunks
from vstore.reader.load.feeds import Feed, Part, Spread
from vstore.reader.load.loading import Loading, Receive, Request
from vstore.reading.array import Load

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Beside:
    """An array of numbers that belongs to a column of objects, and two ways to read it."""

    feed: Feed
    spare: Feed

    def open(self, rows: Ints) -> "BesidePart":
        """Return what belongs to the samples stored at `rows`."""
        part = self.feed.open(rows, spare=self.spare)
        if part is None:
            raise AssertionError("the spare always has room")
        return BesidePart(part, self.feed.row_shape or (), self.feed.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class BesidePart:
    """What belongs to the samples of a unit."""

    part: Part
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def taken(self, start: int, stop: int) -> NDArray[Any]:
        """Return what belongs to some samples, in an array of its own."""
        out = np.empty((stop - start, *self.row_shape), self.dtype)
        self.part.take(start, stop, out)
        return out


class ObjectFeed:
    """A column whose samples are Python objects: text, bytes, images, arrays of differing shape.

    Images stay encoded until a batch takes them.
    """

    row_shape = None

    def __init__(
        self,
        info: ColumnInfo,
        chunks: SampleChunks,
        cache: "ChunkCache",
        *,
        shapes: Beside | None = None,
        valid: Beside | None = None,
    ) -> None:
        self._info = info
        self._chunks = chunks
        self._cache = cache
        self._shapes = shapes
        self._valid = valid
        self.dtype = np.dtype(object)

    def open(self, rows: Ints, *, spare: Feed | None = None) -> "ObjectPart":
        """Return the samples stored at `rows`; there is always room."""
        del spare
        spread = Spread.over(rows, self._chunks.rows_per_chunk)
        elements = np.empty(len(rows), object)
        wanted: list[int] = []
        receive: list[Receive] = []
        cuts = spread.cuts.tolist()
        for j, number in enumerate(spread.chunks.tolist()):
            inside = spread.inside[cuts[j] : cuts[j + 1]]
            target = elements[cuts[j] : cuts[j + 1]]
            chunk = self._cache.find(number)
            if chunk is not None:
                target[:] = chunk[inside]
                continue
            wanted.append(number)
            receive.append(self._kept(number, inside, target))
        requests = [Request(self._chunks, wanted, receive)] if wanted else []
        shapes = None if self._shapes is None else self._shapes.open(rows)
        valid = None if self._valid is None else self._valid.open(rows)
        return ObjectPart(self._info, elements, spread.places(), requests, shapes, valid)

    def _kept(self, number: int, inside: Ints, target: NDArray[Any]) -> Receive:
        def receive(load: Load) -> None:
            chunk = load(None)
            target[:] = chunk[inside]
            self._cache.put(number, chunk)

        return receive

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        # What says which samples are there is read, and counted, as a column of its own.
        shapes = [] if self._shapes is None else [self._shapes.feed, self._shapes.spare]
        counts = [feed.statistics() for feed in shapes]
        found, loaded = (sum(each) for each in zip((0, 0), *counts, strict=True))
        return self._cache.hits + found, self._cache.misses + loaded


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPart:
    """Samples of a unit as they are stored."""

    info: ColumnInfo
    elements: NDArray[Any]
    index: Ints
    own_requests: Sequence[Request]
    shapes: BesidePart | None
    valid: BesidePart | None

    @property
    def _beside(self) -> list[Part]:
        return [each.part for each in (self.shapes, self.valid) if each is not None]

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""
        beside = [part.requests for part in self._beside]
        return [*self.own_requests, *itertools.chain.from_iterable(beside)]

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""
        awaited = {loading} if self.own_requests else set()
        return awaited.union(*(part.begin(loading) for part in self._beside))

    def take(self, start: int, stop: int, out: list[Any]) -> None:
        """Decode samples into the end of a list, None where one is missing."""
        elements = self.elements[self.index[start:stop]]
        shapes = None if self.shapes is None else self.shapes.taken(start, stop)
        missing = None if self.valid is None else ~self.valid.taken(start, stop)
        samples = from_elements(self.info, elements, shapes, missing=missing)
        if missing is not None:
            samples[missing] = None
        out.extend(samples.tolist())

    def close(self) -> None:
        """Let go of the memory."""
        for part in self._beside:
            part.close()


@dataclass(slots=True, eq=False)
class ChunkCache:
    """Decoded chunks of objects, as many as fit; what came first stays.

    An epoch uses each chunk once, so keeping the same ones is as good as any choice.
    """

    nbytes: int
    hits: int = 0
    misses: int = 0
    _held: int = 0
    _chunks: dict[int, NDArray[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, number: int) -> NDArray[Any] | None:
        """Return a chunk if it is kept."""
        found = self._chunks.get(number)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def put(self, number: int, chunk: NDArray[Any]) -> None:
        """Keep a chunk if there is room."""
        size = sum(map(len, chunk.tolist())) + OBJECT_NBYTES * chunk.size
        with self._lock:
            if self._held + size <= self.nbytes and number not in self._chunks:
                self._held += size
                self._chunks[number] = chunk
