"""Columns as the reader sees them: which chunks some samples need, and picking samples out."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.array import Load
from vstore.format.samples import from_elements
from vstore.format.tree import ColumnInfo
from vstore.reader.buffers import BufferPool
from vstore.reader.chunks import OBJECT_NBYTES, SampleChunks
from vstore.reader.loading import Loading, Receive, Request
from vstore.reader.slots import SlotTable

Ints = NDArray[np.int64]


class Part(Protocol):
    """One column's samples of one unit, on their way into memory."""

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""

    def take(self, start: int, stop: int, out: Any) -> None:
        """Put samples, counted within the unit, into an array or the end of a list."""

    def close(self) -> None:
        """Let go of the memory."""


class Feed(Protocol):
    """One column."""

    @property
    def row_shape(self) -> tuple[int, ...] | None:
        """The shape of every sample; None where samples are Python objects."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples."""

    def open(self, rows: Ints) -> Part | None:
        """Return the samples stored at `rows`, or None if there is no room at present."""

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Rows by the chunk they lie in.

    The rows `order[cuts[j] : cuts[j + 1]]` lie in the chunk `chunks[j]`, at the same part
    of `inside`.
    """

    chunks: Ints
    order: Ints
    cuts: Ints
    inside: Ints

    @classmethod
    def over(cls, rows: Ints, rows_per_chunk: int) -> "Spread":
        """Return where rows lie in chunks of so many rows."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        number = ordered // rows_per_chunk
        first = np.flatnonzero(np.diff(number, prepend=-1))
        cuts = np.append(first, len(rows))
        return cls(number[first], order, cuts, ordered - number * rows_per_chunk)

    def places(self) -> Ints:
        """Return where each row stands once all are put in the order of their chunks."""
        places = np.empty(len(self.order), np.int64)
        places[self.order] = np.arange(len(self.order))
        return places


class DenseFeed:
    """A column of fixed shape, its decoded chunks kept side by side in one piece of memory.

    Chunks stay there as long as there is room, across epochs.
    """

    def __init__(self, chunks: SampleChunks, *, slots: int) -> None:
        self._chunks = chunks
        self._table = SlotTable(min(slots, chunks.chunks), chunks.chunks)
        # The system gives this memory only once something is written there.
        self._memory = np.empty((self._table.slots, *chunks.chunk_shape), chunks.dtype)
        self._rows = self._memory.reshape(-1, *chunks.row_shape)
        self.row_shape = chunks.row_shape
        self.dtype = chunks.dtype

    def open(self, rows: Ints) -> "DensePart | None":
        """Return the samples stored at `rows`, or None if there is no room at present."""
        rows_per_chunk = self._chunks.rows_per_chunk
        number = rows // rows_per_chunk
        is_needed = np.zeros(self._chunks.chunks, bool)
        is_needed[number] = True
        needed = np.flatnonzero(is_needed)
        absent = self._table.pin(needed)
        if absent is None:
            return None
        index = rows + (self._table.slot_of[number] - number) * rows_per_chunk
        targets = [self._memory[slot] for slot in self._table.slot_of[absent].tolist()]
        receive = [_into(target) for target in targets]
        requests = [Request(self._chunks, absent.tolist(), receive)] if len(absent) else []
        return DensePart(self._rows, index, requests, self._table, needed, absent)

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        return self._table.hits, self._table.misses


def _into(target: NDArray[Any]) -> Receive:
    def receive(load: Load) -> None:
        load(target)

    return receive


