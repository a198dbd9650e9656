"""Types of Arrow that no data type of the format is: decimals, times of day and zones.

Such a column holds whole numbers or moments, and its attribute `vstore.arrow` says what they
stand for: `decimal128(9, 1)` of integers (of 16 bytes, lowest first, above 18 digits),
`time64[us]` of integers, `timestamp[us, tz=Europe/Berlin]` of moments in UTC. Where it says
anything else, or is on an array of another data type, it means nothing.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.table.names import ARROW_TYPE
from vstore.format.table.specs import ColumnSpec, ndarray
from vstore.optional import needed

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa
    from pyarrow import types as kinds

_DECIMAL: Final = re.compile(r"decimal128\((\d{1,2}), ?(-?\d{1,2})\)")
_TIME: Final = re.compile(r"(time32\[(?:s|ms)\]|time64\[(?:us|ns)\])")
_ZONED: Final = re.compile(r"timestamp\[(s|ms|us|ns), ?tz=([A-Za-z0-9+:/_-]{1,64})\]")
_SHORT_DIGITS: Final = 18
"""How many digits of any number fit into 64 bits."""
_LONG: Final = np.dtype("V16")


def spec_of(kind: "pa.DataType") -> ColumnSpec | None:
    """Return the column that holds a type by a convention; None for every other type."""
    if not is_by_convention(kind):
        return None
    kind = _plain(kind)
    return ndarray((), _dtype(kind), attributes={ARROW_TYPE: str(kind)})


def is_by_convention(kind: "pa.DataType") -> bool:
    """Return whether a type is one that columns hold by a convention."""
    if kinds.is_decimal(kind):
        return int(kind.precision) <= 38
    if kinds.is_timestamp(kind) and kind.tz is not None:
        return _ZONED.fullmatch(str(kind)) is not None
    return bool(kinds.is_time(kind))


def find_type(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> "pa.DataType | None":
    """Return the type that a column's attributes give its elements, None where they give none."""
    said = attributes.get(ARROW_TYPE)
    kind = _parsed(said) if isinstance(said, str) else None
    return kind if kind is not None and _dtype(kind) == dtype else None


def _parsed(said: str) -> "pa.DataType | None":
    if found := _DECIMAL.fullmatch(said):
        digits, scale = int(found[1]), int(found[2])
        return pa.decimal128(digits, scale) if 1 <= digits <= 38 else None
    if found := _TIME.fullmatch(said):
        return pa.type_for_alias(found[1])
    if found := _ZONED.fullmatch(said):
        return pa.timestamp(found[1], found[2])
    return None


def _plain(kind: "pa.DataType") -> "pa.DataType":
    """Return decimals of any width as those of 128 bits."""
    return pa.decimal128(kind.precision, kind.scale) if kinds.is_decimal(kind) else kind


def _dtype(kind: "pa.DataType") -> np.dtype[Any]:
    """Return the data type of the elements that are stored for a type."""
    if kinds.is_timestamp(kind):
        return np.dtype(f"datetime64[{kind.unit}]")
    if kinds.is_time(kind):
        return np.dtype("int32" if kinds.is_time32(kind) else "int64")
    return np.dtype("int64") if kind.precision <= _SHORT_DIGITS else _LONG


def shown(stored: "pa.Array", kind: "pa.DataType") -> "pa.Array":
    """Return stored elements, as an array without a convention, in the type they stand for."""
    if not kinds.is_decimal(kind):
        return pa.Array.from_buffers(kind, len(stored), stored.buffers(), offset=stored.offset)
    valid, data = stored.buffers()
    if kind.precision > _SHORT_DIGITS:
        return pa.Array.from_buffers(kind, len(stored), [valid, data], offset=stored.offset)
    numbers = np.frombuffer(data or b"", np.int64)[: stored.offset + len(stored)]
    wide = np.stack([numbers, numbers >> 63], axis=1)
    held = pa.py_buffer(np.ascontiguousarray(wide))
    return pa.Array.from_buffers(kind, len(stored), [valid, held], offset=stored.offset)


def stored(values: Any, attributes: Mapping[str, Any], dtype: np.dtype[Any], name: str) -> Any:
    """Return an array of Arrow as the elements that a column stores for it.

    Raises:
        InvalidInputError: the column is one of decimals or times of day, and the array is not,
            or has digits that the column has no place for.
    """
    kind = find_type(attributes, dtype)
    if kind is None or kinds.is_timestamp(kind):
        return values
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not (kinds.is_decimal(values.type) or kinds.is_time(values.type)):
        raise InvalidInputError(
            f"the column {name!r} holds {kind}; got {values.type}",
            code="not-of-arrows-type",
            hint="cast it first, so that it is clear what the numbers mean",
            column=name,
        )
    try:
        values = values.cast(kind)
    except pa.ArrowException as error:
        raise InvalidInputError(
            f"the column {name!r} holds {kind}, into which {values.type} does not fit: {error}",
            column=name,
        ) from error
    valid, data = values.buffers()
    count, offset = len(values), values.offset
    if kinds.is_time(kind):
        whole = pa.int32() if dtype.itemsize == 4 else pa.int64()
        return pa.Array.from_buffers(whole, count, [valid, data], offset=offset)
    if dtype == _LONG:
        return _long(values)
    numbers = np.frombuffer(data or b"", np.int64)[: 2 * (offset + count) : 2].copy()
    return pa.Array.from_buffers(pa.int64(), count, [valid, pa.py_buffer(numbers)], offset=offset)


def _long(values: "pa.Array") -> Any:
    """Return decimals as elements of 16 bytes, those that are missing as None."""
    data = values.buffers()[1] or b""
    raw = np.frombuffer(data, _LONG)[values.offset : values.offset + len(values)]
    if not values.null_count:
        return raw
    missing = values.is_null().to_pylist()
    return [None if gone else each for each, gone in zip(raw, missing, strict=True)]
