"""Zarr's `sharding_indexed`: smaller chunks and an index of them in one object."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError
from vstore.format.zarr.codec_spec import MAX_CHUNK_NBYTES, ArraySpec, Budget, Buffer
from vstore.format.zarr.fill import is_fill

_MISSING: Final = np.uint64(2**64 - 1)


class Codec(Protocol):
    """What a shard needs of the codecs of its chunks and of its index."""

    @property
    def spec(self) -> ArraySpec:
        """What one chunk is."""

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the chunk's bytes."""

    def decode(self, data: Buffer, out: NDArray[Any] | None, budget: Budget) -> NDArray[Any]:
        """Return the chunk."""


@dataclass(frozen=True, slots=True, eq=False)
class Sharded:
    """One shard as a serializer: chunks equal to the fill value are left out."""

    spec: ArraySpec
    grid: tuple[int, ...]
    chunks: Codec
    index: Codec
    index_nbytes: int
    is_index_first: bool

    @property
    def nbytes(self) -> None:
        """Unknown."""

    @property
    def limit(self) -> int:
        """More than any encoder of the chunks makes of them."""
        content = MAX_CHUNK_NBYTES if self.spec.is_variable_length else self.spec.nbytes
        return self.index_nbytes + 2 * content + 2**18

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the chunks in C order, and their index."""
        parts: list[Buffer] = []
        index = np.full((*self.grid, 2), _MISSING)
        position = self.index_nbytes if self.is_index_first else 0
        for coordinates, selection in self._selections():
            chunk = array[selection]
            if is_fill(chunk, self.spec.fill_value):
                continue
            data = self.chunks.encode(chunk)
            parts.append(data)
            index[coordinates] = position, len(data)
            position += len(data)
        parts.insert(0 if self.is_index_first else len(parts), self.index.encode(index))
        return b"".join(parts)

    def decode(self, data: Buffer, out: NDArray[Any] | None, budget: Budget) -> NDArray[Any]:
        """Return all chunks as one array."""
        content = memoryview(data)
        index = self._read_index(content, budget)
        if out is None:
            out = np.empty(self.spec.shape, self.spec.dtype)
        if (index[..., 0] == _MISSING).any():
            out[...] = self.spec.fill_value
        for coordinates, selection in self._selections():
            offset, nbytes = index[coordinates].tolist()
            if offset == _MISSING:
                continue
            if offset + nbytes > len(content):
                raise CorruptionError("a chunk of the shard lies outside it")
            self._decode_chunk(content[offset : offset + nbytes], out[selection], budget)
        return out

    def _decode_chunk(self, data: memoryview, target: NDArray[Any], budget: Budget) -> None:
        if target.flags.c_contiguous:
            self.chunks.decode(data, target, budget)
        else:
            target[...] = self.chunks.decode(data, None, budget)

    def _read_index(self, content: memoryview, budget: Budget) -> NDArray[np.uint64]:
        if len(content) < self.index_nbytes:
            raise CorruptionError("the shard is too short for its index")
        start = 0 if self.is_index_first else len(content) - self.index_nbytes
        return self.index.decode(content[start : start + self.index_nbytes], None, budget)

    def _selections(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        shape = self.chunks.spec.shape
        for coordinates in np.ndindex(self.grid):
            yield (
                coordinates,
                tuple(
                    slice(i * size, (i + 1) * size)
                    for i, size in zip(coordinates, shape, strict=True)
                ),
            )
