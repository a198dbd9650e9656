"""Values as users pass them, as arrays of the data type that is stored, if nothing is lost."""

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.missing import given, is_missing, plain
from vstore.format.zarr.dtypes import STRING, DataType, dtype_from, is_variable_length
from vstore.format.zarr.python_values import UnfitError, fixed_texts, leaves, texts, times

_NUMBERS = "biufc"


Of = Literal["column", "array"]
"""What values are for, as errors call it."""


def as_elements(values: Any, data_type: DataType, *, name: str, of: Of = "column") -> NDArray[Any]:
    """Return the values as an array of a data type; see `as_dtype`.

    Where elements differ in length it is an object array of nothing but `str`, or `bytes`.

    Raises:
        InvalidInputError: the values do not fit.
    """
    if not is_variable_length(data_type):
        return as_dtype(values, dtype_from(data_type), name=name, of=of)
    kind = str if data_type == STRING else bytes
    try:
        return texts(_there(values, name=name, of=of), kind)
    except UnfitError as exc:
        if is_missing(exc.element, nan=True):
            raise _missing(name, of) from exc
        words = "text" if kind is str else "byte strings"
        raise InvalidInputError(f"the {of} {name!r} holds {words}: {exc}", name=name) from exc


def as_dtype(values: Any, dtype: np.dtype[Any], *, name: str, of: Of = "column") -> NDArray[Any]:
    """Return the values as an array of a data type of fixed width, if that loses nothing.

    Numbers and times of another width are taken where every value stays what it is. Plain
    Python floats become floats of any width that can hold them, as NumPy takes them with an
    array; integers stay what they are. `name` is that of the column, or the path of the array.

    Raises:
        InvalidInputError: the values do not fit.
    """
    values = _there(values, name=name, of=of)
    is_plain = not hasattr(values, "dtype") or values.dtype.hasobject
    try:
        array = _as_array(values, dtype, name, of) if is_plain else np.asarray(values)
    except UnfitError as exc:
        if is_missing(exc.element, nan=dtype.kind in "US"):
            raise _missing(name, of) from exc
        raise _unfit(exc, dtype, name=name, of=of) from exc
    if array.dtype == dtype:
        return array
    if not array.size and is_plain:
        return np.zeros(array.shape, dtype)
    is_of_another_library = array.dtype.kind == "V" and not issubclass(array.dtype.type, np.void)
    if dtype.kind == "V" and is_of_another_library:
        raise _misfit(array, dtype, name=name, of=of)
    converted = _converted(array, dtype, is_plain=is_plain)
    if converted is None or (is_plain and not _are_kept(values, converted)):
        raise _misfit(array, dtype, name=name, of=of)
    return converted


def _there(values: Any, *, name: str, of: Of) -> Any:
    """Return values of any library as NumPy's or Python's own, if none is missing."""
    found = given(values)
    if not found.has_missing:
        return found.values
    if not isinstance(values, np.ma.MaskedArray):
        raise _missing(name, of)
    raise InvalidInputError(
        f"some values for the {of} {name!r} are masked",
        code="masked-values",
        hint="fill them in with `values.filled(0)`, or declare a column with `.as_optional()` "
        "and mask whole samples",
        name=name,
    )


def _missing(name: str, of: Of) -> InvalidInputError:
    if of == "column":
        return not_optional(name)
    return InvalidInputError(
        f"some values for the {of} {name!r} are missing",
        code="missing-values",
        hint="give a value for each element: only columns of tables can be optional",
        name=name,
    )


def not_optional(name: str) -> InvalidInputError:
    """Return the error for a missing sample in a column that has to have them all."""
    return InvalidInputError(
        f"column {name!r} is not optional, and a sample of it is missing (None)",
        code="column-not-optional",
        hint="declare the column with `.as_optional()`, or give every sample a value",
        column=name,
    )


def _unfit(error: UnfitError, dtype: np.dtype[Any], *, name: str, of: Of) -> InvalidInputError:
    """Return the error for an element that the data type cannot hold."""
    return InvalidInputError(
        f"the {of} {name!r} holds {dtype}; {error.element!r:.100} does not fit: {error}",
        code="lossy-conversion",
        hint=f"convert the values first, for instance with `np.array(values, {str(dtype)!r})`",
        name=name,
    )


def _misfit(array: NDArray[Any], dtype: np.dtype[Any], *, name: str, of: Of) -> InvalidInputError:
    """Return the error for values that the data type cannot hold, by what they are."""
    elements = array.ravel().tolist() if array.dtype.hasobject else []
    if any(map(is_missing, elements)):
        return _missing(name, of)
    is_text = array.dtype.kind in "UT" or any(isinstance(element, str) for element in elements)
    if is_text and dtype.kind not in "US":
        return InvalidInputError(
            f"{of} {name!r} holds {dtype}, not text",
            code="text-in-number-column",
            hint="declare a column of text with `vstore.text()`, or map classes to numbers",
            name=name,
        )
    return InvalidInputError(
        f"the {of} {name!r} holds {dtype}; got {array.dtype}, which does not fit without loss",
        code="lossy-conversion",
        hint=f"convert the values first, for instance with `np.array(values, {str(dtype)!r})`",
        name=name,
    )


