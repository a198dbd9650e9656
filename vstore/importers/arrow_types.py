"""Types of Arrow as columns, and Arrow's arrays as samples. pyarrow is imported here."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.lib.format import descr_to_dtype
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.specs import ColumnSpec, bytes_, ndarray, text, texts

FIELD = b"vstore"
"""What a column was when vstore exported it, as JSON, in the metadata of its field."""


def column_of(field: Any) -> ColumnSpec:
    """Return the column that holds a field as it is; it is not optional.

    Raises:
        InvalidInputError: vstore has no such type.
    """
    said = (field.metadata or {}).get(FIELD)
    if said is not None:
        made = _as_exported(field, said)
        if made is not None:
            return made
    kind = field.type
    attributes = {"time_zone": kind.tz} if pa.types.is_timestamp(kind) and kind.tz else None
    leaf, shape = _axes(pa.int64() if pa.types.is_dictionary(kind) else kind)
    if is_text(leaf) and shape in ([], [None]):
        return texts() if shape else text()
    if is_bytes(kind):
        return bytes_()
    return ndarray(shape, _dtype(leaf, field), attributes=attributes)


def _as_exported(field: Any, said: bytes) -> ColumnSpec | None:
    """Return the column that a field was; None where what it says cannot be so."""
    try:
        told = json.loads(said)
        info = msgspec.convert(told["column"], ColumnInfo, strict=False)
        attributes = dict(told.get("attributes") or {})
        if not info.kind.is_plain and not info.kind.is_told_by_dtype:
            made = ColumnSpec(info, np.dtype(object), attributes=attributes)
        else:
            dtype: np.dtype[Any] = descr_to_dtype(told["dtype"])
            made = ndarray(_axes(field.type)[1], dtype, attributes=attributes)
    except (ValueError, TypeError, KeyError, InvalidInputError, msgspec.ValidationError):
        return None
    return replace(made, info=msgspec.structs.replace(made.info, optional=False))


def is_text(kind: Any) -> bool:
    """Return whether a type is text."""
    views = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views(kind))


def is_bytes(kind: Any) -> bool:
    """Return whether a type is bytes."""
    views = getattr(pa.types, "is_binary_view", lambda _: False)
    known = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, views)
    return any(each(kind) for each in known)


def _axes(kind: Any) -> tuple[Any, list[int | None]]:
    """Return the type of elements of nested lists, and the length of each axis."""
    shape: list[int | None] = []
    while True:
        if pa.types.is_fixed_size_list(kind):
            shape.append(kind.list_size)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            shape.append(None)
        else:
            return kind, shape
        kind = kind.value_type


def _dtype(kind: Any, field: Any) -> np.dtype[Any]:
    known = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
    if any(each(kind) for each in known):
        found: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
        return found
    if pa.types.is_timestamp(kind):
        return np.dtype(f"M8[{kind.unit}]")
    if pa.types.is_date(kind):
        return np.dtype("M8[D]" if pa.types.is_date32(kind) else "M8[ms]")
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        return np.dtype(f"m8[{kind.unit}]")
    raise InvalidInputError(
        f"the column {field.name!r} is of Arrow's type {field.type}, which no column holds",
        hint="leave it out, or cast it where the file is written",
    )


def samples_of(array: Any, spec: ColumnSpec) -> Any:
    """Return an Arrow array as samples of a column: an array, or a list with None for nulls."""
    if not spec.info.kind.is_collection and (is_text(array.type) or is_bytes(array.type)):
        held: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
        return held
    if spec.info.kind.is_collection:
        found: list[Any] = array.to_pylist()
        return found
    if pa.types.is_dictionary(array.type):
        array = array.indices
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    values = _values(array if valid.all() else array.filter(pa.array(valid)), spec.dtype)
    if valid.all():
        return values
    if spec.dtype.kind in "mM" and not spec.info.optional:
        made = np.full((len(array), *np.shape(values)[1:]), "NaT", spec.dtype)
        made[valid] = values
        return made
    there = iter(values)
    return [next(there) if each else None for each in valid.tolist()]


def _values(array: Any, dtype: np.dtype[Any]) -> Any:
    """Return arrays without nulls: one array if all have one shape, else a list of arrays."""
    leaf, shape = _axes(array.type)
    if None not in shape:
        lengths = [length or 0 for length in shape]
        return _elements(array, leaf, dtype).reshape(len(array), *lengths)
    return _nested(array, dtype)


def _nested(array: Any, dtype: np.dtype[Any]) -> Any:
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        inner, size = _nested(array.flatten(), dtype), kind.list_size
        return [_together(inner[i * size : (i + 1) * size], dtype) for i in range(len(array))]
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return _elements(array, kind, dtype)
    if array.null_count:
        raise InvalidInputError("a list within a list is null")
    bounds = np.concatenate([[0], np.cumsum(array.value_lengths().to_numpy())]).astype(int)
    flat = array.flatten()
    inner = _values(flat, dtype)
    return [
        _together(inner[start:stop], dtype, rank=len(_axes(flat.type)[1]))
        for start, stop in pairwise(bounds.tolist())
    ]


def _together(inner: Any, dtype: np.dtype[Any], rank: int = 0) -> NDArray[Any]:
    if isinstance(inner, np.ndarray):
        return inner
    if not inner:
        return np.zeros((0,) * (rank + 1), dtype)
    if len({each.shape for each in inner}) > 1:
        raise InvalidInputError("the lists within a list have different lengths")
    return np.stack(inner)


def _elements(array: Any, leaf: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the elements of nested lists, one after the other."""
    while not array.type.equals(leaf):
        if array.null_count:
            raise InvalidInputError("a list within a list is null")
        array = array.flatten()
    if array.null_count and dtype.kind not in "mM":
        raise InvalidInputError("an element of a list is null")
    if is_text(leaf):
        return np.array(array.to_pylist(), dtype)
    if pa.types.is_date32(leaf):
        array = array.view(pa.int32()).cast(pa.int64())
        days: NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return days.astype(np.int64).view("M8[D]").astype(dtype)
    if pa.types.is_time(leaf):
        array = array.view(pa.int32() if leaf.bit_width == 32 else pa.int64()).cast(pa.int64())
        times: NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return times.view(dtype)
    found: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return found.astype(dtype, copy=False)


def with_attributes(spec: ColumnSpec, attributes: Mapping[str, Any]) -> ColumnSpec:
    """Return a description with more attributes."""
    return replace(spec, attributes={**(spec.attributes or {}), **attributes})
