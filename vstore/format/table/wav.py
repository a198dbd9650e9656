"""WAV files of plain samples to arrays and back. No library is needed for these."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PCM = 1
_FLOAT = 3
_EXTENSIBLE = 0xFFFE
UNKNOWN_NBYTES = 0xFFFFFFFF
"""What programs write that do not know how long a file will be."""

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
MAX_NBYTES = UNKNOWN_NBYTES - _HEADER.size
"""How many bytes of samples a file may have."""


@dataclass(frozen=True, slots=True)
class WavFile:
    """Where a WAV file has its samples, and what they are: integers or floats of some bits."""

    is_float: bool
    bits: int
    channels: int
    rate: int
    start: int
    nbytes: int

    @property
    def frame_nbytes(self) -> int:
        """The size of one sample of each channel."""
        return self.channels * self.bits // 8

    @property
    def frames(self) -> int:
        """How many samples each channel has."""
        return self.nbytes // self.frame_nbytes

    @property
    def encoding(self) -> str:
        """What samples are, in the words of libsndfile."""
        if self.is_float:
            return "FLOAT" if self.bits == 32 else "DOUBLE"
        return "PCM_U8" if self.bits == 8 else f"PCM_{self.bits}"


def parse_wav(data: bytes, *, nbytes: int | None = None) -> WavFile | None:
    """Return what a WAV file has; None for one whose samples are encoded in another way.

    Args:
        data: the file, or its beginning.
        nbytes: how long the file is, where `data` is its beginning.

    Raises:
        ValueError: the file is truncated or malformed.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    kind: tuple[int, int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"fmt ":
            kind = _format(data, at + 8, length)
        if name == b"data":
            found = (len(data) if nbytes is None else nbytes) - at - 8
            return _with_samples((at + 8, found), length, kind)
        at += 8 + length + length % 2
    raise ValueError("it ends before its samples")


def _format(data: bytes, at: int, nbytes: int) -> tuple[int, int, int, int, int]:
    """Return the tag, channels, rate, size of a frame and bits of a format chunk."""
    if nbytes < 16 or at + nbytes > len(data):
        raise ValueError("its format chunk is too short")
    tag, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", data, at)
    if tag == _EXTENSIBLE and nbytes >= 40:
        (tag,) = struct.unpack_from("<H", data, at + 24)
    return tag, channels, rate, frame, bits


def _with_samples(
    place: tuple[int, int], nbytes: int, kind: tuple[int, int, int, int, int] | None
) -> WavFile | None:
    """Return a file whose samples begin at a place, with so many bytes from there on."""
    start, found = place
    if kind is None:
        raise ValueError("it does not say what its samples are")
    tag, channels, rate, frame, bits = kind
    known = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}.get(tag, ())
    if bits not in known:
        return None
    if not channels or not rate or frame != channels * bits // 8:
        raise ValueError("its format chunk contradicts itself")
    if nbytes == UNKNOWN_NBYTES:
        nbytes = found
    if nbytes > found:
        raise ValueError(f"it is truncated: {nbytes:,} bytes of samples are announced, {found:,}")
    return WavFile(tag == _FLOAT, bits, channels, rate, start, nbytes)


def wav_samples(data: bytes, wav: WavFile, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return samples, shape (frames, channels), on the scale of a data type that holds them."""
    stored = np.frombuffer(data, np.uint8, wav.frames * wav.frame_nbytes, wav.start)
    if wav.is_float:
        found: NDArray[Any] = stored.view(f"<f{wav.bits // 8}")
    else:
        found = _scaled(_integers(stored, wav.bits), dtype)
    framed: NDArray[Any] = found.reshape(wav.frames, wav.channels).astype(dtype)
    return framed


def _integers(stored: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return integers as the upper bits of 16 or 32."""
    if bits == 8:
        return (stored.astype(np.int16) - 128) << 8
    if bits == 24:
        wide = np.zeros((len(stored) // 3, 4), np.uint8)
        wide[:, 1:] = stored.reshape(-1, 3)
        stored = wide.reshape(-1)
    integers: NDArray[Any] = stored.view("<i2" if bits == 16 else "<i4")
    return integers


def _scaled(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        floats: NDArray[Any] = values.astype(dtype) / dtype.type(2 ** (8 * values.itemsize - 1))
        return floats
    return values.astype(dtype) << (8 * (dtype.itemsize - values.itemsize))


def wav_file(samples: NDArray[Any], rate: int) -> bytes:
    """Return samples, shape (frames, channels), as a WAV file without loss."""
    body = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    frame = samples.shape[1] * samples.itemsize
    tag = _FLOAT if samples.dtype.kind == "f" else _PCM
    header = _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + len(body), b"WAVE",
        b"fmt ", 16, tag, samples.shape[1], rate, rate * frame, frame, 8 * samples.itemsize,
        b"data", len(body),
    )  # fmt: skip
    return header + body
