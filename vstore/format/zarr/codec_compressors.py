"""The compressors: codecs from bytes to bytes whose output varies in size.

Each decodes either into a buffer of exactly the right size or to at most a given number of bytes,
and looks at the declared size before it allocates or decodes anything.
"""

import threading
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr.codec_extensions import extension
from vstore.format.zarr.codec_spec import Buffer
from vstore.format.zarr.codec_zstd import content_size
from vstore.lazy import lazy

if TYPE_CHECKING:
    import bz2
    import lzma
else:
    bz2, lzma = lazy("bz2"), lazy("lzma")

blosc, lz4, zstd = extension("blosc"), extension("lz4"), extension("zstd")

DECODE_ERRORS: Final = (
    *(ValueError, RuntimeError, TypeError, OSError, EOFError, OverflowError),
    zlib.error,
)
"""What the libraries behind the codecs raise on malformed input."""

_MAX_STREAMS: Final = 1024
_LZMA_MEMORY_NBYTES: Final = 2**28


class Compressor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the compressors share: their output's size depends on the input."""

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return None: it depends."""


def require_size(declared: int, expected: int) -> None:
    """Raise `CorruptionError` unless the two are equal."""
    if declared != expected:
        raise CorruptionError(f"the chunk declares {declared} bytes instead of {expected}")


def require_limit(declared: int, limit: int) -> None:
    """Raise `CorruptionError` if more is declared than is allowed."""
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
        require_limit(size.at_most if size.declared is None else size.declared, limit)
        content: bytes = zstd.decompress(data)
        return content

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode straight into `out`."""
        size = content_size(memoryview(data))
        if size.declared is not None:
            require_size(size.declared, out.nbytes)
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
        require_limit(_leading_length(data), limit)
        content: bytes = lz4.decompress(data)
        return content

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode straight into `out`."""
        require_size(_leading_length(data), out.nbytes)
        lz4.decompress(data, out)


def _leading_length(data: Buffer) -> int:
    if len(data) < 4:
        raise CorruptionError("the chunk is cut short")
    return int.from_bytes(memoryview(data)[:4], "little")


_SHUFFLES: Final = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


class Blosc(Compressor, frozen=True, forbid_unknown_fields=True):
    """Blosc 1; encodes on one thread, so that equal chunks stay equal."""

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
                "to run",
                code="blosc-threads",
                hint="set `numcodecs.blosc.use_threads = None`",
            )
        shuffle = self.shuffle if isinstance(self.shuffle, int) else _SHUFFLES[self.shuffle or ""]
        options = (self.cname.encode(), self.clevel, shuffle, self.blocksize, self.typesize)
        buffer: bytes = _encode_without_threads(data, *options)
        return buffer

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        require_limit(_blosc_nbytes(data), limit)
        content: bytes = blosc.decompress(data)
        return content

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode straight into `out`."""
        require_size(_blosc_nbytes(data), out.nbytes)
        blosc.decompress(data, out)


def _blosc_nbytes(data: Buffer) -> int:
    """Return the decoded size; Blosc itself trusts the encoded size in the header blindly."""
    if len(data) < 16:
        raise CorruptionError("the chunk is cut short")
    header = memoryview(data)
    if int.from_bytes(header[12:16], "little") != len(data):
        raise CorruptionError("the chunk is not as long as its Blosc header says")
    return int.from_bytes(header[4:8], "little")


def _encode_without_threads(data: Buffer, *options: Any) -> Any:
    """Make numcodecs' Blosc encode on one thread, since with several the bytes depend on timing.

    numcodecs decides by a global that belongs to the user and, where that is unset, uses threads
    on the main thread alone; so there the call is made on another thread. Decoded bytes are the
    same in any case, so decoding is left alone.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if blosc.use_threads is not None or not is_main:
        return blosc.compress(data, *options)
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(_attempt_encoding(data, *options)))
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def _attempt_encoding(data: Buffer, *options: Any) -> Any:
    try:
        return blosc.compress(data, *options)
    except DECODE_ERRORS as error:
        return error


class Zlib(Compressor, frozen=True, forbid_unknown_fields=True):
    """`numcodecs.zlib`."""

    window_bits: ClassVar[int] = 15

    level: Annotated[int, Meta(ge=-1, le=9)] = 1

    def encode(self, data: Buffer) -> Buffer:
        """Return one stream."""
        stream = zlib.compressobj(self.level, zlib.DEFLATED, self.window_bits)
        return stream.compress(data) + stream.flush()

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the content."""
        return _decode_streams(lambda: zlib.decompressobj(self.window_bits), data, limit)

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode and copy."""
        copy_into(self.decode(data, out.nbytes), out)


class Gzip(Zlib, frozen=True, forbid_unknown_fields=True):
    """`gzip`; without a time stamp, so that equal chunks stay equal."""

    window_bits: ClassVar[int] = 31


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
        copy_into(self.decode(data, out.nbytes), out)


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
        try:
            return _decode_streams(
                lambda: lzma.LZMADecompressor(self.format, memlimit=_LZMA_MEMORY_NBYTES),
                data,
                limit,
            )
        except lzma.LZMAError as error:
            raise CorruptionError(f"the chunk is malformed: {error}") from error

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode and copy."""
        copy_into(self.decode(data, out.nbytes), out)


def _decode_streams(start: Callable[[], Any], data: Buffer, limit: int) -> Buffer:
    """Decode streams that are back to back, making at most one byte more than `limit`."""
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


def copy_into(data: Buffer, out: NDArray[np.uint8]) -> None:
    """Copy if there is exactly enough, or raise `CorruptionError`."""
    require_size(len(data), out.nbytes)
    out[:] = np.frombuffer(data, np.uint8)
