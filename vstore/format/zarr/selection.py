"""NumPy-style indices on chunked arrays, as values.

An index becomes one plan per axis: which chunks it touches and, for each, which places
inside the chunk go to which places in the result. Slices stay slices, so that whole
chunks can be decoded straight into the result.
"""

import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, OutOfBoundsError
from vstore.format.numbers import Positions
from vstore.format.zarr.index_arrays import index_array, missing_positions

Places = slice | Positions

SelectOne = int | np.integer[Any]
"""What in square brackets picks one place of an axis, which the result then lacks."""

SelectMany = slice | EllipsisType | Sequence[int | np.integer[Any]] | NDArray[Any]
"""What in square brackets picks several places of an axis: a slice, positions, a mask."""


@dataclass(frozen=True, slots=True)
class AxisPart:
    """What one chunk contributes along one axis."""

    chunk: int
    inside: Places
    outside: Places
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """What one chunk contributes: `result[outside] = chunk[inside]`."""

    number: int
    inside: tuple[Places, ...]
    outside: tuple[Places, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """An index, resolved against an array's shape and chunk grid.

    `shape` is the result's shape before the axes that were picked by an integer are
    dropped; `final_shape` the shape after.
    """

    shape: tuple[int, ...]
    final_shape: tuple[int, ...]
    axes: tuple[tuple[AxisPart, ...], ...]
    strides: tuple[int, ...]

    def parts(self) -> Iterator[ChunkPart]:
        """Yield the touched chunks in the order of their numbers."""
        if 0 in self.shape:
            return
        for combination in itertools.product(*self.axes):
            yield ChunkPart(
                sum(
                    part.chunk * stride
                    for part, stride in zip(combination, self.strides, strict=True)
                ),
                _open_mesh([part.inside for part in combination]),
                _open_mesh([part.outside for part in combination]),
                all(part.is_whole for part in combination),
            )


def chunk_strides(shape: Sequence[int], chunk_shape: Sequence[int]) -> tuple[int, ...]:
    """Return by how much the chunk number grows for one step along each axis.

    Chunks are numbered in C order. The extent of every axis but the first is rounded up
    to a power of two, so that an array can grow along any axis with its chunks keeping
    their numbers until that axis doubles.

    >>> chunk_strides((100, 30, 30), (10, 10, 10))
    (16, 4, 1)
    """
    strides = [1] * len(shape)
    for axis in range(len(shape) - 1, 0, -1):
        count = -(-shape[axis] // chunk_shape[axis])
        strides[axis - 1] = strides[axis] * (1 << max(count - 1, 0).bit_length())
    return tuple(strides)


def chunk_coordinates(number: int, strides: Sequence[int]) -> tuple[int, ...]:
    """Return where in the grid a chunk is, by its number.

    >>> chunk_coordinates(21, (16, 4, 1))
    (1, 1, 1)
    """
    place = []
    for stride in strides:
        place.append(number // stride)
        number %= stride
    return tuple(place)


def is_inside(place: Sequence[int], grid_shape: Sequence[int]) -> bool:
    """Return whether a place is in a grid."""
    return all(0 <= at < length for at, length in zip(place, grid_shape, strict=True))


def select(index: Any, shape: Sequence[int], chunk_shape: Sequence[int]) -> Selection:
    """Resolve a NumPy index: integers, slices, an ellipsis, one array or mask an axis.

    Several index arrays select their cross product, as `numpy.ix_` does.

    Raises:
        OutOfBoundsError: an integer outside the axis.
        InvalidInputError: anything else that is no index of this array.
    """
    items = _expand(index, len(shape))
    axes: list[tuple[AxisPart, ...]] = []
    lengths: list[int] = []
    final: list[int] = []
    for axis, (item, size, chunk) in enumerate(zip(items, shape, chunk_shape, strict=True)):
        if isinstance(item, slice):
            parts, length = _slice_parts(range(*slice_indices(item, size)), size, chunk)
        elif is_integer(item):
            parts, length = _array_parts(_positions([item], size, axis), size, chunk)
        else:
            parts, length = _array_parts(_positions(item, size, axis), size, chunk)
        axes.append(parts)
        lengths.append(length)
        if isinstance(item, slice) or not is_integer(item):
            final.append(length)
    return Selection(tuple(lengths), tuple(final), tuple(axes), chunk_strides(shape, chunk_shape))


def find_box(index: Any, shape: Sequence[int]) -> list[range] | None:
    """Return the range that an index picks along each axis; None unless all are slices of step 1.

    >>> find_box((slice(2, 5), ...), (9, 4)), find_box(3, (9, 4))
    ([range(2, 5), range(0, 4)], None)
    """
    items = _expand(index, len(shape))
    if not all(isinstance(item, slice) for item in items):
        return None
    boxes = [range(*slice_indices(item, size)) for item, size in zip(items, shape, strict=True)]
    return boxes if all(box.step == 1 for box in boxes) else None


def is_integer(item: Any) -> bool:
    """Return whether an item of an index stands for one position, and so drops its axis."""
    if isinstance(item, (bool, np.bool_)):
        return False
    if item is np.ma.masked:
        raise missing_positions(item)
    try:
        return np.ndim(item) == 0
    except ValueError as exc:
        raise InvalidInputError(
            f"{shortened(item)} is not an index: its rows differ in length"
        ) from exc


def split(index: Any, ndim: int) -> tuple[Any, tuple[Any, ...]]:
    """Split an index into its item for the first axis and its items for the others.

    >>> split((..., 0), 1), split((..., 0), 3)
    ((0, ()), (slice(None, None, None), (Ellipsis, 0)))
    """
    items = index if isinstance(index, tuple) else (index,)
    if sum(item is Ellipsis for item in items) > 1:
        raise InvalidInputError("an index can have only one ellipsis ('...')")
    if items and items[0] is Ellipsis:
        stands_for_none = len(items) > max(ndim, 1)
        items = items[1:] if stands_for_none else (slice(None), *(items if items[1:] else ()))
    return (items[0], items[1:]) if items else (slice(None), ())


def positions(index: Any, size: int, *, axis: int = 0) -> Positions:
    """Return the positions along one axis of length `size` that an index picks, in order."""
    if isinstance(index, slice):
        return np.arange(*slice_indices(index, size), dtype=np.int64)
    return _positions(index, size, axis)


def _expand(index: Any, ndim: int) -> list[Any]:
    items = list(index) if isinstance(index, tuple) else [index]
    ellipses = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise InvalidInputError("an index can have only one ellipsis ('...')")
    if ellipses:
        at = ellipses[0]
        items[at : at + 1] = [slice(None)] * (ndim - len(items) + 1)
    if any(item is None for item in items):
        raise InvalidInputError(
            "an index with numpy.newaxis (None) is not supported here",
            hint="index the result with numpy.newaxis instead",
        )
    if len(items) > ndim:
        raise InvalidInputError(f"too many indices: {len(items)} for {ndim} dimensions")
    return items + [slice(None)] * (ndim - len(items))


def slice_indices(item: slice, size: int) -> tuple[int, int, int]:
    """Return a slice's start, stop and step, or raise `InvalidInputError`."""
    try:
        return item.indices(size)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"{item} is not a valid slice: {exc}") from exc


def _positions(item: Any, size: int, axis: int) -> Positions:
    array = index_array(item)
    if array.ndim == 1 and array.size == 0 and array.dtype == np.float64:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "bui":
        msg = (
            f"axis {axis} is indexed by integers, slices, or a one-dimensional array of integers "
            f"or booleans; got {shortened(item)}"
        )
        raise InvalidInputError(msg)
    if array.dtype.kind == "b":
        if len(array) != size:
            raise OutOfBoundsError(
                f"the mask has {len(array)} elements; axis {axis} has {size}",
                code="mask-length",
                length=len(array),
            )
        return np.flatnonzero(array)
    out_of_range = (array < -size) | (array >= size)
    if out_of_range.any():
        first = array[out_of_range][0]
        raise OutOfBoundsError(
            f"index {first} is out of bounds for axis {axis} with size {size}", position=int(first)
        )
    array = array.astype(np.int64)
    return np.where(array < 0, array + size, array)


def as_index(value: Any, *, what: str) -> int:
    """Return an integer of any type as an int, or raise `InvalidInputError`."""
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidInputError(f"{what} must be an integer, not {value!r}") from None


def _slice_parts(places: range, size: int, chunk: int) -> tuple[tuple[AxisPart, ...], int]:
    if places.step != 1:
        return _array_parts(np.array(places, np.int64), size, chunk)
    parts = []
    if len(places):
        for number in range(places.start // chunk, (places.stop - 1) // chunk + 1):
            base = number * chunk
            start, stop = max(places.start, base), min(places.stop, base + chunk)
            parts.append(
                AxisPart(
                    number,
                    slice(start - base, stop - base),
                    slice(start - places.start, stop - places.start),
                    is_whole=start == base and stop == min(base + chunk, size),
                )
            )
    return tuple(parts), len(places)


def _array_parts(places: Positions, size: int, chunk: int) -> tuple[tuple[AxisPart, ...], int]:
    numbers = places // chunk
    order = np.argsort(numbers, kind="stable")
    touched, first = np.unique(numbers[order], return_index=True)
    bounds = [*first.tolist(), len(places)]
    parts = []
    for i, number in enumerate(touched.tolist()):
        outside = order[bounds[i] : bounds[i + 1]]
        inside = places[outside] - number * chunk
        extent = min(chunk, size - number * chunk)
        is_whole = len(inside) >= extent and len(np.unique(inside)) == extent
        parts.append(AxisPart(number, inside, outside, is_whole))
    return tuple(parts), len(places)


def _open_mesh(places: list[Places]) -> tuple[Places, ...]:
    """Return the places so that NumPy takes their cross product."""
    if sum(isinstance(place, np.ndarray) for place in places) < 2:
        return tuple(places)
    return np.ix_(*[_as_array(place) for place in places])


def _as_array(place: Places) -> Positions:
    return np.arange(place.start, place.stop) if isinstance(place, slice) else place
