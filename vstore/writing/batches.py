"""Batches of samples as people give them, checked and turned into rows to store."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.conversion import as_dtype
from vstore.format.samples import SHAPE_SUFFIX, is_variable, shapes_of, to_elements
from vstore.format.tree import ColumnInfo

Batch = Mapping[str, Any]


class SampleForm(NamedTuple):
    """The data type and shape of one sample of a column of fixed shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def batches(samples: Any) -> Iterator[Batch]:
    """Yield the batches of an iterable, or raise `InvalidInputError` for what is none."""
    if isinstance(samples, (str, bytes)) or not isinstance(samples, Iterable):
        raise _no_batch(samples)
    for batch in samples:
        if not isinstance(batch, Mapping):
            raise _no_batch(batch)
        yield batch


def _no_batch(given: Any) -> InvalidInputError:
    return InvalidInputError(
        "extend takes a mapping of column names to values, or an iterable of such; got "
        f"{type(given).__name__}"
    )


def check_columns(values: Batch, names: Collection[str], *, path: str) -> None:
    """Raise `InvalidInputError` unless a batch gives exactly the table's columns."""
    missing, unknown = set(names) - values.keys(), values.keys() - set(names)
    if missing or unknown:
        problems = [f"no values for {sorted(missing)}"] if missing else []
        problems += [f"no such column: {sorted(unknown)}"] if unknown else []
        raise InvalidInputError(
            f"samples of {path!r} have the columns {sorted(names)}; " + "; ".join(problems)
        )


def common_length(values: Batch, *, path: str) -> int:
    """Return how many samples a batch holds, or raise `InvalidInputError`."""
    lengths = {name: _length(value, name) for name, value in values.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInputError(f"the columns of {path!r} got different lengths: {lengths}")
    return next(iter(lengths.values()), 0)


def _length(values: Any, name: str) -> int:
    if not isinstance(values, _NO_LISTS):
        try:
            return len(values)
        except TypeError:
            pass
    raise _no_list(values, name)


_NO_LISTS = (str, bytes, bytearray, memoryview, Mapping, Set)
"""What has a length, but is one sample, or has no order."""


def as_samples(values: Any, *, name: str) -> list[Any]:
    """Return the values as a list of samples, or raise `InvalidInputError`."""
    if not isinstance(values, _NO_LISTS):
        try:
            return list(values)
        except TypeError:
            pass
    raise _no_list(values, name)


def _no_list(values: Any, name: str) -> InvalidInputError:
    return InvalidInputError(
        f"the values for the column {name!r} must be an array or a list of samples; got "
        f"{type(values).__name__}"
    )


def batch_of_one(sample: Batch, infos: Mapping[str, ColumnInfo]) -> dict[str, Any]:
    """Return one sample as a batch."""
    single: dict[str, Any] = {}
    for name, value in sample.items():
        info = infos.get(name)
        if info is not None and is_variable(info):
            held = np.empty(1, object)
            held[0] = value
            single[name] = held
        else:
            # Plain Python numbers stay such, so that they fit a column of any width.
            single[name] = np.asarray(value)[np.newaxis] if hasattr(value, "dtype") else [value]
    return single


def as_rows(name: str, info: ColumnInfo, form: SampleForm, values: Any) -> dict[str, NDArray[Any]]:
    """Return the rows to store in the column's array, and in its companion by suffix.

    Raises:
        InvalidInputError: values of another type, data type or shape.
    """
    if is_variable(info):
        samples = as_samples(values, name=name)
        rows = {"": to_elements(info, samples, name=name)}
        if info.kind == "ragged":
            rows[SHAPE_SUFFIX] = shapes_of(info, samples)
        return rows
    array = as_dtype(values, form.dtype, name=name)
    if not len(array) and not hasattr(values, "dtype"):
        array = array.reshape(0, *form.shape)
    if array.shape[1:] != form.shape:
        raise InvalidInputError(
            f"the column {name!r} holds samples of shape {form.shape}; got {array.shape[1:]}"
        )
    return {"": array}
