"""The form of a batch: what becomes of the samples of a column, whichever meet in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.format.table.flat import Flat, offsets_of
from vstore.format.table.names import OFFSETS_SUFFIX, SHAPE_SUFFIX

Shape = tuple[int | None, ...]
Ragged = Literal["list", "padded", "nested", "flat"]

IMAGE_AXES = 3
"""Images that are padded have an axis for channels, also where there is one channel."""


class Results(list[Any]):
    """What a transform made of the samples of a column; None for one that is missing."""


@pickled
def unchanged(value: Any) -> Any:
    """Return the value."""
    return value


@pickled
def is_array(value: Any) -> bool:
    """Return whether values like this one make an array.

    >>> is_array(np.zeros(2)), is_array(1.5), is_array("text"), is_array(np.str_("text"))
    (True, True, False, False)
    """
    if isinstance(value, np.generic):
        return not isinstance(value, np.flexible)
    return isinstance(value, np.ndarray | int | float | complex)


@pickled
def stacked(samples: list[Any]) -> NDArray[Any]:
    """Return samples of one shape as one array.

    >>> stacked([np.zeros(2), np.ones(2)]).tolist(), stacked([1, 2]).tolist()
    ([[0.0, 0.0], [1.0, 1.0]], [1, 2])
    """
    kinds = set(map(type, samples))
    if kinds == {np.ndarray} and samples[0].ndim:
        # `np.stack` makes a view of each first, which costs more than copying small ones.
        return np.concatenate(samples).reshape(len(samples), *samples[0].shape)
    if len(kinds) == 1 and issubclass(kinds.pop(), np.number | int | float | complex):
        return np.array(samples)
    return np.stack(samples)


@pickled
@dataclass(frozen=True, slots=True)
class Library:
    """What the user computes with.

    `convert` makes of an array or a list what that library has, `is_array` says whether
    values of one's type can be stacked, `stack` makes one array of several of one shape, and
    `nest` one of several that differ in shape.
    """

    convert: Callable[[Any], Any] = unchanged
    is_array: Callable[[Any], bool] = is_array
    stack: Callable[[list[Any]], Any] = stacked
    nest: Callable[[list[NDArray[Any]], Shape | None], Any] | None = None


NUMPY = Library()


@pickled
@dataclass(frozen=True, slots=True)
class Form:
    """What becomes of a column's samples in a batch.

    `kind` is what the user chose for samples that differ in shape. None stands for a list
    where they come as they are stored, and for one array where they were transformed. `shape`
    and `dtype` are those of a stored sample, None for an axis that differs, and for all of
    them where even the number of axes does. Samples that `may_be_missing` are a list once
    they were transformed.
    """

    kind: Ragged | None = None
    shape: Shape | None = None
    dtype: np.dtype[Any] | None = None
    may_be_missing: bool = False

    @property
    def is_array(self) -> bool:
        """Whether samples of differing shape become one array."""
        return self.kind in ("padded", "nested", "flat")

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What the names of further parts of a batch end with, of samples as they are stored."""
        return {"padded": (SHAPE_SUFFIX,), "flat": self._flat_suffixes}.get(self.kind or "", ())

    @property
    def _flat_suffixes(self) -> tuple[str, ...]:
        return (OFFSETS_SUFFIX,) if self._is_of_rows else (OFFSETS_SUFFIX, SHAPE_SUFFIX)

    @property
    def _is_of_rows(self) -> bool:
        """Whether stored samples differ in the length of their first axis alone."""
        first, *others = self.shape or (0,)
        return first is None and None not in others

    def of(self, name: str, samples: Any, library: Library) -> dict[str, Any]:
        """Return the samples in this form, by suffix of the column's name.

        Raises:
            InvalidInputError: they have no such form.
        """
        if isinstance(samples, Flat):
            return self._flat(samples, library, are_stored=True)
        if self.is_array and isinstance(samples, list):
            return self._array(name, samples, library)
        if not isinstance(samples, Results):
            return {"": library.convert(samples)}
        if self.kind == "list" or self.may_be_missing:
            return {"": library.convert(list(samples))}
        return {"": library.convert(_stacked(name, samples, library))}

    def _array(self, name: str, samples: list[Any], library: Library) -> dict[str, Any]:
        """Return samples that differ in shape as one array."""
        present = self._present(name, samples)
        if self.kind == "nested" and library.nest is not None:
            return {"": library.nest(present, self.shape)}
        if self.kind == "flat":
            are_stored = not isinstance(samples, Results)
            return self._flat(Flat.of(present), library, are_stored=are_stored)
        convert = library.convert
        return {"": convert(padded(present)), SHAPE_SUFFIX: convert(shapes_of(present))}

    def _flat(self, samples: Flat, library: Library, *, are_stored: bool) -> dict[str, Any]:
        """Return samples one behind the other: along their first axis, or element by element."""
        parts = {"": samples.values, OFFSETS_SUFFIX: samples.offsets, SHAPE_SUFFIX: samples.shapes}
        if are_stored and self.shape is not None and self._is_of_rows:
            offsets = offsets_of(parts.pop(SHAPE_SUFFIX)[:, 0])
            values = samples.values.reshape(offsets[-1], *self.shape[1:])
            parts = {"": values, OFFSETS_SUFFIX: offsets}
        return {suffix: library.convert(part) for suffix, part in parts.items()}

    def _present(self, name: str, samples: list[Any]) -> list[NDArray[Any]]:
        """Return the samples as arrays of one data type, an empty one for each that is missing."""
        there = [None if sample is None else _as_array(sample) for sample in samples]
        arrays = [array for array in there if array is not None]
        if not all(isinstance(array, np.ndarray) for array in arrays):
            msg = f"ragged={self.kind!r} is for arrays; transforms made {name!r} something else"
            raise InvalidInputError(msg)
        if self.shape is None and not isinstance(samples, Results):
            arrays = [array if array.ndim > 2 else array[..., np.newaxis] for array in arrays]
        axes = {array.ndim for array in arrays}
        if len(axes) > 1:
            raise InvalidInputError(
                f"samples of {name!r} have {' or '.join(map(str, sorted(axes)))} axes",
                code="samples-differ-in-axes",
                hint="make them alike with a transform, or leave them a list with "
                f"`ragged={{{name!r}: 'list'}}`",
                column=name,
            )
        empty = self._empty(arrays)
        remaining = iter(arrays)
        return [
            empty if a is None else next(remaining).astype(empty.dtype, copy=False) for a in there
        ]

    def _empty(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        """Return what stands for a missing sample among others."""
        dtype = np.result_type(*arrays) if arrays else self.dtype
        shape = self.shape or (None,) * IMAGE_AXES
        if arrays and arrays[0].ndim != len(shape):
            shape = (None,) * arrays[0].ndim
        return np.zeros([length or 0 for length in shape], dtype)


AS_STORED = Form()


def one_by_one(samples: list[Any], library: Library) -> list[Any]:
    """Return what a transform made of samples, each as it would be alone."""
    made = []
    for sample in samples:
        one = library.stack([sample]) if library.is_array(sample) else [sample]
        made.append(library.convert(one)[0])
    return made


def _stacked(name: str, samples: list[Any], library: Library) -> Any:
    """Return transformed samples as one array, or as a list where none is an array."""
    one_of_each = dict(zip(map(type, samples), samples, strict=True))
    is_array = {kind: library.is_array(value) for kind, value in one_of_each.items()}
    are_arrays = set(is_array.values())
    if are_arrays <= {False}:
        return list(samples)
    if are_arrays == {True}:
        shapes = {getattr(sample, "shape", ()) for sample in samples}
        if len(shapes) == 1:
            return library.stack(samples)
        shapes = set(map(tuple, shapes))
        problem = f"arrays of the shapes {', '.join(map(str, sorted(shapes)[:4]))}"
    else:
        other = next(sample for sample in samples if not is_array[type(sample)])
        problem = f"arrays and {type(other).__name__}"
    raise InvalidInputError(
        f"a transform made {problem} of samples of {name!r}, and the form of a batch must not "
        "depend on which samples are in it",
        code="samples-differ-in-shape",
        hint=f"say what becomes of them: `ragged={{{name!r}: 'list'}}`, 'padded' or 'nested'",
        column=name,
    )


def _as_array(sample: Any) -> Any:
    return np.asarray(sample) if hasattr(sample, "__array__") else sample


def padded(samples: list[NDArray[Any]]) -> NDArray[Any]:
    """Return arrays of one rank as one array, each followed by zeros, or by not-a-time.

    >>> padded([np.array([1, 2]), np.array([3])]).tolist()
    [[1, 2], [3, 0]]
    """
    if not samples:
        return np.zeros((0,))
    largest = shapes_of(samples).max(axis=0)
    result = np.zeros((len(samples), *largest), np.result_type(*samples))
    if result.dtype.kind in "mM":
        result[...] = np.array("NaT", result.dtype)
    for row, sample in zip(result, samples, strict=True):
        row[tuple(map(slice, sample.shape))] = sample
    return result


def shapes_of(samples: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the shapes of arrays of one rank, one row each."""
    return np.array([sample.shape for sample in samples], np.int64).reshape(len(samples), -1)