def _as_array(values: Any, dtype: np.dtype[Any], name: str, of: Of) -> NDArray[Any]:
    """Return what users wrote in Python as an array, of the data type where that matters."""
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.dtype.names is None else values
    if dtype.names is not None:
        return _records(values, dtype, name)
    if dtype.kind in "US":
        return fixed_texts(values, dtype)
    if dtype.kind in "mM":
        return times(values, dtype)
    try:
        values = _unwrapped(values, dtype, name, of)
        array = np.asarray(values)
    except (ValueError, OverflowError) as exc:
        if isinstance(exc, InvalidInputError):
            raise
        msg = f"the values for the {of} {name!r} do not all have the same shape"
        raise InvalidInputError(msg) from exc
    if dtype.kind in "iu" and array.dtype.kind in "fO" and _are_integers(array, values):
        # NumPy makes floats of Python integers beyond the signed ones.
        return _elementwise(values, dtype, name)
    return array


def _unwrapped(values: Any, dtype: np.dtype[Any], name: str, of: Of) -> Any:
    """Return lists in which arrays, of whatever library, are such of the data type."""
    if not isinstance(values, list | tuple):
        if isinstance(values, np.generic) or not hasattr(values, "__array__"):
            return plain(values)
        return as_dtype(values, dtype, name=name, of=of)
    if any(isinstance(each, list | tuple) or _is_foreign(each) for each in values):
        return [_unwrapped(each, dtype, name, of) for each in values]
    return values


def _is_foreign(value: Any) -> bool:
    return type(value) not in (int, float, bool) and (
        (hasattr(value, "__array__") and not isinstance(value, np.generic))
        or hasattr(value, "as_py")
    )


def _records(values: Any, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """Return tuples, in lists of any depth, as elements of a structured data type."""
    if hasattr(values, "dtype"):
        return as_dtype(values, dtype, name=name)
    fields = dtype.names or ()
    if isinstance(values, list):
        records = [_records(value, dtype, name) for value in values]
        return np.array(records, dtype) if records else np.zeros(0, dtype)
    if not isinstance(values, tuple) or len(values) != len(fields):
        raise InvalidInputError(
            f"the column {name!r} holds tuples of the fields {list(fields)}; got {values!r}"
        )
    record = np.zeros((), dtype)
    for field, value in zip(fields, values, strict=True):
        record[field] = as_dtype([value], dtype[field], name=name)[0]
    return record


def _are_integers(array: NDArray[Any], values: Any) -> bool:
    elements = np.array(values, object) if array.size else array
    return all(isinstance(element, (int, np.integer)) for element in elements.flat)


def _elementwise(values: Any, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError, OverflowError) as exc:
        raise InvalidInputError(f"the column {name!r} holds {dtype}: {exc}") from exc


def _converted(array: NDArray[Any], dtype: np.dtype[Any], *, is_plain: bool) -> NDArray[Any] | None:
    """Return the array in another data type, None where an element would change."""
    kinds = (array.dtype.kind, dtype.kind)
    if kinds[0] in _NUMBERS and kinds[1] in _NUMBERS:
        return _number(array, dtype, is_plain=is_plain)
    if kinds in (("M", "M"), ("m", "m"), ("U", "U"), ("S", "S")):
        return _checked(array, dtype)
    is_text = "U" in kinds or "S" in kinds
    if dtype.hasobject or (not is_text and np.can_cast(array.dtype, dtype, "safe")):
        with suppress(ValueError):  # of types of other libraries, which NumPy says can be cast
            return array.astype(dtype)
    return None


def _checked(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """Return times or strings of fixed length in another unit or length, if that is exact."""
    try:
        cast = array.astype(dtype)
        back = cast.astype(array.dtype)
    except (TypeError, ValueError, OverflowError):
        return None
    if array.dtype.kind in "mM":
        return cast if _ticks(back) == _ticks(array) else None
    return cast if (back == array).all() else None


def _ticks(times: NDArray[Any]) -> bytes:
    return times.astype(times.dtype.newbyteorder("=")).tobytes()


def _number(array: NDArray[Any], dtype: np.dtype[Any], *, is_plain: bool) -> NDArray[Any] | None:
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        fits = not array.size or (array.min() >= bounds.min and array.max() <= bounds.max)
        return array.astype(dtype) if fits else None
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        return None
    with np.errstate(over="ignore", under="ignore"):
        cast = array.astype(dtype)
    if array.dtype.kind in "iu":
        return cast if _keeps_integers(array, cast) else None
    if is_plain:
        is_same = (np.isfinite(cast) == np.isfinite(array)) & ((cast == 0) == (array == 0))
        return cast if is_same.all() else None
    return cast if np.array_equal(cast, array, equal_nan=True) else None


def _are_kept(values: Any, cast: NDArray[Any]) -> bool:
    """Return whether the integers among plain numbers are what they were, as floats."""
    if cast.dtype.kind not in "fc" or not cast.size:
        return True
    large = np.flatnonzero(np.abs(cast.real) >= 2 ** (np.finfo(cast.dtype).nmant + 1))
    if not len(large):
        return True
    elements = leaves(values)[1]
    return all(
        not isinstance(elements[i], int)
        or (math.isfinite(cast.real.flat[i]) and int(cast.real.flat[i]) == elements[i])
        for i in large.tolist()
    )


def _keeps_integers(array: NDArray[Any], cast: NDArray[Any]) -> bool:
    """Return whether integers are the same as floats."""
    largest = 2 ** (np.finfo(cast.dtype).nmant + 1)
    large = (array > largest) | (array < -largest)
    return not large.any() or _are_equal(array[large].tolist(), cast.real[large].tolist())


def _are_equal(integers: Iterable[int], floats: Iterable[float]) -> bool:
    return all(
        math.isfinite(number) and int(number) == integer
        for integer, number in zip(integers, floats, strict=True)
    )
