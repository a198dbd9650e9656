"""Fill values: NumPy scalars, `str` or `bytes` in memory, JSON in a Zarr v3 document."""

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.conversion import as_dtype, as_elements
from vstore.format.zarr.dtypes import STRING, DataType, dtype_from, is_variable_length

_NAME: Final = "fill value"
_NOT_A_TIME: Final = -(2**63)
_SPECIAL_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def default_fill_value(data_type: DataType) -> Any:
    """Return the fill value where none is given: zero, empty, or not-a-time, as in zarr-python."""
    if is_variable_length(data_type):
        return "" if data_type == STRING else b""
    dtype = dtype_from(data_type)
    if dtype.kind in "mM":
        return _time(dtype, _NOT_A_TIME)
    return np.zeros((), dtype)[()]


def coerce_fill_value(data_type: DataType, value: Any) -> Any:
    """Return the caller's value as an element of the data type, exactly.

    Raises:
        InvalidInputError: The data type cannot hold the value without changing it.
    """
    try:
        if is_variable_length(data_type):
            return _one(as_elements([value], data_type, name=_NAME))
        return _exactly(dtype_from(data_type), value)
    except (TypeError, ValueError, OverflowError) as error:
        words = data_type if is_variable_length(data_type) else dtype_from(data_type)
        raise InvalidInputError(f"the fill value {value!r} does not fit {words}") from error


def _exactly(dtype: np.dtype[Any], value: Any) -> Any:
    if dtype.kind == "V" and isinstance(value, bytes):
        return _raw(dtype, value)[0]
    if dtype.names is not None and type(value) is int and not value:
        return np.zeros((), dtype)[()]
    if dtype.kind in "biu" and isinstance(value, int | float | np.number):
        with np.errstate(invalid="ignore"):
            cast = np.asarray(value).astype(dtype)
        return _one(cast if cast == value else as_dtype([value], dtype, name=_NAME))
    return _one(as_dtype([value], dtype, name=_NAME))


def _one(elements: Any) -> Any:
    if np.size(elements) != 1:
        raise ValueError("a fill value is one element")
    return elements.reshape(())[()]


def _raw(dtype: np.dtype[Any], value: bytes) -> np.ndarray[Any, Any]:
    if len(value) != dtype.itemsize:
        raise ValueError(f"expected {dtype.itemsize} bytes, got {len(value)}")
    return np.frombuffer(value, dtype.newbyteorder("<")).astype(dtype)


def encode_fill_value(data_type: DataType, value: Any) -> Any:
    """Return the JSON form of a fill value that vstore writes.

    It is the one of zarr-python 3.1, with two exceptions that zarr-python reads: a NaN with other
    bits than the usual is its bits in hexadecimal, and not-a-time without a unit is `NaT`.

    >>> encode_fill_value("float32", np.float32("nan"))
    'NaN'
    """
    if is_variable_length(data_type):
        return value if data_type == STRING else _to_base64(value)
    dtype = dtype_from(data_type)
    return _ENCODERS[dtype.kind](dtype, value)


def _to_base64(value: bytes) -> str:
    return base64.standard_b64encode(value).decode("ascii")


def _encode_float(dtype: np.dtype[Any], value: Any) -> float | str:
    if np.isnan(value):
        bits = np.array(value, dtype).tobytes()
        if bits == np.array(math.nan, dtype).tobytes():
            return "NaN"
        return "0x" + np.array(value, dtype).astype(dtype.newbyteorder(">")).tobytes().hex()
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def _encode_complex(dtype: np.dtype[Any], value: Any) -> list[float | str]:
    part = np.dtype(f"f{dtype.itemsize // 2}")
    return [_encode_float(part, value.real), _encode_float(part, value.imag)]


def _encode_time(dtype: np.dtype[Any], value: Any) -> int | str:
    if dtype == np.dtype("datetime64") and np.isnat(value):
        return "NaT"  # zarr-python 3.1 writes a number here, and then cannot read it
    return int(np.array(value, dtype).view("int64"))


def _encode_void(dtype: np.dtype[Any], value: Any) -> str:
    return _to_base64(np.array(value, dtype).astype(dtype.newbyteorder("<")).tobytes())


