"""Batches of samples as users pass them, checked and turned into rows to store."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.table.conversion import as_dtype
from vstore.format.table.kinds import ColumnInfo, to_rows
from vstore.format.table.names import VALID_SUFFIX

Batch = Mapping[str, Any]


class SampleForm(NamedTuple):
    """The data type and shape of one sample of a column of fixed shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fill: Any
    """The elements of a missing sample."""


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


def check_columns(values: Batch, infos: Mapping[str, ColumnInfo], *, path: str) -> None:
    """Raise `InvalidInputError` unless a batch gives the table's columns and no others.

    Optional columns may be left out.
    """
    needed = {name for name, info in infos.items() if not info.optional}
    missing, unknown = needed - values.keys(), values.keys() - infos.keys()
    if missing or unknown:
        problems = [f"no values for {sorted(missing)}"] if missing else []
        problems += [f"no such column: {sorted(unknown)}"] if unknown else []
        raise InvalidInputError(
            f"samples of {path!r} have the columns {sorted(infos)}; " + "; ".join(problems)
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
    if not isinstance(sample, Mapping):
        raise InvalidInputError(
            f"a sample is a mapping of column names to values; got {type(sample).__name__}"
        )
    single: dict[str, Any] = {}
    for name, value in sample.items():
        info = infos.get(name)
        if info is not None and not info.kind.is_plain:
            held = np.empty(1, object)
            held[0] = value
            single[name] = held
        else:
            # Plain Python numbers stay such, so that they fit a column of any width.
            single[name] = np.asarray(value)[np.newaxis] if hasattr(value, "dtype") else [value]
    return single


def as_rows(name: str, info: ColumnInfo, form: SampleForm, values: Any) -> dict[str, NDArray[Any]]:
    """Return the rows to store in the column's array, and in its companions by suffix.

    In an optional column None, and what a masked array masks, stand for missing samples.

    Raises:
        InvalidInputError: values of another type, data type or shape.
    """
    valid = None
    if info.optional:
        values, valid = _without_missing(name, info, form, values)
    if not info.kind.is_plain:
        rows = to_rows(info, as_samples(values, name=name), valid=valid, name=name)
    elif valid is None or valid.all():
        rows = {"": info.kind.encode(info, _plain_samples(name, form, values), name)}
    else:
        samples = _plain_samples(name, form, values)
        filled = np.full(samples.shape, _filler(form), form.dtype)
        filled[valid] = info.kind.encode(info, samples[valid], name)
        rows = {"": filled}
    return rows if valid is None else rows | {VALID_SUFFIX: valid}


def _plain_samples(name: str, form: SampleForm, values: Any) -> NDArray[Any]:
    array = as_dtype(values, form.dtype, name=name)
    if not array.ndim:
        raise _no_list(values, name)
    if not len(array) and not hasattr(values, "dtype"):
        array = array.reshape(0, *form.shape)
    if array.shape[1:] != form.shape:
        raise InvalidInputError(
            f"the column {name!r} holds samples of shape {form.shape}; got {array.shape[1:]}"
        )
    return array


def _without_missing(
    name: str, info: ColumnInfo, form: SampleForm, values: Any
) -> tuple[Any, NDArray[np.bool_]]:
    """Return the values, and which are there; a plain kind gets a fill value for the others."""
    if isinstance(values, np.ma.MaskedArray) and not info.kind.is_plain:
        values = _with_none(name, values)
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        valid = np.asarray(~mask.all(axis=tuple(range(1, mask.ndim))), bool)
        if mask[valid].any():
            raise InvalidInputError(
                f"the samples of the column {name!r} are there or missing as a whole; some of "
                "these are masked in part"
            )
        return np.asarray(values.data), valid
    if isinstance(values, np.ndarray) and not values.dtype.hasobject:
        return values, np.ones(len(values), bool)
    samples = as_samples(values, name=name)
    valid = np.array([sample is not None for sample in samples], bool)
    if valid.all() or not info.kind.is_plain:
        return values, valid
    filler = _filler(form)
    return [filler if sample is None else sample for sample in samples], valid


def _with_none(name: str, values: NDArray[Any]) -> list[Any]:
    masked = np.ma.getmaskarray(values)
    samples = as_samples(values.data, name=name)
    return [None if missing else one for one, missing in zip(samples, masked, strict=True)]


def _filler(form: SampleForm) -> NDArray[Any]:
    return np.full(form.shape, form.fill, form.dtype)
