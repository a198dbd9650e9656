"""Elements of one size, as NumPy has them, to Arrow: shared memory wherever the two agree."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.optional import needed

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa

_UNITS = ("s", "ms", "us", "ns")
_COARSE = {"datetime64": ("h", "m"), "timedelta64": ("W", "D", "h", "m")}
"""Units that become seconds."""

_DAYS = ("Y", "M", "W", "D")
"""Units of dates."""


def element_type(dtype: np.dtype[Any]) -> "pa.DataType":
    """Return the type that elements have in Arrow.

    Complex numbers are lists of two; times finer than a nanosecond, in steps or without a unit
    that Arrow has, are what their steps are counted in, or integers.

    >>> element_type(np.dtype("datetime64[ns]")), element_type(np.dtype("datetime64[D]"))
    (TimestampType(timestamp[ns]), DataType(date32[day]))
    """
    if dtype.names is not None:
        return pa.struct([pa.field(name, element_type(dtype[name])) for name in dtype.names])
    find = _TYPES.get(dtype.kind, pa.from_numpy_dtype)
    return find(dtype)


def _time_type(dtype: np.dtype[Any]) -> "pa.DataType":
    unit = _arrow_unit(dtype)
    if unit is None:
        return pa.int64()
    if unit == "D":
        return pa.date32()
    return pa.timestamp(unit) if dtype.kind == "M" else pa.duration(unit)


_TYPES: Mapping[str, Callable[[np.dtype[Any]], "pa.DataType"]] = {
    "c": lambda dtype: pa.list_(pa.from_numpy_dtype(np.dtype(f"f{dtype.itemsize // 2}")), 2),
    "m": _time_type,
    "M": _time_type,
    "U": lambda _: pa.string(),
    "S": lambda _: pa.binary(),
    "V": lambda dtype: pa.binary(dtype.itemsize),
}
"""What becomes of each kind of data type, besides numbers."""


def _arrow_unit(dtype: np.dtype[Any]) -> str | None:
    """Return the unit of Arrow that holds every step of NumPy's; None where there is none."""
    unit, _ = np.datetime_data(dtype)
    if unit in _UNITS:
        return unit
    if dtype.kind == "M" and unit in _DAYS:
        return "D"
    return "s" if unit in _COARSE[dtype.name.partition("[")[0]] else None


def elements(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> "pa.Array":
    """Return elements, shape (n,), as an array; null where they are not valid, or not a time.

    Raises:
        InvalidInputError: a time that Arrow's type does not hold.
    """
    values = np.ascontiguousarray(values)
    kind = element_type(values.dtype)
    if values.dtype.names is not None:
        fields = [elements(values[name]) for name in values.dtype.names]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=_mask(valid))
    return _MADE.get(values.dtype.kind, _flat)(values, kind, valid)


def _flat(values: NDArray[Any], kind: "pa.DataType", valid: NDArray[np.bool_] | None) -> "pa.Array":
    data = pa.py_buffer(values.reshape(-1).view(np.uint8)) if values.size else pa.py_buffer(b"")
    return pa.Array.from_buffers(kind, len(values), [bitmap(valid), data])


def _complex(
    values: NDArray[Any], kind: "pa.DataType", valid: NDArray[np.bool_] | None
) -> "pa.Array":
    parts = elements(values.view(f"f{values.dtype.itemsize // 2}"))
    return pa.Array.from_buffers(kind, len(values), [bitmap(valid)], children=[parts])


def _objects(
    values: NDArray[Any], kind: "pa.DataType", valid: NDArray[np.bool_] | None
) -> "pa.Array":
    return pa.array(values.tolist(), kind, mask=_mask(valid))


def _booleans(
    values: NDArray[Any], kind: "pa.DataType", valid: NDArray[np.bool_] | None
) -> "pa.Array":
    return pa.Array.from_buffers(kind, len(values), [bitmap(valid), bitmap(values)])


def _moments(
    values: NDArray[Any], kind: "pa.DataType", valid: NDArray[np.bool_] | None
) -> "pa.Array":
    missing = np.isnat(values)
    if missing.any():
        valid = ~missing if valid is None else valid & ~missing
    return _flat(_times(values, kind), kind, valid)


_MADE = {"b": _booleans, "c": _complex, "m": _moments, "M": _moments, "S": _objects, "U": _objects}
"""What makes arrays of each kind of data type that does not share its memory."""


def _times(values: NDArray[Any], kind: "pa.DataType") -> NDArray[Any]:
    """Return times as the integers that Arrow has for them."""
    unit = _arrow_unit(values.dtype)
    if unit is None or (unit, 1) == np.datetime_data(values.dtype):
        counted = values.view(np.int64)
    else:
        wanted = values.astype(f"{values.dtype.kind}8[{unit}]")
        if not ((wanted.astype(values.dtype) == values) | np.isnat(values)).all():
            raise _not_held(values.dtype, kind)
        counted = wanted.view(np.int64)
    if kind != pa.date32():
        return counted
    days = counted.astype(np.int32)
    if not ((days == counted) | np.isnat(values)).all():
        raise _not_held(values.dtype, kind)
    return days


def _not_held(dtype: np.dtype[Any], kind: "pa.DataType") -> InvalidInputError:
    return InvalidInputError(
        f"a {dtype} is outside of what Arrow's {kind} holds",
        code="not-in-arrow",
        hint="read the column with NumPy, `table['when'][:]`, or cast it first",
    )


def bitmap(valid: NDArray[np.bool_] | None) -> "pa.Buffer | None":
    """Return a mask as bits; None where all are true or nothing is said."""
    if valid is None:
        return None
    return pa.py_buffer(np.packbits(valid, bitorder="little"))


def _mask(valid: NDArray[np.bool_] | None) -> Any:
    return None if valid is None else pa.array(~valid)
