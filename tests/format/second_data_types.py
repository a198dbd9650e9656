"""The data types of arrays and their fill values, written from docs/format.md, section 9."""

import base64
from typing import Any

import numpy as np

from tests.format.second_encoder import Json, exactly, require

SIZED = {
    "fixed_length_utf32": ("U", 4),
    "null_terminated_bytes": ("S", 1),
    "raw_bytes": ("V", 1),
}
TIMES = {"numpy.datetime64": "M8", "numpy.timedelta64": "m8"}
VARIABLE = ("string", "variable_length_bytes")
SPECIAL = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def dtype_of(data_type: Any) -> np.dtype[Any]:
    """Return the dtype of a data type; object for those whose elements vary in length."""
    if isinstance(data_type, str):
        return np.dtype("O" if data_type in VARIABLE else data_type)
    exactly(data_type, "configuration", "name")
    name, configuration = data_type["name"], data_type["configuration"]
    if name in TIMES:
        exactly(configuration, "scale_factor", "unit")
        unit, scale = configuration["unit"], configuration["scale_factor"]
        return np.dtype(TIMES[name] if unit == "generic" else f"{TIMES[name]}[{scale}{unit}]")
    if name in SIZED:
        kind, nbytes = SIZED[name]
        exactly(configuration, "length_bytes")
        require(configuration["length_bytes"] % nbytes == 0, "no whole characters")
        return np.dtype(f"{kind}{configuration['length_bytes'] // nbytes}")
    require(name == "structured", "no data type of the page")
    exactly(configuration, "fields")
    return np.dtype([(field, dtype_of(each)) for field, each in configuration["fields"]])


def fill_of(metadata: Json) -> Any:
    """Return the fill value, with which `np.full` fills an array of the dtype."""
    value, data_type = metadata["fill_value"], metadata["data_type"]
    if data_type in VARIABLE:
        return value if data_type == "string" else base64.b64decode(value, validate=True)
    dtype = dtype_of(data_type)
    return FILLS.get(dtype.kind, np.array)(value, dtype)


def floats_of(value: Any, dtype: np.dtype[Any]) -> Any:
    parts = value if dtype.kind == "c" else [value]
    part = np.dtype(f"f{dtype.itemsize // len(parts)}")
    return np.array([float_of(each, part) for each in parts], part).view(dtype)[0]


def float_of(value: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(value, str) and value.startswith("0x"):
        return np.frombuffer(bytes.fromhex(value[2:]), dtype.newbyteorder(">")).astype(dtype)[0]
    return dtype.type(SPECIAL[value] if isinstance(value, str) else value)


def time_of(value: Any, dtype: np.dtype[Any]) -> Any:
    return np.array(-(2**63) if value == "NaT" else value, "int64").view(dtype)


def packed_of(value: Any, dtype: np.dtype[Any]) -> Any:
    data = base64.b64decode(value, validate=True).ljust(dtype.itemsize, b"\0")
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)[0]


FILLS: dict[str, Any] = {
    **dict.fromkeys("fc", floats_of),
    **dict.fromkeys("mM", time_of),
    **dict.fromkeys("SV", packed_of),
}
"""How the fill value is written, by the dtype's kind; as itself for the others."""
