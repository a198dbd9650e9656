"""Where the files of a source are: on this machine, behind fsspec, in an archive, in memory."""

import io
import os
import shutil
import stat
import tarfile
import tempfile
import weakref
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from vstore.errors import InvalidInputError, NotFoundError
from vstore.importers.reading import translated

if TYPE_CHECKING:
    from vstore.storage.foreign import ForeignFiles


class Place(Protocol):
    """Opens files by their names in it. It pickles."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, as it is stored."""

    def shown(self, name: str) -> str:
        """Return what an error calls a file."""

    def local(self, name: str) -> Path | None:
        """Return the path of a file on this machine; None if it is elsewhere, or in an archive."""


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """Files of this machine, named by their paths."""

    def open(self, name: str) -> BinaryIO:
        """Open a file."""
        with translated(name):
            return open(name, "rb")

    def shown(self, name: str) -> str:
        """Return the path."""
        return name

    def local(self, name: str) -> Path | None:
        """Return the path."""
        return Path(name)


@dataclass(frozen=True, slots=True)
class ForeignPlace:
    """Files behind fsspec."""

    files: "ForeignFiles"

    def open(self, name: str) -> BinaryIO:
        """Open a file."""
        return self.files.open(name)

    def shown(self, name: str) -> str:
        """Return the address without secrets, followed by what the file is called in it."""
        whole, rest = str(self.files), name.removeprefix(self.files.path).strip("/")
        return f"{whole.rstrip('/')}/{rest}" if rest and not whole.endswith(rest) else whole

    def local(self, name: str) -> Path | None:  # noqa: ARG002 - nothing is on this machine
        """Return None."""
        return None


class Archive:
    """The files in a zip or tar archive, which is on this machine, perhaps as a copy.

    `called` is what errors call the archive. Where `is_copy`, it is deleted with this object.
    """

    def __init__(self, path: Path, called: str, *, is_copy: bool = False) -> None:
        self._path = path
        self._called = called
        self._lock = Lock()
        self._zip: zipfile.ZipFile | None = None
        self._members: dict[str, tuple[int, int]] | None = None
        if is_copy:
            weakref.finalize(self, path.unlink, missing_ok=True)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self._path, "called": self._called, "members": self._members}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["called"])  # type: ignore[misc]
        self._members = state["members"]

    @property
    def is_tar(self) -> bool:
        """Whether it is a tar archive, which has an order."""
        return self._members is not None

    def shown(self, name: str) -> str:
        """Return the archive with the name in brackets."""
        return f"{self._called}[{name}]"

    def local(self, name: str) -> Path | None:  # noqa: ARG002 - members are no files
        """Return None."""
        return None

    def files(self) -> list[tuple[str, int, float | None]]:
        """Return names, sizes and times of the files in it.

        Raises:
            InvalidInputError: the archive is damaged.
        """
        with translated(self._called):
            if zipfile.is_zipfile(self._path):
                infos = self._opened().infolist()
                kept = {info.filename: info.file_size for info in infos if _is_file(info)}
                return [(name, size, None) for name, size in kept.items()]
            return self._tar_files()

    def _tar_files(self) -> list[tuple[str, int, float | None]]:
        found: dict[str, tuple[str, int, float | None]] = {}
        self._members = {}
        try:
            with tarfile.open(self._path, "r:") as archive:
                for member in archive:
                    if member.isreg() and not member.issparse():
                        name = member.name.removeprefix("./")
                        self._members[name] = (member.offset_data, member.size)
                        found[name] = (name, member.size, float(member.mtime))
        except tarfile.TarError as exc:
            raise InvalidInputError(f"{self._called} is damaged: {exc}") from exc
        return list(found.values())

    def open(self, name: str) -> BinaryIO:
        """Open a member."""
        with translated(self.shown(name)):
            if self._members is not None:
                start, nbytes = self._members[name]
                return io.BufferedReader(_Part(open(self._path, "rb"), start, nbytes))
            try:
                return cast("BinaryIO", self._opened().open(name))
            except (NotImplementedError, RuntimeError) as exc:
                raise InvalidInputError(f"cannot read {self.shown(name)}: {exc}") from exc

    def _opened(self) -> zipfile.ZipFile:
        with self._lock:
            if self._zip is None:
                # Closed with this object, even if a member of it was never closed.
                stream = open(self._path, "rb")  # noqa: SIM115
                weakref.finalize(self, stream.close)
                self._zip = zipfile.ZipFile(stream)
            return self._zip


def _is_file(info: zipfile.ZipInfo) -> bool:
    return not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16)


class _Part(io.RawIOBase):
    """A part of a file, read as if it were the whole."""

    def __init__(self, stream: BinaryIO, start: int, nbytes: int) -> None:
        super().__init__()
        self._stream = stream
        self._start = start
        self._nbytes = nbytes
        self._at = 0
        stream.seek(start)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes."""
        wanted = min(len(buffer), self._nbytes - self._at)
        part = self._stream.read(wanted)
        if len(part) < wanted:
            raise EOFError
        buffer[:wanted] = part
        self._at += wanted
        return wanted

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on somewhere else."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._nbytes}[whence]
        self._at = max(0, min(self._nbytes, base + offset))
        self._stream.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        """Return where reading goes on."""
        return self._at

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()


@dataclass(slots=True)
class Spool:
    """What was read from a stream that cannot be read twice, in a file that is deleted at the end.

    The file is removed when the last reference in this process goes.
    """

    called: str
    path: Path
    _keeper: Any = field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Spool, (self.called, self.path)

    def open(self, name: str) -> BinaryIO:  # noqa: ARG002 - there is one file
        """Open it."""
        with translated(self.called):
            return self.path.open("rb")

    def shown(self, name: str) -> str:  # noqa: ARG002
        """Return what the stream is called."""
        return self.called

    def local(self, name: str) -> Path | None:  # noqa: ARG002
        """Return the path of the copy."""
        return self.path


class _Keeper:
    """Deletes a file when it goes."""

    def __init__(self, path: Path) -> None:
        weakref.finalize(self, path.unlink, missing_ok=True)


def spooled(stream: IO[bytes], called: str) -> Spool:
    """Copy what a stream has left to a temporary file."""
    path = copied(stream, called)
    return Spool(called, path, _Keeper(path))


def copied(stream: IO[bytes], called: str) -> Path:
    """Copy a stream to a temporary file, and return its path."""
    with tempfile.NamedTemporaryFile(prefix="vstore-", delete=False) as file:
        path = Path(file.name)
        try:
            with translated(called):
                shutil.copyfileobj(stream, file, 2**20)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path


def regular(path: str) -> os.stat_result | None:
    """Return what is known of a regular file; None for a folder.

    Raises:
        NotFoundError: nothing is there.
        InvalidInputError: it is neither.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}", code="file-not-found") from None
    except (OSError, ValueError) as exc:
        raise InvalidInputError(f"cannot read {path}: {exc}") from exc
    if stat.S_ISDIR(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInputError(f"{path} is not a regular file, which importing needs")
    return found
