"""Which codecs a new array gets."""

from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.codec_pipeline import build
from vstore.format.codec_spec import ArraySpec
from vstore.format.dtypes import (
    STRING,
    DataType,
    data_type_of,
    dtype_from,
    has_byte_order,
    is_variable_length,
)
from vstore.format.fill_value import default_fill_value

Preset: TypeAlias = Literal["fast", "balanced", "small", "none"]
CodecDocument: TypeAlias = dict[str, Any]

_MAX_BLOSC_ITEMSIZE: Final = 255
_SAMPLE_NBYTES: Final = 2**20


def preset(name: Preset, dtype: Any) -> tuple[CodecDocument, ...]:
    """Return the codecs that a preset means for a dtype or a Zarr data type.

    `none` stores elements as they are. `fast` is LZ4, `balanced` Zstandard at a low level and
    `small` Zstandard at a high one, elements of several bytes shuffled byte by byte first.

    Raises:
        InvalidInputError: There is no such preset.
    """
    data_type = data_type_of(dtype)
    if name not in get_args(Preset):
        known = ", ".join(get_args(Preset))
        raise InvalidInputError(f"there is no codec preset {name!r}; there are {known} and auto")
    return (_serializer(data_type), *_compressors(name, data_type))


def _serializer(data_type: DataType) -> CodecDocument:
    if is_variable_length(data_type):
        return {"name": "vlen-utf8" if data_type == STRING else "vlen-bytes", "configuration": {}}
    if has_byte_order(dtype_from(data_type)):
        return {"name": "bytes", "configuration": {"endian": "little"}}
    return {"name": "bytes"}


def _compressors(name: Preset, data_type: DataType) -> tuple[CodecDocument, ...]:
    if name == "none":
        return ()
    itemsize = 1 if is_variable_length(data_type) else dtype_from(data_type).itemsize
    if name == "fast":
        return (blosc("lz4", 5, itemsize),)
    level = 3 if name == "balanced" else 15
    if 1 < itemsize <= _MAX_BLOSC_ITEMSIZE:
        return (blosc("zstd", 3 if name == "balanced" else 9, itemsize),)
    return (zstd(level),)


def zstd(level: int) -> CodecDocument:
    """Return the document of a Zstandard codec."""
    return {"name": "zstd", "configuration": {"level": level, "checksum": False}}


def blosc(cname: str, clevel: int, itemsize: int, shuffle: str | None = None) -> CodecDocument:
    """Return the document of a Blosc codec; elements of several bytes are shuffled."""
    typesize = itemsize if itemsize <= _MAX_BLOSC_ITEMSIZE else 1
    return {
        "name": "blosc",
        "configuration": {
            "typesize": typesize,
            "cname": cname,
            "clevel": clevel,
            "shuffle": shuffle or ("shuffle" if typesize > 1 else "noshuffle"),
            "blocksize": 0,
        },
    }


def choose(
    sample: NDArray[Any], name: Preset | Literal["auto"] = "auto"
) -> tuple[CodecDocument, ...]:
    """Return codecs for data like the sample: the same ones for the same sample, always.

    Candidates are compared by the size they make of the sample and by a fixed table of decoding
    speeds, never by the clock: the codecs are part of what a commit's hash covers.
    """
    if name != "auto":
        return preset(name, sample.dtype)
    data_type = data_type_of(sample.dtype)
    return min(_candidates(data_type), key=lambda codecs: _cost(codecs, data_type, sample))


def _candidates(data_type: DataType) -> list[tuple[CodecDocument, ...]]:
    names: tuple[Preset, ...] = ("none", "fast", "balanced")
    return [preset(name, data_type) for name in names]


def _cost(codecs: tuple[CodecDocument, ...], data_type: DataType, sample: NDArray[Any]) -> float:
    elements = np.ascontiguousarray(sample).reshape(-1)
    dtype = dtype_from(data_type)
    elements = elements[: max(1, _SAMPLE_NBYTES // dtype.itemsize)].astype(dtype)
    spec = ArraySpec(elements.shape, dtype, data_type, default_fill_value(data_type))
    return len(build(list(codecs), spec).encode(elements)) / max(1, elements.nbytes)
