"""Which codecs a new array gets.

Measured on one core with chunks of 1 MiB, numcodecs 0.16.6; ratio, encoding and decoding in MB/s:

| | Fashion-MNIST, uint8 | uint8 / 255, float32 | tokens, int32 | climate, float32 |
|---|---|---|---|---|
| Blosc LZ4 9 | 1.5, 770, 3900 | 2.6, 720, 3600 | 2.0, 460, 3900 | 1.0, 3200, 30000 |
| Blosc LZ4 5, shuffled | | 1.8, 910, 3100 | 2.7, 1300, 5500 | 1.8, 2500, 6300 |
| Zstandard 3 | 1.8, 210, 1200 | 4.2, 280, 1400 | 3.0, 160, 1060 | 1.3, 280, 1550 |
| Blosc Zstandard 1, shuffled | | 2.4, 460, 1170 | 4.1, 800, 2200 | 1.9, 1700, 5200 |
| the same in blocks of 256 KiB, Blosc's own choice | | | 3.9, 490, 1000 | |
| Zstandard 17 | 1.8, 5, 1000 | 5.6, 8, 1400 | 2.2, 3, 900 | 1.2, 5, 1100 |

So without a sample integers, times and text are shuffled byte by byte, which pays nearly always,
and floats are not: shuffling makes true measurements a third smaller, but nearly doubles images
that were scaled to floats. With a sample, `choose` finds out. Zstandard is the default since a
core decodes it at 1 GB/s and more, more than object stores deliver to it.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.codec_pcodec import NUMBERS, PCODEC
from vstore.format.zarr.codec_pipeline import build
from vstore.format.zarr.codec_spec import ArraySpec
from vstore.format.zarr.dtypes import (
    BYTES,
    STRING,
    DataType,
    data_type_of,
    dtype_from,
    has_byte_order,
    is_variable_length,
)
from vstore.format.zarr.fill_value import coerce_fill_value, default_fill_value

Preset: TypeAlias = Literal["fast", "balanced", "small", "none", "lz4", "pcodec"]
Sampled: TypeAlias = Literal["auto", "scaled"]
Codecs: TypeAlias = tuple[dict[str, Any], ...]

_MAX_BLOSC_ITEMSIZE: Final = 255
_SAMPLE_NBYTES: Final = 2**20
_BLOCK_NBYTES: Final = 2**20
"""What Blosc encodes at a time: a whole chunk, which Zstandard decodes twice as fast as parts."""


def zstd(level: int) -> dict[str, Any]:
    """Return the document of a Zstandard codec."""
    return {"name": "zstd", "configuration": {"level": level, "checksum": False}}


def blosc(cname: str, clevel: int, itemsize: int, shuffle: str) -> dict[str, Any]:
    """Return the document of a Blosc codec."""
    return {
        "name": "blosc",
        "configuration": {
            "typesize": itemsize,
            "cname": cname,
            "clevel": clevel,
            "shuffle": shuffle,
            "blocksize": _BLOCK_NBYTES,
        },
    }


def preset(name: Preset, dtype: Any) -> Codecs:
    """Return the codecs that a preset means for a dtype or a Zarr data type.

    `none` stores elements as they are, `fast` is LZ4, `balanced` is Zstandard at a low level and
    `small` at a high one, which takes 20 to 50 times longer to encode and as long to decode.
    `lz4` is one plain block of LZ4 a chunk, which GPUs decompress, and `pcodec` the codec of that
    name, for numbers of 2 to 8 bytes.

    Raises:
        InvalidInputError: There is no such preset, or it does not take the data type.
    """
    data_type = data_type_of(dtype)
    if name not in get_args(Preset):
        known = ", ".join([*get_args(Preset), *get_args(Sampled)])
        raise InvalidInputError(
            f"there is no codec preset {name!r}",
            code="unknown-preset",
            hint=f"choose one of {known}",
            name=str(name),
        )
    if name == "pcodec":
        return (_numbers(data_type),)
    return (_serializer(data_type), *_compressors(name, data_type))


def _numbers(data_type: DataType) -> dict[str, Any]:
    if str(data_type) not in NUMBERS:
        raise InvalidInputError(
            f"the codec preset 'pcodec' does not take {data_type!r}",
            code="codec-data-type",
            hint="choose it for integers and floats of 2 to 8 bytes, and another preset for others",
            codecs="pcodec",
            dtype=str(data_type),
        )
    return {"name": PCODEC, "configuration": {"level": 8}}


def _serializer(data_type: DataType) -> dict[str, Any]:
    if is_variable_length(data_type):
        return {"name": "vlen-utf8" if data_type == STRING else "vlen-bytes", "configuration": {}}
    if has_byte_order(dtype_from(data_type)):
        return {"name": "bytes", "configuration": {"endian": "little"}}
    return {"name": "bytes"}


def _compressors(name: Preset, data_type: DataType) -> Codecs:
    dtype = dtype_from(data_type)
    width = _shuffle_width(dtype)
    if name == "none":
        return ()
    if name == "fast":
        return (_lz4(width),)
    if name == "lz4":
        return ({"name": "numcodecs.lz4", "configuration": {"acceleration": 1}},)
    if width > 1 and dtype.kind not in "fc":
        return (blosc("zstd", 1 if name == "balanced" else 9, width, "shuffle"),)
    return (zstd(3 if name == "balanced" else 17),)


def _lz4(width: int) -> dict[str, Any]:
    """Return the document of LZ4, which finds more without shuffling if it takes its time."""
    if width > 1:
        return blosc("lz4", 5, width, "shuffle")
    return blosc("lz4", 9, width, "noshuffle")


def _shuffle_width(dtype: np.dtype[Any]) -> int:
    """Return how many bytes apart equal bytes of neighbouring elements are, or 1 to not shuffle."""
    if dtype.kind in "OSV" or dtype.itemsize > _MAX_BLOSC_ITEMSIZE:
        return 1
    return 4 if dtype.kind == "U" else dtype.itemsize


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Codecs, and at how many MB/s of array data a core encodes and decodes them."""

    codecs: Codecs
    encodes: int
    decodes: int


