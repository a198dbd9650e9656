"""Encoded sounds to arrays and back. soundfile is imported here alone."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError, MissingExtraError
from vstore.faces import exported_from
from vstore.format.table.wav import (
    MAX_NBYTES,
    UNKNOWN_NBYTES,
    WavFile,
    parse_wav,
    wav_file,
    wav_samples,
)

MAX_VALUES = 2**29
"""How many values a sound may decode to."""

_UNKNOWN_FRAMES = 2**62  # libsndfile has 2^63 - 1

DTYPES = ("int16", "int32", "float32", "float64")
"""What values may be, from the narrowest."""

_TAKEN = {
    "PCM_U8": DTYPES, "PCM_S8": DTYPES, "PCM_16": DTYPES,
    "ULAW": DTYPES, "ALAW": DTYPES, "IMA_ADPCM": DTYPES, "MS_ADPCM": DTYPES,
    "PCM_24": DTYPES[1:],
    "PCM_32": ("int32", "float64"),
    "DOUBLE": ("float64",),
}  # fmt: skip
"""Which data types hold the values of each encoding; of all others floats do."""

_BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32,
         "DOUBLE": 64}  # fmt: skip
_FORMATS = {"WAV": "WAV", "WAVEX": "WAV", "RF64": "WAV", "FLAC": "FLAC", "OGG": "Ogg",
            "MP3": "MP3", "AIFF": "AIFF"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """What a column holds: the data type of values, and how many channels, if all have as many.

    `rate` is the one of all sounds, None where they differ.
    """

    dtype: np.dtype[Any]
    channels: int | None
    rate: int | None

    def check(self, info: "AudioInfo") -> None:
        """Raise `FormatError` for a sound that is not what the column holds."""
        if info.frames is None:
            raise _undecodable("it does not say how many frames it has: encode it again")
        if info.frames * info.channels > MAX_VALUES:
            many = f"{info.frames * info.channels:,}"
            raise _undecodable(f"{many} values are more than {MAX_VALUES:,}")
        taken = _TAKEN.get(info.encoding, DTYPES[2:])
        if self.dtype.name not in taken:
            raise _not_taken(
                f"{self.dtype.name} does not hold its values, {info.encoding}",
                f"dtype={taken[0]!r}",
            )
        if self.channels not in (None, info.channels):
            raise _not_taken(
                f"it has {info.channels} channels, not {self.channels}", "channels=None"
            )
        if self.rate not in (None, info.rate):
            raise _not_taken(f"its rate is {info.rate:,} Hz, not {self.rate:,} Hz", "rate=None")


@exported_from("vstore")
class AudioInfo(msgspec.Struct, frozen=True):
    """What the file of a sound says of it, without decoding.

    `format` is one of WAV, FLAC, Ogg, MP3 and AIFF; `encoding` how the file encodes values, such
    as PCM_16 or VORBIS; `bits` are those of a value, None where the encoding has no fixed number;
    `frames` is None where a FLAC file was written without knowing how many there would be.
    """

    format: str
    encoding: str
    rate: int
    channels: int
    frames: int | None
    bits: int | None

    def __str__(self) -> str:
        many = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        length = "" if self.frames is None else f", {self.frames / self.rate:.3g} s"
        return f"{self.format} {self.rate:,} Hz, {many}{length}"


def audio_format(data: bytes) -> str | None:
    r"""Return which format the bytes of a sound have, by how they begin; None for others.

    >>> audio_format(b"fLaC\0"), audio_format(b"?")
    ('FLAC', None)
    """
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "WAV"
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if data[:1] == b"\xff" and data[1:2] and data[1] & 0xE6 == 0xE2:
        return "MP3"  # a frame of MPEG layer III
    formats = {b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3"}
    return next((name for start, name in formats.items() if data.startswith(start)), None)


def describe(data: bytes) -> str:
    """Return what kind of a sound some bytes are, as far as that can be told."""
    try:
        return str(audio_info(data))
    except (FormatError, MissingExtraError):
        return audio_format(data) or "audio"


def audio_info(data: bytes, *, nbytes: int | None = None) -> AudioInfo:
    """Return what the file of a sound says of it.

    Args:
        data: the file, or its beginning, which is enough for WAV and FLAC.
        nbytes: how long the file is, where `data` is its beginning.

    Raises:
        FormatError: no such file, or its header is damaged.
        MissingExtraError: soundfile is needed and not installed.
    """
    wav = _wav(data, nbytes)
    if wav is not None:
        return _info_of_wav(wav)
    with _opened(data) as file:
        return _info_of(file)


def decode_audio(data: bytes, held: Held) -> NDArray[Any]:
    """Return the values of an encoded sound, shape (frames, channels).

    Integers of fewer bits than the data type fill its upper bits; floats are from -1 to 1.

    Raises:
        FormatError: no such sound, damaged, or with values that the data type does not hold.
        MissingExtraError: soundfile is needed and not installed.
    """
    wav = _wav(data)
    if wav is None:
        return _decode_any(data, held)
    held.check(_info_of_wav(wav))
    return wav_samples(data, wav, held.dtype)


def _info_of_wav(wav: WavFile) -> AudioInfo:
    bits = _BITS[wav.encoding]
    return AudioInfo("WAV", wav.encoding, wav.rate, wav.channels, wav.frames, bits)


def _wav(data: bytes, nbytes: int | None = None) -> WavFile | None:
    try:
        return parse_wav(data, nbytes=nbytes)
    except ValueError as exc:
        raise _undecodable(exc) from exc


def _decode_any(data: bytes, held: Held) -> NDArray[Any]:
    with _opened(data) as file:
        info = _info_of(file)
        held.check(info)
        values: NDArray[Any] = file.read(dtype=held.dtype.name, always_2d=True)
    found, told = len(values), info.frames
    if info.format == "FLAC" and found != told:
        raise _undecodable(f"it is truncated: {found:,} of {told:,} frames are there")
    return values


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Open a sound with libsndfile, if it is of a format that is known."""
    if audio_format(data) is None:
        raise _undecodable(f"it begins with {data[:12]!r}")
    told = _told_nbytes(data)
    if len(data) < told:
        raise _undecodable(f"it is truncated: {len(data):,} of {told:,} bytes are there")
    try:
        import soundfile  # noqa: PLC0415
    except (ImportError, OSError) as exc:
        raise MissingExtraError("soundfile", extra="audio", purpose="An audio column") from exc
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            yield file
    except (soundfile.SoundFileError, ValueError, TypeError, MemoryError) as exc:
        raise _undecodable(exc) from exc


