"""Reading arrays most of whose chunks are not stored: the cost follows those that are."""

import math
from collections.abc import Iterable, Iterator, Sequence

from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import ChunkPart, chunk_coordinates, chunk_strides

MANY_CHUNKS = 4096
"""From how many chunks on it matters that most are not stored."""

FEW = 16
"""One chunk of how many, at most, is stored where an array counts as sparse."""


def is_sparse(ranges: Sequence[range], metadata: ArrayMetadata, stored: int) -> bool:
    """Return whether a box touches many chunks, far more than the array has stored."""
    touched = math.prod(
        (box.stop - 1) // chunk - box.start // chunk + 1 if len(box) else 0
        for box, chunk in zip(ranges, metadata.chunk_shape, strict=True)
    )
    return touched > MANY_CHUNKS and stored * FEW < touched


def parts_in(
    ranges: Sequence[range], metadata: ArrayMetadata, numbers: Iterable[int]
) -> Iterator[ChunkPart]:
    """Yield what chunks, given by their numbers, contribute to a box; none where they miss it."""
    strides = chunk_strides(metadata.shape, metadata.chunk_shape)
    for number in numbers:
        inside: list[slice] = []
        outside: list[slice] = []
        places = chunk_coordinates(number, strides)
        for at, box, chunk in zip(places, ranges, metadata.chunk_shape, strict=True):
            base = at * chunk
            start, stop = max(box.start, base), min(box.stop, base + chunk)
            if start >= stop:
                break
            inside.append(slice(start - base, stop - base))
            outside.append(slice(start - box.start, stop - box.start))
        else:
            yield ChunkPart(number, tuple(inside), tuple(outside), is_whole=False)