@dataclass(frozen=True, slots=True)
class _Aim:
    """How fast encoded bytes come, in MB/s, and how often an array is written per reading."""

    bandwidth: int
    writes: float


_AIMS: Final = {
    "fast": _Aim(bandwidth=1000, writes=0.1),
    "auto": _Aim(bandwidth=100, writes=0.1),
    "balanced": _Aim(bandwidth=100, writes=0.1),
    "scaled": _Aim(bandwidth=100, writes=0.1),
    "small": _Aim(bandwidth=10, writes=0.01),
}


def choose(
    sample: NDArray[Any], name: Preset | Sampled = "auto", *, fill_value: Any = None
) -> Codecs:
    """Return codecs for data like the sample, such as the first batch of a column.

    What is least is the time to fetch, decode and, now and then, encode the sample: its size with
    each candidate over a bandwidth that the name stands for, and fixed speeds of the codecs. No
    clock is asked, so that the same sample gives the same codecs and thus the same commit hash.

    Args:
        sample: Elements in the array's dtype; variable length as objects. 1 MiB of it is used.
        name: `fast`, `small`, `auto` (or `balanced`) set the weight of size against speed.
            `scaled` is `auto`, except that floats which are integers over a constant, such as
            `uint8 / 255`, are stored as the integers they were, with `scale_offset` and
            `cast_value`. Later chunks that are not of this form are refused when they are encoded.
        fill_value: That of the array, None for its data type's.

    Raises:
        InvalidInputError: There is no such preset, or the sample's dtype cannot be stored.
    """
    data_type = _data_type(sample)
    if name == "none" or name not in _AIMS or sample.size == 0:
        return preset("balanced" if name == "auto" or name == "scaled" else name, data_type)
    pieces = _pieces(sample)
    fill = default_fill_value(data_type)
    if fill_value is not None:
        fill = coerce_fill_value(data_type, fill_value)
    spec = ArraySpec(pieces.shape, dtype_from(data_type), data_type, fill)
    pieces = pieces.astype(spec.dtype, copy=False)
    candidates = _candidates(data_type, is_small=name == "small")
    if name == "scaled":
        candidates += _scaled(pieces, spec)
    raw = _raw_nbytes(pieces)
    return min(candidates, key=lambda each: _cost(each, spec, pieces, raw, _AIMS[name])).codecs