def _told_nbytes(data: bytes) -> int:
    """Return how many bytes a file says that it has, 0 where it does not: libsndfile is lenient."""
    if data.startswith(b"FORM"):
        return int.from_bytes(data[4:8], "big") + 8
    told = int.from_bytes(data[4:8], "little") if data.startswith(b"RIFF") else 0
    if data.startswith(b"RF64") and data[12:16] == b"ds64":
        told = int.from_bytes(data[20:28], "little")
    return 0 if told in (0, UNKNOWN_NBYTES) else told + 8


def _info_of(file: Any) -> AudioInfo:
    found = _FORMATS.get(file.format)
    if found is None or file.samplerate < 1 or file.channels < 1:
        raise _undecodable(f"{file.format} is not read")
    bits = _BITS.get(file.subtype)
    frames = file.frames if file.frames < _UNKNOWN_FRAMES else None
    return AudioInfo(found, file.subtype, file.samplerate, file.channels, frames, bits)


def _not_taken(reason: str, option: str) -> FormatError:
    return FormatError(
        reason,
        code="undecodable-audio",
        hint=f"describe the column with `vstore.audio({option})`",
    )


def _undecodable(reason: object) -> FormatError:
    return FormatError(f"the sound cannot be decoded: {reason}", code="undecodable-audio")


def encoded_audio(data: bytes, held: Held, *, check: str, name: str) -> bytes:
    """Return the file of a sound as it is, if it is one that the column holds.

    Raises:
        InvalidInputError: it is not.
    """
    if audio_format(data) is None:
        got = f"bytes that begin with {data[:12]!r}" if data else "no bytes"
        raise InvalidInputError(
            f"the column {name!r} holds WAV, FLAC, Ogg, MP3 or AIFF sounds; got {got}"
        )
    try:
        if check == "decode":
            decode_audio(data, held)
        elif check == "header":
            held.check(audio_info(data))
    except MissingExtraError:
        return data
    except FormatError as exc:
        raise InvalidInputError(
            f"the column {name!r} does not take a sound: {exc}",
            code="audio-not-taken",
            hint=exc.hint,
            column=name,
        ) from exc
    return data


def encode_audio(values: NDArray[Any], held: Held, *, name: str) -> bytes:
    """Return values as WAV, without loss; shape (frames, channels), or (frames,) for one channel.

    Raises:
        InvalidInputError: they are not what the column holds, or it names no rate.
    """
    if held.rate is None:
        raise InvalidInputError(
            f"the column {name!r} holds files of sounds; got an array, which has no rate",
            code="audio-not-taken",
            hint="describe the column with a rate, as in `vstore.audio(rate=16000)`",
            column=name,
        )
    framed = values[:, np.newaxis] if values.ndim == 1 else values
    fits = framed.ndim == 2 and framed.shape[1] and framed.dtype == held.dtype
    if not fits or held.channels not in (None, framed.shape[1]) or framed.nbytes > MAX_NBYTES:
        raise InvalidInputError(
            f"the column {name!r} holds sounds: encoded bytes, or arrays of {held.dtype} of shape "
            f"(frames, {held.channels or 'channels'}); got {values.dtype} {values.shape}",
            column=name,
        )
    return wav_file(framed, held.rate)
