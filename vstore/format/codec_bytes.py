"""The codecs that turn bytes into bytes: compressors, byte shuffle, checksums.

Each decodes either into a buffer of exactly the right size or to at most a given number of bytes,
and looks at the declared size before it allocates or decodes anything.
"""

import bz2
import lzma
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numcodecs import blosc, checksum32, lz4, zstd
from numcodecs.fletcher32 import Fletcher32
from numcodecs.shuffle import Shuffle as NumcodecsShuffle
from numpy.typing import NDArray

from vstore.errors import CorruptionError, FormatError, InvalidInputError, MissingExtraError
from vstore.format.codec_spec import Buffer, convert
from vstore.format.codec_zstd import content_size

DECODE_ERRORS: Final = (
    *(ValueError, RuntimeError, TypeError, OSError, EOFError, OverflowError),
    *(zlib.error, lzma.LZMAError),
)
"""What the libraries behind the codecs raise on malformed input."""

_MAX_STREAMS: Final = 1024
_LZMA_MEMORY_NBYTES: Final = 2**28


class BytesStage(Protocol):
    """A codec from bytes to bytes."""

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return what so many bytes become, or None if that depends on the bytes."""

    def encode(self, data: Buffer) -> Buffer:
        """Return the encoded form."""

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the decoded form, or raise before making more than `limit` bytes."""

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Fill `out` exactly, or raise."""


class Compressor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the compressors share: their output's size depends on the input."""

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return None: it depends."""


def _require_size(declared: int, expected: int) -> None:
    if declared != expected:
        raise CorruptionError(f"the chunk declares {declared} bytes instead of {expected}")


def _require_limit(declared: int, limit: int) -> None:
    if declared > limit:
        raise CorruptionError(f"the chunk declares {declared} bytes; at most {limit} are possible")


class Zstd(Compressor, frozen=True, forbid_unknown_fields=True):
    """Zstandard; the whole of `zstd` and of `numcodecs.zstd`."""

    level: Annotated[int, Meta(ge=-131072, le=22)] = 0
    checksum: bool = False

    def encode(self, data: Buffer) -> Buffer:
        """Return one frame that declares its size."""
        frame: bytes = zstd.compress(data, self.level, self.checksum)
        return frame

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content of all frames."""
        size = content_size(memoryview(data))
        _require_limit(size.at_most if size.declared is None else size.declared, limit)
        content: bytes = zstd.decompress(data)
        return content

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode straight into `out`."""
        size = content_size(memoryview(data))
        if size.declared is not None:
            _require_size(size.declared, out.nbytes)
        zstd.decompress(data, out)


class Lz4(Compressor, frozen=True, forbid_unknown_fields=True):
    """`numcodecs.lz4`: four bytes of length, then one LZ4 block."""

    acceleration: int = 1

    def encode(self, data: Buffer) -> Buffer:
        """Return the length and the block."""
        block: bytes = lz4.compress(data, self.acceleration)
        return block

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        _require_limit(_leading_length(data), limit)
        content: bytes = lz4.decompress(data)
        return content

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode straight into `out`."""
        _require_size(_leading_length(data), out.nbytes)
        lz4.decompress(data, out)


def _leading_length(data: Buffer) -> int:
    if len(data) < 4:
        raise CorruptionError("the chunk is cut short")
    return int.from_bytes(memoryview(data)[:4], "little")


_SHUFFLES: Final = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


