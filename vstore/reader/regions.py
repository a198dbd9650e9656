"""Regions: parts of an N-dimensional array that are samples, such as cubes of a volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals, pickled
from vstore.format.numbers import Ints
from vstore.format.table.kinds import NDARRAY, ColumnInfo
from vstore.format.table.rows import Rows
from vstore.reader.plan.regions import Shape, grid, home_chunks
from vstore.reading.array import Array, StoredArray
from vstore.reading.column import Column
from vstore.reading.stored_column import StoredColumn

REGION_START = "region.start"
"""Under this name batches have where each region begins."""


@exported_from("vstore.reader")
@dataclass(frozen=True, eq=False)
class Regions:
    """Parts of arrays that are samples, for a reader to read: made by `regions`, or by hand.

    Sample i is `array[start : start + length, ...]` of each of the `arrays`, with the lengths of
    `shape` and the i-th of the `starts`, shape (samples, axes), int64. None in a shape is the
    whole of an axis.
    """

    arrays: Mapping[str, Array]
    shape: Sequence[int | None]
    starts: Ints

    def __len__(self) -> int:
        return len(self.starts)


@exported_from("vstore.reader")
def regions(
    arrays: Array | Mapping[str, Array],
    shape: Sequence[int | None],
    *,
    stride: Sequence[int] | int | None = None,
) -> Regions:
    """Return regions of one shape that cover an array, for a reader to read as samples.

    Args:
        arrays: an array of a commit, or several by name that belong together, such as a volume
            and its labels: they have one number of axes, and one length of each that regions
            are a part of.
        shape: the shape of a region; None for the whole of an axis, such as that of channels.
        stride: how far apart regions begin, on all axes or each; as far as they are long when
            None. The last on an axis ends where the array does, so it may overlap others more.

    Returns:
        The regions in the order of the chunks that they begin in, so that reading in order
        decodes each once.

    >>> import vstore
    >>> repo = vstore.create("memory://regions-doc")
    >>> with repo.transaction("main", message="Add a volume") as tx:
    ...     tx.create_array("ct", shape=(4, 6), dtype="int16")[:] = np.arange(24).reshape(4, 6)
    >>> regions(repo.checkout("main")["ct"], (2, 4)).starts.tolist()
    [[0, 0], [0, 2], [2, 0], [2, 2]]

    Raises:
        InvalidInputError: an array is smaller than a region, or they do not fit each other.
    """
    named = arrays if isinstance(arrays, Mapping) else {_name(arrays): arrays}
    _check_arrays(named, shape)
    first = next(iter(named.values()))
    size = size_in(first, shape)
    step = _steps(stride, size)
    starts = grid(first.shape, size, step)
    home = home_chunks(starts, first.shape, first.metadata.chunk_shape)
    return Regions(dict(named), tuple(shape), starts[np.argsort(home, kind="stable")])


def _name(array: Any) -> str:
    if not isinstance(array, Array):
        raise InvalidInputError(
            f"regions are parts of an array of a commit, or of several by name, not {array!r:.100}"
        )
    return array.path.rpartition("/")[2] or array.path


def size_in(array: Array, shape: Sequence[int | None]) -> Shape:
    """Return the shape of a region of an array, the whole of an axis where that is None."""
    return tuple(
        length if each is None else int(each)
        for each, length in zip(shape, array.shape, strict=True)
    )


def _steps(stride: Any, size: Shape) -> Shape:
    if stride is None:
        return tuple(max(1, each) for each in size)
    steps = [stride] * len(size) if isinstance(stride, int | np.integer) else list(stride)
    if len(steps) != len(size) or any(not _is_length(each) for each in steps):
        raise InvalidInputError(
            f"stride is a number of 1 or more, or one for each of {len(size)} axes, not {stride!r}"
        )
    return tuple(int(each) for each in steps)


def _is_length(value: Any) -> bool:
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_number and int(value) >= 1


def _check_arrays(arrays: Mapping[str, Any], shape: Any) -> None:
    """Raise unless a region of the shape can be cut out of all arrays."""
    if not arrays:
        raise InvalidInputError("there is no array to read regions of")
    if isinstance(shape, str | int) or not all(each is None or _is_length(each) for each in shape):
        raise InvalidInputError(
            f"the shape of regions is a length of 1 or more for each axis, or None, not {shape!r}"
        )
    for name, array in arrays.items():
        _check_array(name, array)
        if array.ndim != len(shape) or not array.ndim:
            raise InvalidInputError(
                f"a region of {len(shape)} axes is no part of the array {name!r}, which has "
                f"{array.ndim}"
            )
    for axis, each in enumerate(shape):
        lengths = {name: array.shape[axis] for name, array in arrays.items()}
        if each is not None and (each > min(lengths.values()) or len(set(lengths.values())) > 1):
            raise InvalidInputError(
                f"axis {axis} is {lengths} long: regions need arrays of one length, at least "
                f"their own, which is {each}"
            )


def _check_array(name: str, array: Any) -> None:
    _name(array)
    if not isinstance(internals(array), StoredArray):
        raise InvalidInputError(
            f"the array {name!r} belongs to an open transaction",
            code="uncommitted-data",
            hint="commit, and read from the commit, `repo.checkout()`",
        )
    if array.dtype.hasobject:
        raise InvalidInputError(f"elements of the array {name!r} differ in size")


@pickled
class ArrayColumn(Column):
    """Regions of an array as a column: what a reader opens, and nothing that indexes."""

    def __init__(self, name: str, array: Array, size: Shape, count: int) -> None:
        self._made_of = name, array, size, count
        info = ColumnInfo(kind_name=NDARRAY.name)
        super().__init__(StoredColumn(name, internals(array), info, Rows(count)))

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayColumn, self._made_of

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(samples, *shape of a region)."""
        _, _, size, count = self._made_of
        return (count, *size)


def array_columns(data: Regions) -> dict[str, Column]:
    """Return the arrays of which regions are read as columns.

    Raises:
        InvalidInputError: a region is no part of an array.
    """
    _check_arrays(data.arrays, data.shape)
    starts = starts_of(data)
    for name, array in data.arrays.items():
        last = starts + np.array(size_in(array, data.shape), np.int64)
        if (starts < 0).any() or (last > np.array(array.shape)).any():
            at = int(((starts < 0) | (last > np.array(array.shape))).any(axis=1).argmax())
            raise InvalidInputError(
                f"the region that begins at {tuple(starts[at].tolist())} is not within the array "
                f"{name!r}, whose shape is {array.shape}"
            )
    if REGION_START in data.arrays:
        raise InvalidInputError(f"a batch has something else called {REGION_START!r}")
    return {
        name: ArrayColumn(name, array, size_in(array, data.shape), len(starts))
        for name, array in data.arrays.items()
    }


def starts_of(data: Regions) -> Ints:
    """Return where regions begin, or raise `InvalidInputError` if that is malformed."""
    starts = np.asarray(data.starts)
    if starts.ndim != 2 or starts.shape[1] != len(data.shape) or starts.dtype.kind not in "ui":
        raise InvalidInputError(
            f"starts are whole numbers of the shape (samples, {len(data.shape)}), not "
            f"{starts.dtype} of {starts.shape}"
        )
    return starts.astype(np.int64)
