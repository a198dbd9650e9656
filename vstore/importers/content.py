"""The bytes of an input file, whatever they are wrapped in, read in order."""

import gzip
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from vstore.errors import InvalidInputError, NotFoundError

GZIP_MAGIC = b"\x1f\x8b"
_SKIP_NBYTES = 2**16


@dataclass(frozen=True, slots=True)
class Content:
    """A regular file, what a gzip file wraps, or one member of a zip file.

    `nbytes` is how much there is to read; None in gzip, which does not say.
    """

    path: Path
    nbytes: int | None
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}[{self.member}]"

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are in the file just as they are read."""
        return self.member is None and self.nbytes is not None

    @contextmanager
    def open(self) -> Iterator["Reader"]:
        """Open the bytes for reading from their start."""
        with ExitStack() as stack:
            with translated(self):
                stream = self._stream(stack)
            yield Reader(self, stream)

    def _stream(self, stack: ExitStack) -> IO[bytes]:
        if self.member is not None:
            archive = stack.enter_context(zipfile.ZipFile(self.path))
            return stack.enter_context(_open_member(archive, self.member))
        if self.nbytes is None:
            return cast("IO[bytes]", stack.enter_context(gzip.open(self.path, "rb")))
        return stack.enter_context(self.path.open("rb"))


class Reader:
    """Reads a content from start to end; every failure names the file."""

    def __init__(self, content: Content, stream: IO[bytes]) -> None:
        self._content = content
        self._stream = stream

    def read(self, nbytes: int) -> bytes:
        """Return the next bytes: fewer than asked for only at the end."""
        parts: list[bytes] = []
        with translated(self._content):
            while nbytes and (part := self._stream.read(nbytes)):
                parts.append(part)
                nbytes -= len(part)
        return b"".join(parts)

    def fill(self, buffer: memoryview) -> None:
        """Read exactly as much as the buffer holds, or raise `InvalidInputError`."""
        while len(buffer):
            with translated(self._content):
                count = self._stream.readinto(buffer)  # type: ignore[attr-defined]
            if not count:
                raise InvalidInputError(
                    f"{self._content} is truncated: {len(buffer):,} bytes and more are missing"
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
                f"{self._content} has more data after the array that its header describes"
            )


def open_content(path: str | os.PathLike[str]) -> Content:
    """Return the content of a regular file, unwrapped if it is gzip.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: a directory, or anything else that is no regular file.
    """
    where = Path(path)
    with translated(where):
        found = where.stat()
        if stat.S_ISDIR(found.st_mode):
            raise InvalidInputError(f"{where} is a directory", hint="name the files in it")
        if not stat.S_ISREG(found.st_mode):
            raise InvalidInputError(f"{where} is not a regular file, which importing needs")
        with where.open("rb") as stream:
            is_gzip = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return Content(where, None if is_gzip else found.st_size)


@contextmanager
def translated(what: object) -> Iterator[None]:
    """Turn what reading a file may raise into vstore's errors."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {what}", code="file-not-found") from None
    except EOFError:
        raise InvalidInputError(f"{what} is truncated: its compressed data ends early") from None
    except (zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as exc:
        raise InvalidInputError(f"{what} is damaged: {exc}") from exc
    except OSError as exc:
        raise InvalidInputError(f"cannot read {what}: {exc.strerror or exc}") from exc


def _open_member(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    try:
        return archive.open(member)
    except (NotImplementedError, RuntimeError) as exc:
        raise InvalidInputError(f"cannot read {archive.filename}[{member}]: {exc}") from exc