class Blosc(Compressor, frozen=True, forbid_unknown_fields=True):
    """Blosc 1, with its own threads off: they would make the encoded bytes vary."""

    cname: Literal["lz4", "lz4hc", "blosclz", "snappy", "zlib", "zstd"] = "zstd"
    clevel: Annotated[int, Meta(ge=0, le=9)] = 5
    shuffle: Literal["noshuffle", "shuffle", "bitshuffle"] | Literal[-1, 0, 1, 2] | None = None
    blocksize: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    typesize: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None

    def encode(self, data: Buffer) -> Buffer:
        """Return one Blosc buffer.

        Raises:
            InvalidInputError: Blosc would use threads, and its bytes vary from run to run.
        """
        if blosc.use_threads:
            raise InvalidInputError(
                "numcodecs.blosc.use_threads is True, which makes what Blosc encodes vary from run "
                "to run; set it to None or False"
            )
        shuffle = self.shuffle if isinstance(self.shuffle, int) else _SHUFFLES[self.shuffle or ""]
        options = (self.cname.encode(), self.clevel, shuffle, self.blocksize, self.typesize)
        buffer: bytes = _without_blosc_threads(lambda: blosc.compress(data, *options))
        return buffer

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        _require_limit(_blosc_nbytes(data), limit)
        content: bytes = _without_blosc_threads(lambda: blosc.decompress(data))
        return content

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode straight into `out`."""
        _require_size(_blosc_nbytes(data), out.nbytes)
        _without_blosc_threads(lambda: blosc.decompress(data, out))


def _blosc_nbytes(data: Buffer) -> int:
    """Return the decoded size; Blosc itself trusts the encoded size in the header blindly."""
    if len(data) < 16:
        raise CorruptionError("the chunk is cut short")
    header = memoryview(data)
    if int.from_bytes(header[12:16], "little") != len(data):
        raise CorruptionError("the chunk is not as long as its Blosc header says")
    return int.from_bytes(header[4:8], "little")


def _without_blosc_threads(call: Callable[[], Any]) -> Any:
    """Make one call of numcodecs' Blosc use the calling thread only.

    numcodecs decides by a global that belongs to the user and, where that is unset, uses threads
    on the main thread alone; so there the call is made on another thread.
    """
    if blosc.use_threads is not None or threading.current_thread() is not threading.main_thread():
        return call()
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(_attempt(call)))
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def _attempt(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except DECODE_ERRORS as error:
        return error


class Deflate(Compressor, frozen=True, forbid_unknown_fields=True):
    """`gzip`, and the zlib format; without gzip's time stamp, so that equal data stay equal."""

    level: Annotated[int, Meta(ge=0, le=9)] = 1
    is_gzip: bool = False

    def encode(self, data: Buffer) -> Buffer:
        """Return one stream."""
        stream = zlib.compressobj(self.level, zlib.DEFLATED, self._wbits)
        return stream.compress(data) + stream.flush()

    @property
    def _wbits(self) -> int:
        return 31 if self.is_gzip else 15

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        return _decode_streams(lambda: zlib.decompressobj(self._wbits), data, limit)

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode and copy."""
        _copy_into(self.decode(data, out.nbytes), out)


class Bz2(Compressor, frozen=True, forbid_unknown_fields=True):
    """`numcodecs.bz2`."""

    level: Annotated[int, Meta(ge=1, le=9)] = 1

    def encode(self, data: Buffer) -> Buffer:
        """Return one stream."""
        return bz2.compress(data, self.level)

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        return _decode_streams(bz2.BZ2Decompressor, data, limit)

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode and copy."""
        _copy_into(self.decode(data, out.nbytes), out)


class Lzma(Compressor, frozen=True, forbid_unknown_fields=True):
    """`numcodecs.lzma` in its own container formats."""

    format: Literal[1, 2] = 1
    check: Literal[-1, 0, 1, 4, 10] = -1
    preset: Annotated[int, Meta(ge=0, le=9)] | None = None
    filters: None = None

    def encode(self, data: Buffer) -> Buffer:
        """Return one stream."""
        return lzma.compress(data, format=self.format, check=self.check, preset=self.preset)

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        return _decode_streams(
            lambda: lzma.LZMADecompressor(self.format, memlimit=_LZMA_MEMORY_NBYTES), data, limit
        )

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode and copy."""
        _copy_into(self.decode(data, out.nbytes), out)


def _decode_streams(start: Callable[[], Any], data: Buffer, limit: int) -> Buffer:
    """Decode streams that lie back to back, making at most one byte more than `limit`."""
    parts: list[bytes] = []
    room = limit
    rest: Any = data
    while len(rest):
        stream = start()
        # One byte of room more than allowed, since zlib takes 0 for "no limit".
        parts.append(stream.decompress(rest, room + 1))
        room -= len(parts[-1])
        if room < 0:
            raise CorruptionError(f"the chunk decodes to more than {limit} bytes")
        if not stream.eof or len(parts) > _MAX_STREAMS:
            raise CorruptionError("the chunk is cut short, or in too many pieces")
        rest = stream.unused_data.lstrip(b"\0")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _copy_into(data: Buffer, out: NDArray[np.uint8]) -> None:
    _require_size(len(data), out.nbytes)
    out[:] = np.frombuffer(data, np.uint8)


class Shuffle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`numcodecs.shuffle`: the first bytes of all elements, then the second ones, and so on."""

    elementsize: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 4

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return the same number."""
        return nbytes

    def encode(self, data: Buffer) -> Buffer:
        """Return the shuffled bytes."""
        shuffled: memoryview = NumcodecsShuffle(self.elementsize).encode(data).data
        return shuffled

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the bytes in order."""
        _require_limit(len(data), limit)
        out = np.empty(len(data), np.uint8)
        self.decode_into(data, out)
        return out.data

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Put the bytes in order into `out`."""
        _require_size(len(data), out.nbytes)
        NumcodecsShuffle(self.elementsize).decode(data, out)


@dataclass(frozen=True, slots=True)
class Checksum:
    """Four bytes of checksum before or after the data."""

    codec: Any

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return four more."""
        return nbytes + 4

    def encode(self, data: Buffer) -> Buffer:
        """Return the bytes with their checksum."""
        return memoryview(self.codec.encode(data))

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the bytes, without copying, if their checksum is right."""
        if len(data) < 4:
            raise CorruptionError("the chunk is cut short")
        _require_limit(len(data) - 4, limit)
        return memoryview(self.codec.decode(data))

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Check and copy."""
        _copy_into(self.decode(data, out.nbytes), out)


