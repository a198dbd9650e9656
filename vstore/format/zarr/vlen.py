"""Samples of different sizes in one chunk: Zarr's `vlen-utf8` and `vlen-bytes`.

The number of samples, then each sample behind its length; all numbers are four bytes, little
endian.
"""

import struct
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr.codec_extensions import extension
from vstore.format.zarr.codec_spec import MAX_CHUNK_NBYTES, Buffer

vlen = extension("vlen")
_LENGTH: Final = struct.Struct("<I")


class Slices(NamedTuple):
    """Where the samples of a chunk are: `buffer[offset : offset + length]`."""

    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    buffer: memoryview


def _codec(*, is_text: bool) -> Any:
    return vlen.VLenUTF8() if is_text else vlen.VLenBytes()


def encode(samples: NDArray[Any], *, is_text: bool) -> bytearray:
    """Return the samples, in C order, one behind the other.

    Raises:
        InvalidInputError: A sample is not `str` (or `bytes`), or all are too long together.
    """
    kind: type = str if is_text else bytes
    values = samples.astype(object, copy=False).reshape(-1)
    kinds = set(map(type, values.tolist()))
    if kinds != {kind}:
        values = _exactly(values, kind)
    try:
        encoded: bytearray = _codec(is_text=is_text).encode(values)
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidInputError(f"a sample cannot be stored: {error}") from error
    if len(encoded) > MAX_CHUNK_NBYTES:
        raise InvalidInputError(
            f"{values.size} samples of one chunk take {len(encoded)} bytes together; at most "
            f"{MAX_CHUNK_NBYTES} are possible",
            code="chunk-too-large",
            hint="choose a smaller chunk shape",
        )
    return encoded


def _exactly(values: NDArray[Any], kind: type) -> NDArray[Any]:
    for value in values:
        if not isinstance(value, kind):
            raise InvalidInputError(f"sample {value!r} is not {kind.__name__}")
    exact = np.empty(values.shape, object)
    exact[:] = [kind(value) for value in values]
    return exact


def decode(data: Buffer, count: int, *, is_text: bool) -> NDArray[Any]:
    """Return exactly `count` samples as an object array with one axis.

    Raises:
        CorruptionError: The data are malformed, or hold another number of samples.
    """
    require_count(data, count)
    try:
        samples: NDArray[Any] = _codec(is_text=is_text).decode(data)
    except ValueError as error:
        raise CorruptionError(f"the chunk's samples are malformed: {error}") from error
    return samples


def decode_slices(data: Buffer, count: int | None = None) -> Slices:
    """Return where each sample is, without copying any or making an object of it.

    Raises:
        CorruptionError: The data are malformed, or hold another number of samples.
    """
    buffer = memoryview(data)
    count = require_count(data, count)
    offsets = np.empty(count, np.int64)
    read = _LENGTH.unpack_from
    position = 4
    try:
        for i in range(count):
            offsets[i] = position
            position += 4 + read(buffer, position)[0]
    except struct.error as error:
        raise CorruptionError("the chunk's samples are cut short") from error
    if position > len(buffer):
        raise CorruptionError("the chunk's samples are cut short")
    lengths = np.diff(offsets, append=np.int64(position)) - 4
    return Slices(offsets + 4, lengths, buffer)


def require_count(data: Buffer, count: int | None) -> int:
    """Return the number of samples, if there is room for as many in the data.

    Raises:
        CorruptionError: There is not, or the number is not `count`.
    """
    if len(data) < 4:
        raise CorruptionError("the chunk's samples are cut short")
    declared: int = _LENGTH.unpack_from(data)[0]
    if count is not None and declared != count:
        raise CorruptionError(f"the chunk holds {declared} samples instead of {count}")
    if len(data) < 4 + 4 * declared:
        raise CorruptionError(f"the chunk is too short for {declared} samples")
    return declared
