"""Columns as the reader sees them: which chunks some samples need, and picking samples out."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import ChunkNumbers, Ints, StoredRows
from vstore.reader.load.chunks import SampleChunks
from vstore.reader.load.loading import Loading, Receive, Request
from vstore.reader.load.slots import SlotTable
from vstore.reading.assembly import Load
from vstore.reading.buffers import BufferPool, allocate

ABSENT: Any = object()
"""Stands for a sample whose chunk is not in memory."""


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

    def open(self, rows: StoredRows, *, spare: "Feed | None" = None) -> Part | None:
        """Return the samples stored at `rows`, or None if there is no room at present.

        With a `spare`, those for which there is no room come through that.
        """

    def find(self, row: int) -> Any:
        """Return a copy of the sample stored at `row`, or `ABSENT` if it is not in memory."""

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Rows by the chunk they are in.

    The rows `order[cuts[j] : cuts[j + 1]]` are in the chunk `chunks[j]`, at the same part
    of `inside`.
    """

    chunks: ChunkNumbers
    order: Ints
    cuts: Ints
    inside: Ints

    @classmethod
    def over(cls, rows: StoredRows, rows_per_chunk: int) -> "Spread":
        """Return where rows are in chunks of this many rows."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        number = ordered // rows_per_chunk
        first = np.flatnonzero(np.diff(number, prepend=-1))
        cuts = np.append(first, len(rows))
        return cls(number[first], order, cuts, ordered - number * rows_per_chunk)

    def places(self) -> Ints:
        """Return where each row is once all are put in the order of their chunks."""
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
        shape = (self._table.slots, *chunks.chunk_shape)
        nbytes = math.prod(shape) * chunks.dtype.itemsize
        self._memory = allocate(nbytes).view(chunks.dtype).reshape(shape)
        self._rows = self._memory.reshape(shape[0] * chunks.rows_per_chunk, *chunks.row_shape)
        self.row_shape = chunks.row_shape
        self.dtype = chunks.dtype

    def open(self, rows: StoredRows, *, spare: Feed | None = None) -> Part | None:
        """Return the samples stored at `rows`, or None if there is no room at present.

        With a `spare`, those for which there is no room come through that.
        """
        number = rows // self._chunks.rows_per_chunk
        is_needed = np.zeros(self._chunks.chunks, bool)
        is_needed[number] = True
        needed = np.flatnonzero(is_needed)
        absent = self._table.pin(needed)
        if absent is not None:
            return self._pinned(rows, number, needed, absent)
        if spare is None:
            return None
        absent = self._table.pin(needed, partly=True)
        is_here = self._table.slot_of[number] >= 0
        beside = spare.open(rows[~is_here])
        if absent is None or beside is None:
            raise AssertionError("a part and the spare always have room")
        here = needed[self._table.slot_of[needed] >= 0]
        pinned = self._pinned(rows[is_here], number[is_here], here, absent)
        return SplitPart(pinned, beside, is_here)

    def find(self, row: int) -> Any:
        """Return a copy of the sample stored at `row`, or `ABSENT` if it is not in memory."""
        number, inside = divmod(row, self._chunks.rows_per_chunk)
        slot = self._table.find(number)
        if slot < 0:
            return ABSENT
        return self._rows[slot * self._chunks.rows_per_chunk + inside].copy()

    def _pinned(
        self, rows: StoredRows, number: ChunkNumbers, needed: ChunkNumbers, absent: ChunkNumbers
    ) -> "DensePart":
        """Return samples whose chunks, of which `number` has one for each, have slots."""
        moved = self._table.slot_of - np.arange(self._chunks.chunks)
        index = (moved * self._chunks.rows_per_chunk).take(number)
        index += rows
        targets = [self._memory[slot] for slot in self._table.slot_of[absent].tolist()]
        receive = [_into(target) for target in targets]
        request = Request(self._chunks, absent.tolist(), receive, targets)
        requests = [request] if len(absent) else []
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
    """Samples that are in a `DenseFeed`'s memory."""

    rows: NDArray[Any]
    index: Ints
    requests: Sequence[Request]
    table: SlotTable
    chunks: ChunkNumbers
    absent: ChunkNumbers

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


@dataclass(frozen=True, eq=False)
class SplitPart:
    """Samples of which some are in a `DenseFeed`'s memory and the others next to it."""

    here: DensePart
    beside: Part
    is_here: NDArray[np.bool_]

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""
        return [*self.here.requests, *self.beside.requests]

    @cached_property
    def _before(self) -> Ints:
        """How many samples before each place are here."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.is_here)])

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""
        return self.here.begin(loading) | self.beside.begin(loading)

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put samples into an array."""
        low, high = int(self._before[start]), int(self._before[stop])
        is_here = self.is_here[start:stop]
        here = np.empty((high - low, *out.shape[1:]), out.dtype)
        self.here.take(low, high, here)
        out[is_here] = here
        beside = np.empty((len(out) - len(here), *out.shape[1:]), out.dtype)
        self.beside.take(start - low, stop - high, beside)
        out[~is_here] = beside

    def close(self) -> None:
        """Let go of the memory."""
        self.here.close()
        self.beside.close()


def pick(rows: NDArray[Any], index: Ints, out: NDArray[Any]) -> None:
    """Put `rows[index]` into `out` in the fastest way NumPy has, which leaves the GIL alone."""
    if not out.size:
        return
    first = index[0]
    if index[-1] - first == len(index) - 1 and (np.diff(index) == 1).all():
        np.copyto(out, rows[first : first + len(index)])
        return
    # With mode="raise" NumPy would fill a copy of the output first.
    rows.take(index, 0, out, "clip")


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

    def open(self, rows: StoredRows, *, spare: Feed | None = None) -> "SparsePart":
        """Return the samples stored at `rows`; there is always room."""
        del spare
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

    def find(self, row: int) -> Any:
        """Return `ABSENT`: nothing stays in memory."""
        del row
        return ABSENT

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

    def taken(self, start: int, stop: int) -> NDArray[Any]:
        """Return samples in an array of their own."""
        out = np.empty((stop - start, *self.rows.shape[1:]), self.rows.dtype)
        self.take(start, stop, out)
        return out

    def close(self) -> None:
        """Do nothing: the memory goes with this object."""
