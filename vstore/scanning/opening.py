"""Opening arrays of a commit for one scan: their chunks come into memory that is used again."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from vstore.errors import InvalidInputError
from vstore.reading.array import ChunkSource, StoredArray
from vstore.reading.buffers import BufferPool
from vstore.reading.scratch import POOL, with_scratch
from vstore.scanning.blocks import (
    Blocks,
    DenseBlocks,
    Finish,
    PackedBlocks,
    ReadBlocks,
    has_whole_rows,
)

if TYPE_CHECKING:
    from vstore.reading.fetch import Fetcher


class Opening:
    """Opens arrays, all for one scan."""

    def __init__(self, pool: BufferPool = POOL) -> None:
        self._pool = pool
        self._through: dict[int, Fetcher] = {}

    def stored(self, source: ChunkSource, name: str) -> StoredArray:
        """Return an array of a commit that reads into lent memory.

        Raises:
            InvalidInputError: it belongs to a transaction.
        """
        if not isinstance(source, StoredArray):
            raise InvalidInputError(
                f"the column {name!r} belongs to an open transaction",
                code="uncommitted-data",
                hint="commit, and read from the commit, `repo.checkout()`",
                column=name,
            )
        old = source.fetcher
        if id(old) not in self._through:
            self._through[id(old)] = old.through(with_scratch(old.store, self._pool))
        return source.reading_through(self._through[id(old)])

    def dense(self, source: ChunkSource, name: str) -> Callable[[int], Blocks]:
        """Return what opens an array as NumPy has it, given how many rows are wanted.

        Elements that differ in size are objects.
        """
        if source.metadata.dtype.hasobject or not has_whole_rows(source):
            return lambda rows: ReadBlocks(source, per_block(source, rows))
        stored = self.stored(source, name)
        return lambda rows: DenseBlocks(stored, per_block(source, rows), self._pool)

    def packed(self, source: ChunkSource, name: str, finish: Finish) -> Callable[[int], Blocks]:
        """Return what opens an array of variable length, given how many rows are wanted."""
        stored = self.stored(source, name)
        return lambda rows: PackedBlocks(stored, per_block(source, rows), finish)


def per_block(source: ChunkSource, rows: int) -> int:
    """Return how many chunks of an array a block of about this many rows has."""
    return max(1, rows // source.metadata.chunk_shape[0])
