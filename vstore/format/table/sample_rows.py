"""Samples as users give them, checked and turned into the rows of a column's arrays."""

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.arrow_values import is_arrow, of_arrow
from vstore.format.missing import given, is_missing
from vstore.format.table.element_rows import to_rows
from vstore.format.table.kinds import ColumnInfo, Encoded
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.zarr.codec_spec import MAX_CHUNK_NBYTES
from vstore.format.zarr.conversion import as_elements
from vstore.format.zarr.dtypes import DataType, dtype_from


class SampleForm(NamedTuple):
    """The Zarr data type and shape of one sample of a column of fixed shape."""

    data_type: DataType
    shape: tuple[int, ...]
    fill: Any
    """The elements of a missing sample."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the array that holds samples: object where they differ in length."""
        return dtype_from(self.data_type)


NO_LISTS = (str, bytes, bytearray, memoryview, Mapping, Set)
"""What has a length, but is one sample, or has no order."""


def as_samples(values: Any, *, name: str) -> list[Any]:
    """Return the values as a list of samples, or raise `InvalidInputError`."""
    if is_arrow(values):
        found, missing = of_arrow(values)
        if missing is None:
            return list(found)
        gone = missing.tolist()
        return [None if is_gone else each for each, is_gone in zip(found, gone, strict=True)]
    if not isinstance(values, NO_LISTS):
        try:
            return list(values)
        except TypeError:
            pass
    raise no_list(values, name)


def no_list(values: Any, name: str) -> InvalidInputError:
    """Return the error for what is no list of samples."""
    return InvalidInputError(
        f"the values for the column {name!r} must be an array or a list of samples; got "
        f"{type(values).__name__}"
    )


def one_sample(info: ColumnInfo | None, value: Any) -> Any:
    """Return one sample of a column, None if there is no such column, as values of a batch."""
    if info is not None and not info.kind.is_plain:
        held = np.empty(1, object)
        held[0] = value
        return held
    # Plain Python numbers stay such, so that they fit a column of any width.
    return np.asarray(value)[np.newaxis] if _is_array(value) else [value]


def _is_array(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray | np.generic)
    return is_array and not isinstance(value, np.ma.MaskedArray)


MAX_SAMPLE_NBYTES = MAX_CHUNK_NBYTES - 8
"""What a sample of a size of its own takes at most: the rest of its chunk is their number and its
length."""


def _require_storable(name: str, elements: NDArray[Any]) -> None:
    """Raise, before anything is stored, where a sample alone is more than a chunk may be."""
    if sum(map(len, elements)) <= MAX_SAMPLE_NBYTES // 4:
        return
    for i, element in enumerate(elements.tolist()):
        nbytes = len(element)
        if isinstance(element, str) and nbytes > MAX_SAMPLE_NBYTES // 4:
            nbytes = len(element.encode("utf-8", "surrogatepass"))
        if nbytes > MAX_SAMPLE_NBYTES:
            raise InvalidInputError(
                f"column {name!r}: sample {i} of the batch takes {nbytes:,} bytes; a sample takes "
                f"at most {MAX_SAMPLE_NBYTES:,}",
                code="chunk-too-large",
                hint="store what is that large as an array of its own, in chunks",
                column=name,
            )


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
        _require_storable(name, rows[""])
    elif valid is None or valid.all():
        rows = {"": info.kind.encode(info, _plain_samples(name, form, values), name)}
    else:
        samples = _plain_samples(name, form, values)
        filled = np.full(samples.shape, _filler(form), form.dtype)
        filled[valid] = info.kind.encode(info, samples[valid], name)
        rows = {"": filled}
    return rows if valid is None else rows | {VALID_SUFFIX: valid}


def checked(name: str, info: ColumnInfo, form: SampleForm, values: Any) -> Any:
    """Return values that `as_rows` takes, with the work of checking them done.

    Raises:
        InvalidInputError: as `as_rows` does.
    """
    rows = as_rows(name, info, form, values)
    if info.kind.is_plain:
        return rows[""] if rows.keys() == {""} else values
    if not info.kind.is_encoded_alone:
        return values
    valid = rows.get(VALID_SUFFIX)
    return [
        Encoded.of(element, info) if valid is None or valid[i] else None
        for i, element in enumerate(rows[""].tolist())
    ]


def _plain_samples(name: str, form: SampleForm, values: Any) -> NDArray[Any]:
    array = as_elements(values, form.data_type, name=name)
    if not array.ndim:
        raise no_list(values, name)
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
    found = given(values)
    if not found.has_missing and _is_numeric(found.values):
        return _times_there(found.values)
    has_nan = not info.kind.is_plain or form.dtype.kind not in "fc"
    if info.kind.is_plain and _is_numeric(found.values):
        absent = _absent_numbers(found.values, nan=has_nan)
        if found.missing is not None:
            absent |= _whole(name, found.missing)
        return found.values, ~absent
    samples = as_samples(found.values, name=name)
    absent = _absent(samples, nan=has_nan)
    if found.missing is not None:
        absent |= _whole(name, found.missing)
    if not absent.any():
        return found.values, ~absent
    filler = _filler(form) if info.kind.is_plain else None
    return [
        filler if gone else sample for sample, gone in zip(samples, absent, strict=True)
    ], ~absent


def _absent(samples: list[Any], *, nan: bool) -> NDArray[np.bool_]:
    """Return which samples are missing; see `is_missing`."""
    if set(map(type, samples)) <= _NONE_OR_THERE:
        found = (sample is None for sample in samples)
    else:
        found = (is_missing(sample, nan=nan) for sample in samples)
    return np.fromiter(found, np.bool_, len(samples))


_NONE_OR_THERE = {int, str, bytes, bool, np.ndarray, type(None)}


def _absent_numbers(values: NDArray[Any], *, nan: bool) -> NDArray[np.bool_]:
    """Return which samples of an array are nothing but NaT, or with `nan` are NaN themselves."""
    if nan and values.ndim == 1 and values.dtype.kind == "f":
        return np.asarray(np.isnan(values), bool)
    return ~_times_there(values)[1]


def _is_numeric(values: Any) -> bool:
    return isinstance(values, np.ndarray) and not values.dtype.hasobject and values.ndim > 0


def _times_there(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return an array, and which of its samples are there: not those of nothing but NaT."""
    if values.dtype.kind not in "mM" or not values.size:
        return values, np.ones(len(values), bool)
    return values, ~np.isnat(values).all(axis=tuple(range(1, values.ndim)))


def _whole(name: str, missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which samples are missing, or raise where some are in part."""
    absent = np.asarray(missing.all(axis=tuple(range(1, missing.ndim))), bool)
    if missing[~absent].any():
        raise InvalidInputError(
            f"the samples of the column {name!r} are there or missing as a whole; some of "
            "these are masked in part"
        )
    return absent


def _filler(form: SampleForm) -> NDArray[Any]:
    return np.full(form.shape, form.fill, form.dtype)
