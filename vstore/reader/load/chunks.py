"""Arrays as sequences of chunks that hold whole samples."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.digest import raw_digest
from vstore.format.page import ChunkRef, StoredChunk
from vstore.reading.array import StoredArray, read
from vstore.reading.assembly import Load, Take
from vstore.reading.disk_cache import DiskCache
from vstore.reading.fetch import Handle
from vstore.reading.scratch import ShowingStore

OBJECT_NBYTES = 64
"""What Python adds to each sample that is an object."""

_EXPANSION = 3
"""How many times larger compressed text and bytes are once decoded, about."""


class Spot(NamedTuple):
    """Where a chunk is; without a reference where it is not stored, or is several chunks."""

    number: int
    ref: StoredChunk | None = None

    @property
    def whole(self) -> ChunkRef | None:
        """Where the chunk is without its patches."""
        return None if self.ref is None else self.ref.parts[0]


class SampleChunks:
    """The chunks of an array along its first axis, numbered from 0.

    Where the array is chunked along other axes too, all chunks of the same samples count
    as one.
    """

    def __init__(self, source: StoredArray, *, disk: DiskCache | None = None) -> None:
        metadata = source.metadata
        self._source = source
        self._disk = disk
        self._is_whole = metadata.chunk_shape[1:] == metadata.shape[1:]
        self._is_showable = self._is_whole and disk is None and source.codec.is_plain
        self.rows = metadata.shape[0]
        self.rows_per_chunk = metadata.chunk_shape[0]
        self.row_shape = metadata.shape[1:]
        self.dtype = metadata.dtype

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """The shape of one chunk, decoded."""
        return (self.rows_per_chunk, *self.row_shape)

    @property
    def chunks(self) -> int:
        """How many chunks there are, stored or not."""
        return -(-self.rows // self.rows_per_chunk)

    @property
    def stored_nbytes(self) -> int:
        """How large a stored chunk is, on average."""
        index = self._source.node.chunks
        if index is None or not index.chunks:
            return 1
        metadata = self._source.metadata
        cells = zip(metadata.shape[1:], metadata.chunk_shape[1:], strict=True)
        beside = np.prod([-(-length // chunk) for length, chunk in cells], dtype=object)
        return max(1, int(index.stored * beside) // index.chunks)

    @property
    def row_nbytes(self) -> float:
        """How much memory one sample takes once it is decoded, about.

        It follows from the commit alone, so that what is derived from it is the same
        everywhere.
        """
        if not self.dtype.hasobject:
            return float(np.prod(self.row_shape, dtype=object) * self.dtype.itemsize)
        is_raw = len(self._source.metadata.codecs) == 1
        stored = self.stored_nbytes / self.rows_per_chunk
        return stored * (1 if is_raw else _EXPANSION) + OBJECT_NBYTES

    def locate(self, numbers: Sequence[int]) -> list[Spot]:
        """Return where chunks are, given in ascending order."""
        if not self._is_whole:
            return [Spot(number) for number in numbers]
        refs = self._source.locate(numbers)
        return [Spot(number, ref) for number, ref in zip(numbers, refs, strict=True)]

    def show(self, spot: Spot, target: NDArray[Any]) -> bool:
        """Show a chunk in place of an array's memory, where it is in a local file as it is.

        Nothing is copied, and what is shown was verified. Returns False where it cannot be.
        """
        store: object = self._source.fetcher.store
        if not isinstance(spot.ref, ChunkRef) or not self._is_showable:
            return False
        if not isinstance(store, ShowingStore):
            return False
        is_shown = store.show(spot.ref, target)
        return is_shown and raw_digest(target.reshape(-1).view(np.uint8).data) == spot.ref.digest

    def visit(self, spots: Sequence[Spot], take: Take) -> None:
        """Call `take` once for each chunk, on several threads and in any order."""
        if not self._is_whole:
            for i, spot in enumerate(spots):
                take(i, self._load(spot.number))
        elif self._disk is None:
            self._source.visit_at([spot.ref for spot in spots], take)
        else:
            each = partial(self._each_cached, self._disk)
            self._source.visit_at([spot.ref for spot in spots], take, each=each)

    def _each_cached(
        self, disk: DiskCache, refs: Sequence[ChunkRef | None], handle: Handle
    ) -> None:
        """Take from disk what is there, and put there what is not."""
        wanted: list[int] = []
        for i, ref in enumerate(refs):
            data = None if ref is None else disk.find(ref.digest, ref.nbytes)
            if data is None:
                wanted.append(i)
            else:
                handle(i, memoryview(data))

        def arrived(j: int, data: memoryview | None) -> None:
            ref = refs[wanted[j]]
            if data is not None and ref is not None:
                disk.put(ref.digest, data)
            handle(wanted[j], data)

        self._source.fetcher.each([refs[i] for i in wanted], arrived)

    def fetch(self, spots: Sequence[Spot]) -> int:
        """Bring the chunks that are not on disk there, decoding none; return their bytes."""
        disk = self._disk
        if disk is None:
            raise InvalidInputError(
                "there is no cache to fetch into",
                code="no-cache",
                hint="give the reader a cache, as in "
                "`vstore.reader.Reader(table, batch_size=256, cache_dir='cache')`",
            )
        parts = [part for spot in spots if spot.ref is not None for part in spot.ref.parts]
        refs = [part for part in parts if not disk.has(part.digest)]
        fetched = 0

        def handle(i: int, data: memoryview | None) -> None:
            nonlocal fetched
            ref = refs[i]
            if data is not None:
                disk.put(ref.digest, data)
                fetched += len(data)

        self._source.fetcher.each(refs, handle)
        return fetched

    def _load(self, number: int) -> Load:
        def load(out: NDArray[Any] | None) -> NDArray[Any]:
            chunk = np.zeros(self.chunk_shape, self.dtype) if out is None else out
            start = number * self.rows_per_chunk
            found = read(self._source, slice(start, start + self.rows_per_chunk))
            chunk[: len(found)] = found
            return chunk

        return load
