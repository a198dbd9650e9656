"""Arrays of every data type, with the values that are easy to get wrong."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

FIXED_DTYPES: list[Any] = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
    *("datetime64[s]", "datetime64[10us]", "timedelta64[ns]", "timedelta64"),
    *("U5", "S5", "V5"),
    [("a", "int32"), ("b", "float64")],
    [("when", "datetime64[s]"), ("inner", [("text", "U3"), ("ok", "bool"), ("raw", "V3")])],
    [("red", "uint8"), ("is_set", "bool")],
]
VARIABLE_TYPES = ["string", "variable_length_bytes"]


def dtype_id(dtype: Any) -> str:
    return dtype if isinstance(dtype, str) else "-".join(name for name, _ in dtype)


def is_record(dtype: Any) -> bool:
    """Whether elements have fields: zarr-python writes those otherwise from 3.2 on."""
    return not isinstance(dtype, str) and np.dtype(dtype).names is not None


def array_of(dtype: Any, shape: tuple[int, ...] = (4, 7), seed: int = 0) -> NDArray[Any]:
    """Return random bits as elements, so NaN payloads, NaT and extremes are among them."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    if dtype in VARIABLE_TYPES:
        array = np.empty(size, object)
        for i, length in enumerate(rng.integers(0, 40, size)):
            raw = rng.bytes(int(length))
            array[i] = raw if dtype != "string" else raw.decode("latin-1")
        return array.reshape(shape)
    return _elements(np.dtype(dtype), rng, size).reshape(shape)


def _elements(dtype: np.dtype[Any], rng: np.random.Generator, size: int) -> NDArray[Any]:
    if dtype.names is not None:
        array = np.empty(size, dtype)
        for name in dtype.names:
            array[name] = _elements(dtype[name], rng, size)
        return array
    if dtype.kind == "b":
        return rng.random(size) < 0.5
    if dtype.kind == "U":
        points = rng.integers(1, 0xD7FF, size * dtype.itemsize // 4, dtype=np.uint32)
        return points.view(dtype)
    return np.frombuffer(rng.bytes(size * dtype.itemsize), dtype)


def is_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether shapes, types and all bits agree."""
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "OT" or other.dtype.kind in "OT":
        return bool(one.tolist() == other.tolist())
    own = one.astype(one.dtype.newbyteorder("="))
    return bool(own.tobytes() == other.astype(own.dtype).tobytes())


def codec_of(
    dtype: Any, shape: Any, codecs: Any = None, *, fill_value: Any = None, max_nbytes: Any = 2**31
) -> Any:
    metadata = ArrayMetadata.create(
        shape=shape, dtype=dtype, chunk_shape=shape, codecs=codecs, fill_value=fill_value
    )
    return ChunkCodec(metadata, max_nbytes=max_nbytes)


def chunk_of(dtype: Any, shape: tuple[int, ...] = (8, 8)) -> Any:
    """Return a chunk that compresses a little and that every codec can keep exactly."""
    if dtype in VARIABLE_TYPES:
        return array_of(dtype, shape)
    rng = np.random.default_rng(1)
    return rng.integers(0, 2 if dtype == "bool" else 50, shape).astype(dtype)
