"""Two changes of one chunk that were made side by side, put together by element."""

import operator

import numpy as np

from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.differing import differing_elements
from vstore.format.zarr.selection import chunk_coordinates, chunk_strides
from vstore.reading.assembly import decode_or_fill
from vstore.writing.staged_array import StagedArray

Encoded = bytes | memoryview | None
"""A chunk as it is stored; None holds nothing but the fill value."""


def overlay(array: StagedArray, number: int, *, base: Encoded, new: Encoded) -> None:
    """Change the elements of a chunk in which `new` differs from `base`, which it was made from.

    Of an element that was changed since as well, the value in `new` is the later one.

    Raises:
        FormatError: a chunk cannot be decoded.
    """
    metadata = array.metadata
    codec = ChunkCodec(metadata)
    before, after = decode_or_fill(codec, base, None), decode_or_fill(codec, new, None)
    points = np.argwhere(differing_elements(before, after)).astype(np.int64)
    values = after[tuple(points.T)]
    strides = chunk_strides(metadata.shape, metadata.chunk_shape)
    place = chunk_coordinates(number, strides)
    points += np.array(list(map(operator.mul, place, metadata.chunk_shape)), np.int64)
    is_inside = (points < np.array(metadata.shape, np.int64)).all(axis=1)
    array.write_points(points[is_inside], values[is_inside])
