"""Zarr v3 data types as NumPy dtypes.

Fixed-width types are their NumPy dtypes in native byte order. The two variable-length types,
`string` and `variable_length_bytes`, are held as object arrays of `str` and `bytes`; which of the
two an array holds is said by its data type, never by its dtype.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from vstore.errors import FormatError, InvalidInputError

DataType: TypeAlias = "str | dict[str, Any]"

STRING: Final = "string"
BYTES: Final = "variable_length_bytes"
FIXED_TEXT: Final = "fixed_length_utf32"

_SIMPLE: Final = {
    str(np.dtype(name)): np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
_VARIABLE: Final = {STRING: STRING, BYTES: BYTES, "bytes": BYTES, "str": STRING}
_TIME_UNITS: Final = frozenset(
    ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as", "generic")
)
_MAX_LENGTH_BYTES: Final = 2**31 - 1
_MAX_NESTING: Final = 16


def is_variable_length(data_type: DataType) -> bool:
    """Return whether samples of this data type differ in size."""
    return isinstance(data_type, str) and data_type in (STRING, BYTES, "bytes")


def canonical(data_type: Any) -> DataType:
    """Return the data type as vstore writes it, whichever of its forms is given.

    Raises:
        FormatError: The data type is malformed, or none that vstore knows.
    """
    dtype = dtype_from(data_type)
    if dtype.hasobject:
        name = data_type if isinstance(data_type, str) else data_type["name"]
        return _VARIABLE[name]
    return data_type_of(dtype)


def has_byte_order(dtype: np.dtype[Any]) -> bool:
    """Return whether Zarr's `bytes` codec names a byte order for this dtype.

    For records it does if a field takes more than one byte, whatever the field holds.
    """
    if dtype.names is not None:
        return any(dtype[name].itemsize > 1 for name in dtype.names)
    return (dtype.kind in "iufc" and dtype.itemsize > 1) or dtype.kind in "mMU"


def data_type_of(dtype: Any) -> DataType:
    """Return the Zarr v3 data type for a NumPy dtype, its name, or a Zarr data type.

    `str`, `"str"` and `"string"` mean text of any length, `bytes`, `"bytes"` and
    `"variable_length_bytes"` byte strings of any length.

    Raises:
        InvalidInputError: Zarr has no data type for it; object arrays need one of the names above.

    >>> data_type_of("float32")
    'float32'
    >>> data_type_of(np.dtype("datetime64[s]"))
    {'name': 'numpy.datetime64', 'configuration': {'unit': 's', 'scale_factor': 1}}
    """
    if dtype is str or isinstance(dtype, np.dtypes.StringDType):
        return STRING
    if dtype is bytes:
        return BYTES
    if isinstance(dtype, str) and dtype in _VARIABLE:
        return _VARIABLE[dtype]
    if isinstance(dtype, Mapping):
        return _of_numpy(_dtype_of_caller(dtype), depth=0)
    if dtype is None:
        raise InvalidInputError(
            "no dtype was given", code="unsupported-dtype", hint="give one, such as `'float64'`"
        )
    try:
        parsed = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{dtype!r} is not a NumPy dtype: {error}") from error
    return _of_numpy(parsed, depth=0)


def _dtype_of_caller(data_type: Mapping[str, Any]) -> np.dtype[Any]:
    try:
        return dtype_from(data_type)
    except FormatError as error:
        raise InvalidInputError(f"{dict(data_type)!r} is no data type: {error}") from error


def _of_numpy(dtype: np.dtype[Any], *, depth: int) -> DataType:
    name = dtype.newbyteorder("=").name if dtype.kind in "biufc" else ""
    if name in _SIMPLE:
        return name
    describe = _DESCRIBE.get(dtype.kind)
    if dtype.kind == "V" and not issubclass(dtype.type, np.void):
        describe = None  # a type of another library, such as bfloat16, that says it is raw bytes
    if describe is None or dtype.hasobject or dtype.itemsize == 0 or depth > _MAX_NESTING:
        reason, hint = _explained(dtype)
        raise InvalidInputError(
            f"dtype {dtype!s} cannot be stored: {reason}",
            code="unsupported-dtype",
            hint=hint,
            dtype=str(dtype),
        )
    return describe(dtype, depth)


def _explained(dtype: np.dtype[Any]) -> tuple[str, str]:
    """Return why a data type cannot be stored, and what to use instead."""
    if dtype.hasobject:
        return (
            "objects have no fixed form",
            "describe a column with `vstore.text()` or `vstore.bytes_()`, or give a dtype of "
            "fixed width, such as `'float64'`; for an array of text give `'T'`",
        )
    if dtype.itemsize == 0:
        return (
            "its elements have no bytes",
            "give a length, such as `'U8'`; for text of any length give `'T'`, or describe a "
            "column with `vstore.text()`",
        )
    return "Zarr has no data type for it", "convert to one of " + ", ".join(_SIMPLE)


def _time(dtype: np.dtype[Any], _depth: int) -> DataType:
    unit, scale = np.datetime_data(dtype)
    name = "numpy.datetime64" if dtype.kind == "M" else "numpy.timedelta64"
    return {"name": name, "configuration": {"unit": unit, "scale_factor": scale}}


def _sized(name: str) -> Callable[[np.dtype[Any], int], DataType]:
    def describe(dtype: np.dtype[Any], _depth: int) -> DataType:
        return {"name": name, "configuration": {"length_bytes": dtype.itemsize}}

    return describe


def _void(dtype: np.dtype[Any], depth: int) -> DataType:
    if dtype.subdtype is not None:
        raise InvalidInputError(
            f"dtype {dtype!s} cannot be stored: it has a shape of its own",
            code="unsupported-dtype",
            hint="use its base dtype, and make its shape axes of the array",
            dtype=str(dtype),
        )
    if dtype.names is None:
        return _sized("raw_bytes")(dtype, depth)
    fields = [[name, _of_numpy(dtype[name], depth=depth + 1)] for name in dtype.names]
    return {"name": "structured", "configuration": {"fields": fields}}


_DESCRIBE: Final[dict[str, Callable[[np.dtype[Any], int], DataType]]] = {
    "M": _time,
    "m": _time,
    "U": _sized("fixed_length_utf32"),
    "S": _sized("null_terminated_bytes"),
    "V": _void,
}


def dtype_from(data_type: Any) -> np.dtype[Any]:
    """Return the NumPy dtype, in native byte order, that holds a Zarr v3 data type in memory.

    Raises:
        FormatError: The data type is malformed, or none that vstore knows.

    >>> dtype_from({"name": "fixed_length_utf32", "configuration": {"length_bytes": 8}}).str[1:]
    'U2'
    """
    return _parse(data_type, "data_type", depth=0)


def _parse(data_type: Any, path: str, *, depth: int) -> np.dtype[Any]:
    if depth > _MAX_NESTING:
        raise FormatError(f"{path}: structured types are nested too deeply")
    name, configuration = _name_and_configuration(data_type, path)
    if name in _PARAMETRIC:
        return _PARAMETRIC[name](name, configuration, f"{path}.configuration", depth)
    if configuration:
        raise FormatError(f"{path}: {name!r} is no data type with a configuration")
    if name in _SIMPLE:
        return _SIMPLE[name]
    if is_variable_length(name) and depth == 0:
        return np.dtype(object)
    raise FormatError(f"{path}: {name!r} is no data type that vstore knows")


def _name_and_configuration(data_type: Any, path: str) -> tuple[str, Mapping[str, Any]]:
    if isinstance(data_type, str):
        return data_type, {}
    if not isinstance(data_type, Mapping) or not set(data_type) <= {"name", "configuration"}:
        raise FormatError(f"{path}: expected a name, or an object with name and configuration")
    name, configuration = data_type.get("name"), data_type.get("configuration", {})
    if not isinstance(name, str) or not isinstance(configuration, Mapping):
        raise FormatError(f"{path}: expected a name, or an object with name and configuration")
    return name, configuration


def _parse_time(
    name: str, configuration: Mapping[str, Any], path: str, _depth: int
) -> np.dtype[Any]:
    _require_members(configuration, {"unit", "scale_factor"}, path)
    unit, scale = configuration["unit"], configuration["scale_factor"]
    if not isinstance(unit, str) or unit not in _TIME_UNITS:
        raise FormatError(f"{path}.unit: {unit!r} is no unit of time")
    if not _is_int(scale) or not 1 <= scale < 2**31:
        raise FormatError(f"{path}.scale_factor: {scale!r} is not between 1 and 2147483647")
    kind = name.removeprefix("numpy.")
    return np.dtype(kind if unit == "generic" else f"{kind}[{scale}{unit}]")


def _parse_sized(
    name: str, configuration: Mapping[str, Any], path: str, _depth: int
) -> np.dtype[Any]:
    _require_members(configuration, {"length_bytes"}, path)
    kind, width = _SIZED_KINDS[name]
    length = configuration["length_bytes"]
    if not _is_int(length) or not width <= length <= _MAX_LENGTH_BYTES or length % width:
        raise FormatError(f"{path}.length_bytes: {length!r} is no possible length")
    return np.dtype(f"{kind}{length // width}")


def _parse_fields(
    _name: str, configuration: Mapping[str, Any], path: str, depth: int
) -> np.dtype[Any]:
    """Return the dtype of `structured` or `struct`, two names for the same records."""
    _require_members(configuration, {"fields"}, path)
    members = configuration["fields"]
    if not isinstance(members, list | tuple) or not members:
        raise FormatError(f"{path}.fields: expected a list of at least one field")
    fields = [
        _parse_field(member, f"{path}.fields[{i}]", depth) for i, member in enumerate(members)
    ]
    # Before NumPy adds the sizes up: it does so in 32 bits, and does not notice the overflow.
    nbytes = sum(dtype.itemsize for _, dtype in fields)
    if nbytes > _MAX_LENGTH_BYTES:
        raise FormatError(f"{path}.fields: one element would take {nbytes} bytes")
    try:
        return np.dtype(fields)
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}.fields: {error}") from error


def _parse_field(member: Any, path: str, depth: int) -> tuple[str, np.dtype[Any]]:
    name, data_type = _name_and_data_type(member, path)
    if not isinstance(name, str) or not name:
        raise FormatError(f"{path}: {name!r} is no field name")
    return name, _parse(data_type, path, depth=depth + 1)


def _name_and_data_type(member: Any, path: str) -> tuple[Any, Any]:
    """Return both parts of a field: a pair, as vstore writes it, or an object, as zarr 3.2 does."""
    if isinstance(member, list | tuple) and len(member) == 2:
        return member[0], member[1]
    if isinstance(member, Mapping) and set(member) == {"name", "data_type"}:
        return member["name"], member["data_type"]
    raise FormatError(f"{path}: expected a name and a data type")


_SIZED_KINDS: Final = {
    "fixed_length_utf32": ("U", 4),
    "null_terminated_bytes": ("S", 1),
    "raw_bytes": ("V", 1),
}
_PARAMETRIC: Final[dict[str, Callable[[str, Mapping[str, Any], str, int], np.dtype[Any]]]] = {
    "numpy.datetime64": _parse_time,
    "numpy.timedelta64": _parse_time,
    **dict.fromkeys(_SIZED_KINDS, _parse_sized),
    **dict.fromkeys(("structured", "struct"), _parse_fields),
}


def _require_members(configuration: Mapping[str, Any], members: set[str], path: str) -> None:
    if set(configuration) != members:
        raise FormatError(f"{path}: expected exactly {', '.join(sorted(members))}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
