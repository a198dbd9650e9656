"""Arrays as blocks: runs of chunks whose rows are decoded next to each other."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.page import StoredChunk
from vstore.reading.array import ChunkSource, StoredArray, read
from vstore.reading.assembly import Load, Take
from vstore.reading.buffers import BufferPool

EXPANSION = 3
"""How many times larger compressed text and bytes are once decoded, about."""

Finish = Callable[["Packed"], Any]
"""Make of a block's packed elements what a slice picks rows from."""


class Packed:
    """Elements of variable length as `vlen` writes them: a part for each chunk of a block.

    Each part begins with the number of its elements, which is checked; the rest is not. Who
    has taken a part takes it out of the list, so that its memory is free.
    """

    def __init__(self, parts: list[NDArray[np.uint8]], elements: int) -> None:
        self.parts = parts
        self.elements = elements
        """How many there are in each part."""


class Block:
    """Some rows of an array, on their way into memory."""

    def __init__(self, number: int, chunks: range) -> None:
        self.number = number
        self.chunks = chunks
        self.uses = 0
        """How many spans that are still to come need it."""
        self.parts: list[Any] = [None] * len(chunks)
        self.memory: NDArray[Any] | None = None
        self._left = len(chunks)
        self._value: Any = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._done = threading.Event()

    def arrive(self) -> bool:
        """Count a chunk as decoded; return whether it was the last one."""
        with self._lock:
            self._left -= 1
            return not self._left

    def succeed(self, value: Any) -> None:
        """End the wait with what slices pick rows from."""
        self._value = value
        self.parts, self.memory = [], None
        self._done.set()

    def fail(self, error: BaseException) -> None:
        """End the wait with an error, unless the block is there."""
        if not self._done.is_set():
            self._error = error
            self._done.set()

    def wait(self) -> Any:
        """Return what slices pick rows from, counted from the block's first."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


class Blocks(ABC):
    """The blocks of one array; `load` brings them and is called on any thread."""

    def __init__(self, source: ChunkSource, chunks_per_block: int) -> None:
        self._chunk_rows = source.metadata.chunk_shape[0]
        self._chunks = -(-source.metadata.shape[0] // self._chunk_rows)
        self._per_block = chunks_per_block
        self.rows = chunks_per_block * self._chunk_rows
        """How many rows each block has; the last one may have less."""

    @property
    @abstractmethod
    def row_nbytes(self) -> float:
        """How much memory a row takes, about."""

    @property
    def nbytes(self) -> int:
        """How much memory a block takes, about."""
        return int(self.rows * self.row_nbytes) + 1

    def block(self, number: int) -> Block:
        """Return a block that nothing brings yet."""
        first = number * self._per_block
        return Block(number, range(first, min(first + self._per_block, self._chunks)))

    @abstractmethod
    def load(self, blocks: Sequence[Block], gate: AbstractContextManager[Any]) -> None:
        """Bring blocks, given in ascending order; each chunk is decoded inside the gate."""


class _OfChunks(Blocks):
    """An array of a commit whose chunks have whole rows."""

    def __init__(self, source: StoredArray, chunks_per_block: int) -> None:
        super().__init__(source, chunks_per_block)
        self._source = source

    def load(self, blocks: Sequence[Block], gate: AbstractContextManager[Any]) -> None:
        """Bring chunks that are near each other with one request."""
        owners = [(block, i) for block in blocks for i in range(len(block.chunks))]

        def take(at: int, load: Load) -> None:
            block, i = owners[at]
            with gate:
                self._decode(block, i, load)
                if block.arrive():
                    block.succeed(self._whole(block))

        numbers = [number for block in blocks for number in block.chunks]
        self._visit(self._source.locate(numbers), take)

    def _visit(self, places: Sequence[StoredChunk | None], take: Take) -> None:
        self._source.visit_at(places, take)

    @abstractmethod
    def _decode(self, block: Block, i: int, load: Load) -> None:
        """Decode the i-th chunk of a block."""

    @abstractmethod
    def _whole(self, block: Block) -> Any:
        """Return what all chunks of a block are together."""


class DenseBlocks(_OfChunks):
    """Rows of one size, in memory that is lent until nobody sees it any more.

    Where a chunk is stored as it is in memory, and is a block of its own, it is not copied.
    """

    def __init__(self, source: StoredArray, chunks_per_block: int, pool: BufferPool) -> None:
        super().__init__(source, chunks_per_block)
        self._pool = pool
        self._is_shown = chunks_per_block == 1 and source.codec.is_plain

    @property
    def row_nbytes(self) -> float:
        """How much memory a row takes."""
        metadata = self._source.metadata
        return float(np.prod(metadata.shape[1:], dtype=object) * metadata.dtype.itemsize)

    def block(self, number: int) -> Block:
        """Return a block with memory for its rows."""
        block = super().block(number)
        if not self._is_shown:
            metadata = self._source.metadata
            rows = len(block.chunks) * self._chunk_rows
            block.memory = self._pool.lend((rows, *metadata.shape[1:]), metadata.dtype)
        return block

    def _decode(self, block: Block, i: int, load: Load) -> None:
        if block.memory is None:
            block.parts[i] = load(None)
        else:
            load(block.memory[i * self._chunk_rows : (i + 1) * self._chunk_rows])

    def _whole(self, block: Block) -> NDArray[Any]:
        whole: NDArray[Any] = block.parts[0] if block.memory is None else block.memory
        return whole


class PackedBlocks(_OfChunks):
    """Elements of variable length, of which no objects are made."""

    def __init__(self, source: StoredArray, chunks_per_block: int, finish: Finish) -> None:
        super().__init__(source, chunks_per_block)
        self._finish = finish

    @property
    def row_nbytes(self) -> float:
        """How much memory a row takes, about."""
        return packed_row_nbytes(self._source)

    def _visit(self, places: Sequence[StoredChunk | None], take: Take) -> None:
        self._source.visit_packed(places, take)

    def _decode(self, block: Block, i: int, load: Load) -> None:
        block.parts[i] = load(None)

    def _whole(self, block: Block) -> Any:
        elements = int(np.prod(self._source.metadata.chunk_shape, dtype=object))
        return self._finish(Packed(block.parts, elements))


class ReadBlocks(Blocks):
    """Rows of any array, as reading them gives them: objects where they differ in size."""

    def __init__(self, source: ChunkSource, chunks_per_block: int) -> None:
        super().__init__(source, chunks_per_block)
        self._source = source

    @property
    def row_nbytes(self) -> float:
        """How much memory a row takes, about."""
        metadata = self._source.metadata
        return float(np.prod(metadata.shape[1:], dtype=object) * max(8, metadata.dtype.itemsize))

    def load(self, blocks: Sequence[Block], gate: AbstractContextManager[Any]) -> None:  # noqa: ARG002
        """Read one block after the other; requests for its chunks are made side by side."""
        for block in blocks:
            start = block.chunks.start * self._chunk_rows
            block.succeed(read(self._source, slice(start, start + self.rows)))


def packed_row_nbytes(source: StoredArray) -> float:
    """Return how much memory a row of an array of variable length takes, about."""
    index = source.node.chunks
    stored = index.stored / index.chunks if index is not None and index.chunks else 0.0
    is_raw = len(source.metadata.codecs) == 1
    return 8 + stored / source.metadata.chunk_shape[0] * (1 if is_raw else EXPANSION)


def has_whole_rows(source: ChunkSource) -> bool:
    """Return whether every chunk of an array has all elements of its rows."""
    metadata = source.metadata
    return metadata.chunk_shape[1:] == metadata.shape[1:]