_ENCODERS: Final[dict[str, Callable[[np.dtype[Any], Any], Any]]] = {
    "b": lambda _dtype, value: bool(value),
    "i": lambda _dtype, value: int(value),
    "u": lambda _dtype, value: int(value),
    "f": _encode_float,
    "c": _encode_complex,
    "m": _encode_time,
    "M": _encode_time,
    "U": lambda _dtype, value: str(value),
    "S": lambda _dtype, value: _to_base64(bytes(value)),
    "V": _encode_void,
}


def decode_fill_value(data_type: DataType, value: Any) -> Any:
    """Return the fill value that a Zarr v3 document gives.

    Raises:
        FormatError: It is no value of the data type.

    >>> decode_fill_value("float64", "-Infinity")
    np.float64(-inf)
    """
    try:
        if is_variable_length(data_type):
            return _decode_variable(data_type, value)
        dtype = dtype_from(data_type)
        return _DECODERS[dtype.kind](dtype, value)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise FormatError(f"fill_value: {value!r} is no {data_type!r}: {error}") from error


def _decode_variable(data_type: DataType, value: Any) -> str | bytes:
    if data_type == STRING:
        if not isinstance(value, str | int | float):
            raise TypeError("expected a string")
        return str(value)
    return _from_base64(value)


def _from_base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError("expected a string in base64")
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"expected a string in base64: {error}") from error


def _decode_bool(_dtype: np.dtype[Any], value: Any) -> Any:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return np.bool_(value)


def _decode_int(dtype: np.dtype[Any], value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("expected an integer")
    if isinstance(value, float) and not value.is_integer():
        raise TypeError("expected an integer")
    return dtype.type(int(value))


def _decode_float(dtype: np.dtype[Any], value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("expected a number, or one of NaN, Infinity, -Infinity and 0x…")
    if isinstance(value, str) and value.startswith("0x"):
        bits = bytes.fromhex(value[2:])
        if len(bits) != dtype.itemsize:
            raise ValueError(f"expected {2 * dtype.itemsize} hexadecimal digits")
        return np.frombuffer(bits, dtype.newbyteorder(">")).astype(dtype)[0]
    number = _SPECIAL_FLOATS[value] if value in _SPECIAL_FLOATS else float(value)
    with np.errstate(over="ignore"):
        return dtype.type(number)


def _decode_complex(dtype: np.dtype[Any], value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError("expected the real and the imaginary part")
    part = np.dtype(f"f{dtype.itemsize // 2}")
    return np.array([_decode_float(part, each) for each in value], part).view(dtype)[0]


def _decode_time(dtype: np.dtype[Any], value: Any) -> Any:
    if value == "NaT":
        return _time(dtype, _NOT_A_TIME)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("expected an integer or NaT")
    return _time(dtype, value)


def _time(dtype: np.dtype[Any], count: int) -> Any:
    """Return a time from its bits: NumPy makes none without a unit from a name any more."""
    return np.array(count, "int64").view(dtype)[()]


def _decode_text(dtype: np.dtype[Any], value: Any) -> Any:
    if not isinstance(value, str):
        raise TypeError("expected a string")
    return np.array(value[: dtype.itemsize // 4], dtype)[()]


def _decode_bytes(dtype: np.dtype[Any], value: Any) -> Any:
    return np.array(_from_base64(value)[: dtype.itemsize], dtype)[()]


def _decode_void(dtype: np.dtype[Any], value: Any) -> Any:
    if dtype.names is not None and isinstance(value, Mapping):
        return _decode_fields(dtype, dtype.names, value)
    return _raw(dtype, _from_base64(value))[0]


def _decode_fields(dtype: np.dtype[Any], names: tuple[str, ...], value: Mapping[str, Any]) -> Any:
    """Return a record from an object of its fields, as zarr-python writes it from 3.2 on."""
    if set(value) != set(names):
        raise ValueError(f"expected exactly the fields {', '.join(names)}")
    record = np.zeros(1, dtype)
    for name in names:
        record[name] = _DECODERS[dtype[name].kind](dtype[name], value[name])
    return record[0]


_DECODERS: Final[dict[str, Callable[[np.dtype[Any], Any], Any]]] = {
    "b": _decode_bool,
    "i": _decode_int,
    "u": _decode_int,
    "f": _decode_float,
    "c": _decode_complex,
    "m": _decode_time,
    "M": _decode_time,
    "U": _decode_text,
    "S": _decode_bytes,
    "V": _decode_void,
}
