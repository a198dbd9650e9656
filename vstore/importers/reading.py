"""Streams of files: unpacked, read exactly, with errors that name the file."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from vstore.errors import InvalidInputError, NotFoundError

_SKIP_NBYTES = 2**16
_PART_NBYTES = 2**20
MAGIC_NBYTES = 6
"""How many of a file's first bytes tell whether it is compressed."""

_UNPACK: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


def is_compressed(head: bytes) -> bool:
    """Return whether a file that begins so is gzip, bzip2 or xz."""
    return head.startswith(tuple(_UNPACK))


def unpacked(stream: BinaryIO, *, called: object) -> BinaryIO:
    """Return a stream of what a file holds, decompressed if it is gzip, bzip2 or xz.

    Every failure to read it is a `VstoreError` that names the file.
    """
    with translated(called):
        head = stream.read(MAGIC_NBYTES)
        stream.seek(0)
    unpack = next((made for magic, made in _UNPACK.items() if head.startswith(magic)), None)
    inner = stream if unpack is None else cast("BinaryIO", unpack(stream, "rb"))
    return io.BufferedReader(_Named(inner, stream, called), 2**16)


class _Named(io.RawIOBase):
    """A stream whose errors name the file."""

    def __init__(self, inner: BinaryIO, outer: BinaryIO, called: object) -> None:
        super().__init__()
        self._inner = inner
        self._outer = outer
        self._called = called

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether the file can be read in any order."""
        return self._inner.seekable()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes; return how many."""
        with translated(self._called):
            part = self._inner.read(min(len(buffer), _PART_NBYTES))
        buffer[: len(part)] = part
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on somewhere else."""
        with translated(self._called):
            return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Return where reading goes on."""
        return self._inner.tell()

    def close(self) -> None:
        """Close the file."""
        self._inner.close()
        self._outer.close()
        super().close()


class Reader:
    """Reads a stream from start to end, exactly."""

    def __init__(self, stream: BinaryIO, called: object) -> None:
        self._called = called
        self._stream = stream

    def read(self, nbytes: int) -> bytes:
        """Return the next bytes: fewer than asked for only at the end."""
        parts: list[bytes] = []
        while nbytes and (part := self._stream.read(nbytes)):
            parts.append(part)
            nbytes -= len(part)
        return b"".join(parts)

    def fill(self, buffer: memoryview) -> None:
        """Read exactly as much as the buffer holds, or raise `InvalidInputError`."""
        while len(buffer):
            count = self._stream.readinto(buffer)  # type: ignore[attr-defined]
            if not count:
                raise InvalidInputError(
                    f"{self._called} is truncated: {len(buffer):,} bytes and more are missing"
                )
            buffer = buffer[count:]

    def skip(self, nbytes: int) -> None:
        """Read past bytes that are there."""
        while nbytes > 0 and (part := self.read(min(nbytes, _SKIP_NBYTES))):
            nbytes -= len(part)

    def require_end(self) -> None:
        """Raise `InvalidInputError` unless everything was read; checks an archive's checksum."""
        if self.read(1):
            raise InvalidInputError(
                f"{self._called} has more data after the array that its header describes"
            )


@contextmanager
def translated(what: object) -> Iterator[None]:
    """Turn what reading a file may raise into vstore's errors."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {what}", code="file-not-found") from None
    except EOFError:
        raise InvalidInputError(f"{what} is truncated: its compressed data ends early") from None
    except (zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as exc:
        raise InvalidInputError(f"{what} is damaged: {exc}") from exc
    except OSError as exc:
        raise InvalidInputError(f"cannot read {what}: {exc.strerror or exc}") from exc