def _data_type(sample: NDArray[Any]) -> DataType:
    if sample.dtype.hasobject and sample.dtype.names is None and sample.size:
        first = sample.flat[0]
        if isinstance(first, str | bytes):
            return STRING if isinstance(first, str) else BYTES
    return data_type_of(sample.dtype)


def _pieces(sample: NDArray[Any]) -> NDArray[Any]:
    """Return at most about 1 MiB: four runs of elements from all over the sample."""
    elements = np.ascontiguousarray(sample).reshape(-1)
    nbytes = max(1, _raw_nbytes(elements) // elements.size)
    length = max(1, _SAMPLE_NBYTES // nbytes // 4)
    if elements.size <= 4 * length:
        return elements
    starts = np.linspace(0, elements.size - length, 4).astype(int)
    return np.concatenate([elements[start : start + length] for start in starts])


def _raw_nbytes(elements: NDArray[Any]) -> int:
    if not elements.dtype.hasobject:
        return elements.nbytes
    return sum(4 + len(each) for each in elements)


def _candidates(data_type: DataType, *, is_small: bool) -> list[_Candidate]:
    width = _shuffle_width(dtype_from(data_type))
    kinds = [
        ((), 10_000, 20_000),
        ((blosc("lz4", 9, width, "noshuffle"),), 600, 3700),
        ((zstd(1),), 400, 1250),
        ((zstd(3),), 240, 1200),
        ((blosc("zstd", 1, width, "bitshuffle"),), 400, 850 if width == 1 else 1500),
    ]
    if width > 1:
        kinds += [
            ((blosc("lz4", 5, width, "shuffle"),), 1200, 4500),
            ((blosc("lz4", 9, width, "bitshuffle"),), 900, 2500),
            ((blosc("zstd", 1, width, "shuffle"),), 800, 2000),
            ((blosc("zstd", 3, width, "bitshuffle"),), 250, 1300),
        ]
    if is_small:
        kinds += [((zstd(12),), 30, 1250), ((zstd(17),), 6, 1300)]
        if width > 1:
            kinds.append(((blosc("zstd", 9, width, "shuffle"),), 6, 1500))
    serializer = _serializer(data_type)
    return [_Candidate((serializer, *codecs), *speeds) for codecs, *speeds in kinds]


def _cost(
    candidate: _Candidate, spec: ArraySpec, pieces: NDArray[Any], raw: int, aim: _Aim
) -> float:
    """Return the seconds that the sample costs with a candidate, times a million."""
    encoded = len(build(candidate.codecs, spec).encode(pieces))
    return encoded / aim.bandwidth + raw / candidate.decodes + aim.writes * raw / candidate.encodes


_SCALINGS: Final = (
    *((255.0, 0.0, "uint8"), (127.5, -1.0, "uint8"), (65535.0, 0.0, "uint16")),
    *((10.0, 0.0, "int32"), (100.0, 0.0, "int32"), (1000.0, 0.0, "int32")),
)
"""By what integers may have been divided, what was added then, and which integers they were."""

_LEAST_VALUES: Final = 64
"""How many different values must fit a scaling: a few may fit it by chance."""


def _scaled(pieces: NDArray[Any], spec: ArraySpec) -> list[_Candidate]:
    """Return candidates for floats that are integers over a constant, bit for bit."""
    if pieces.dtype.kind != "f" or np.unique(pieces).size < _LEAST_VALUES:
        return []
    for scale, offset, integer in _SCALINGS:
        filters = _scaling(scale, offset, integer)
        serializer = _serializer(integer)
        try:
            pipeline = build((*filters, serializer), spec)
        except FormatError:  # the fill value cannot be encoded
            continue
        if pipeline.is_exact(np.append(pieces, spec.fill_value)):
            width = np.dtype(integer).itemsize
            packed = blosc("zstd", 1, width, "shuffle") if width > 1 else zstd(3)
            return [_Candidate((*filters, serializer, packed), 600, 2000)]
    return []


def _scaling(scale: float, offset: float, integer: str) -> Codecs:
    configuration = {"scale": scale} if not offset else {"offset": offset, "scale": scale}
    return (
        {"name": "scale_offset", "configuration": configuration},
        {"name": "cast_value", "configuration": {"data_type": integer}},
    )
