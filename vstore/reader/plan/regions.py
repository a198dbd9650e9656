"""Regions of an N-dimensional array: where they begin, and which chunks they lie in. No I/O."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vstore.format.numbers import Ints
from vstore.format.zarr.selection import chunk_strides

Box = tuple[slice, ...]
Shape = tuple[int, ...]


class Overlap(NamedTuple):
    """What a chunk has of a region: `region[outside] = chunk[inside]`."""

    region: int
    outside: Box
    inside: Box


def axis_starts(length: int, size: int, step: int) -> Ints:
    """Return where windows of a size begin on an axis, every `step`; the last ends where it does.

    >>> axis_starts(10, 4, 4).tolist()
    [0, 4, 6]
    """
    starts = np.arange(0, length - size + 1, step, dtype=np.int64)
    last = length - size
    return starts if starts[-1] == last else np.append(starts, last)


def grid(shape: Shape, size: Shape, step: Shape) -> Ints:
    """Return where regions begin that cover an array of a shape: (regions, axes), in C order."""
    axes = [axis_starts(*each) for each in zip(shape, size, step, strict=True)]
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([each.reshape(-1) for each in mesh], axis=1)


def home_chunks(starts: Ints, shape: Shape, chunk_shape: Shape) -> Ints:
    """Return the numbers of the chunks that regions begin in: shape (regions,)."""
    strides = np.array(chunk_strides(shape, chunk_shape), np.int64)
    numbers: Ints = (starts // np.array(chunk_shape)) @ strides
    return numbers


def overlaps(
    starts: Ints, size: Shape, shape: Shape, chunk_shape: Shape
) -> dict[int, list[Overlap]]:
    """Return what each chunk has of some regions, by the chunk's number, ascending.

    Args:
        starts: where the regions begin, shape (regions, axes).
        size: their shape.
        shape: that of the array.
        chunk_shape: that of its chunks.
    """
    strides = chunk_strides(shape, chunk_shape)
    found: dict[int, list[Overlap]] = defaultdict(list)
    for region, start in enumerate(starts.tolist()):
        axes = [
            list(_on_axis(*each)) for each in zip(start, size, chunk_shape, strides, strict=True)
        ]
        for parts in itertools.product(*axes):
            number = sum(part.number for part in parts)
            outside = tuple(part.outside for part in parts)
            inside = tuple(part.inside for part in parts)
            found[number].append(Overlap(region, outside, inside))
    return dict(sorted(found.items()))


class _OnAxis(NamedTuple):
    """What a chunk of an axis adds to its number, and the two slices."""

    number: int
    outside: slice
    inside: slice


def _on_axis(start: int, size: int, chunk: int, stride: int) -> Iterator[_OnAxis]:
    """Yield the chunks of an axis that a region lies in."""
    for cell in range(start // chunk, (start + size - 1) // chunk + 1):
        low, high = max(start, cell * chunk), min(start + size, (cell + 1) * chunk)
        inside = slice(low - cell * chunk, high - cell * chunk)
        yield _OnAxis(cell * stride, slice(low - start, high - start), inside)