def bytes_stage(name: str, configuration: dict[str, Any], itemsize: int, path: str) -> BytesStage:
    """Return the codec that a Zarr v3 document describes.

    Raises:
        FormatError: It is not on the list of codecs that vstore allows, or malformed.
    """
    if name in _CHECKSUMS:
        return _checksum(name, configuration, path)
    if name not in _STAGES:
        raise FormatError(f"{path}: vstore does not read the codec {name!r}")
    if name == "numcodecs.shuffle" and configuration.get("elementsize") is None:
        configuration = {**configuration, "elementsize": itemsize}
    kind, fixed = _STAGES[name]
    stage: Any = convert({**configuration, **fixed}, kind, f"{path}.configuration")
    if isinstance(stage, Blosc):
        return _complete_blosc(stage, itemsize)
    checked: BytesStage = stage
    return checked


_STAGES: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "zstd": (Zstd, {}),
    "gzip": (Deflate, {"is_gzip": True}),
    "blosc": (Blosc, {}),
    "numcodecs.zstd": (Zstd, {}),
    "numcodecs.gzip": (Deflate, {"is_gzip": True}),
    "numcodecs.zlib": (Deflate, {"is_gzip": False}),
    "numcodecs.blosc": (Blosc, {}),
    "numcodecs.lz4": (Lz4, {}),
    "numcodecs.bz2": (Bz2, {}),
    "numcodecs.lzma": (Lzma, {}),
    "numcodecs.shuffle": (Shuffle, {}),
}
_CHECKSUMS: Final[dict[str, Any]] = {
    "crc32c": getattr(checksum32, "CRC32C", None),
    "numcodecs.crc32c": getattr(checksum32, "CRC32C", None),
    "numcodecs.crc32": checksum32.CRC32,
    "numcodecs.adler32": checksum32.Adler32,
    "numcodecs.jenkins_lookup3": checksum32.JenkinsLookup3,
    "numcodecs.fletcher32": Fletcher32,
}


class _Location(msgspec.Struct, forbid_unknown_fields=True):
    location: Literal["start", "end"] | None = None


class _Jenkins(msgspec.Struct, forbid_unknown_fields=True):
    initval: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    prefix: None = None


class _NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    pass


def _checksum(name: str, configuration: dict[str, Any], path: str) -> Checksum:
    options = _CHECKSUM_OPTIONS.get(name, _Location)
    parsed = convert(configuration, options, f"{path}.configuration")
    kind = _CHECKSUMS[name]
    if kind is None:
        raise MissingExtraError("google-crc32c", extra="zarr", purpose="the codec crc32c")
    return Checksum(kind(**msgspec.structs.asdict(parsed)))


_CHECKSUM_OPTIONS: Final[dict[str, Any]] = {
    "crc32c": _NoOptions,
    "numcodecs.jenkins_lookup3": _Jenkins,
    "numcodecs.fletcher32": _NoOptions,
}


def _complete_blosc(stage: Blosc, itemsize: int) -> Blosc:
    shuffle = stage.shuffle
    if shuffle is None:
        shuffle = "bitshuffle" if itemsize == 1 else "shuffle"
    typesize = itemsize if stage.typesize is None else stage.typesize
    return msgspec.structs.replace(stage, shuffle=shuffle, typesize=typesize)