@dataclass(frozen=True, slots=True, eq=False)
class DensePart:
    """Samples that lie in a `DenseFeed`'s memory."""

    rows: NDArray[Any]
    index: Ints
    requests: Sequence[Request]
    table: SlotTable
    chunks: Ints
    absent: Ints

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""
        if len(self.absent):
            self.table.set_loading(self.absent, loading)
        return self.table.awaited(self.chunks)

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put samples into an array."""
        pick(self.rows, self.index[start:stop], out)

    def close(self) -> None:
        """Unpin the chunks."""
        self.table.unpin(self.chunks)


def pick(rows: NDArray[Any], index: Ints, out: NDArray[Any]) -> None:
    """Put `rows[index]` into `out` in the fastest way NumPy has, which leaves the GIL alone."""
    if not out.size:
        return
    first = int(index[0])
    if int(index[-1]) - first == len(index) - 1 and (np.diff(index) == 1).all():
        np.copyto(out, rows[first : first + len(index)])
        return
    # With mode="raise" NumPy would fill a copy of the output first.
    np.take(rows.reshape(len(rows), -1), index, 0, out.reshape(len(out), -1), mode="clip")


class SparseFeed:
    """A column of fixed shape of which only the samples in use are in memory.

    For orders that touch more chunks at a time than memory holds.
    """

    def __init__(self, chunks: SampleChunks, pool: BufferPool) -> None:
        self._chunks = chunks
        self._pool = pool
        self._loaded = 0
        self.row_shape = chunks.row_shape
        self.dtype = chunks.dtype

    def open(self, rows: Ints) -> "SparsePart":
        """Return the samples stored at `rows`."""
        spread = Spread.over(rows, self._chunks.rows_per_chunk)
        memory = self._pool.lend((len(rows), *self.row_shape), self.dtype)
        cuts = spread.cuts.tolist()
        receive = [
            self._picked(spread.inside[start:stop], memory[start:stop])
            for start, stop in itertools.pairwise(cuts)
        ]
        self._loaded += len(receive)
        requests = [Request(self._chunks, spread.chunks.tolist(), receive)] if receive else []
        return SparsePart(memory, spread.places(), requests)

    def _picked(self, inside: Ints, target: NDArray[Any]) -> Receive:
        def receive(load: Load) -> None:
            scratch = self._pool.lend(self._chunks.chunk_shape, self.dtype)
            pick(load(scratch), inside, target)

        return receive

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        return 0, self._loaded


@dataclass(frozen=True, slots=True, eq=False)
class SparsePart:
    """Samples of a unit, in the order of their chunks."""

    rows: NDArray[Any]
    index: Ints
    requests: Sequence[Request]

    def begin(self, loading: Loading) -> set[Loading]:
        """Return what must be waited for."""
        return {loading} if self.requests else set()

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put samples into an array."""
        pick(self.rows, self.index[start:stop], out)

    def close(self) -> None:
        """Do nothing: the memory goes with this object."""


class ObjectFeed:
    """A column whose samples are Python objects: text, bytes, images, arrays of differing shape.

    Images stay encoded until a batch takes them.
    """

    row_shape = None

    def __init__(
        self, info: ColumnInfo, chunks: SampleChunks, shapes: SparseFeed | None, cache: "ChunkCache"
    ) -> None:
        self._info = info
        self._chunks = chunks
        self._shapes = shapes
        self._cache = cache
        self.dtype = np.dtype(object)

    def open(self, rows: Ints) -> "ObjectPart":
        """Return the samples stored at `rows`."""
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
        return ObjectPart(self._info, elements, spread.places(), requests, shapes)

    def _kept(self, number: int, inside: Ints, target: NDArray[Any]) -> Receive:
        def receive(load: Load) -> None:
            chunk = load(None)
            target[:] = chunk[inside]
            self._cache.put(number, chunk)

        return receive

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        beside = 0 if self._shapes is None else self._shapes.statistics()[1]
        return self._cache.hits, self._cache.misses + beside


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPart:
    """Samples of a unit as they are stored."""

    info: ColumnInfo
    elements: NDArray[Any]
    index: Ints
    own_requests: Sequence[Request]
    shapes: SparsePart | None

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""
        beside = [] if self.shapes is None else self.shapes.requests
        return [*self.own_requests, *beside]

    def begin(self, loading: Loading) -> set[Loading]:
        """Return what must be waited for."""
        return {loading} if self.requests else set()

    def take(self, start: int, stop: int, out: list[Any]) -> None:
        """Decode samples into the end of a list."""
        index = self.index[start:stop]
        shapes = None
        if self.shapes is not None:
            shapes = np.empty((len(index), *self.shapes.rows.shape[1:]), self.shapes.rows.dtype)
            self.shapes.take(start, stop, shapes)
        out.extend(from_elements(self.info, self.elements[index], shapes).tolist())

    def close(self) -> None:
        """Do nothing: the memory goes with this object."""


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
