"""A directory that is held open: what is below is reached by descriptors, never through a link.

A name is looked up in a directory that is open already, so nobody can put a link in its place
between the check and the use.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from vstore.errors import NotFoundError, StorageError, UnsupportedStoreError

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_COMMON = _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_PASSING = _FOLDER | getattr(os, "O_PATH", 0)
"""Enough to go through a directory, even one whose names this process may not list."""

_READ = os.O_RDONLY | _COMMON | getattr(os, "O_NONBLOCK", 0)
"""Opening a FIFO would otherwise wait for its writer."""

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON
_LINKS = (errno.ELOOP, errno.EMLINK)
_IS_SUPPORTED = bool(_NOFOLLOW) and {os.open, os.unlink, os.rename, os.mkdir, os.stat} <= (
    os.supports_dir_fd
)


class Folder:
    """A directory, open until it is closed."""

    def __init__(self, path: str, descriptor: int) -> None:
        """Take over a descriptor; `path` is for messages only."""
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def open(cls, path: str) -> Self:
        """Open a directory by its path, in which links are followed.

        Raises:
            UnsupportedStoreError: the system cannot look up names in an open directory.
        """
        if not _IS_SUPPORTED:
            raise UnsupportedStoreError("folders of this system cannot be used safely by vstore")
        return cls(path, os.open(path, _PASSING))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.descriptor)

    @property
    def identity(self) -> tuple[int, int]:
        """What tells the directory from another of the same path."""
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino

    def enter(self, name: str) -> "Folder":
        """Open a directory in this one.

        Raises:
            StorageError: it is a link.
            OSError: it is not there, or is no directory.
        """
        try:
            descriptor = os.open(name, _PASSING | _NOFOLLOW, dir_fd=self.descriptor)
        except OSError as failure:
            self._refuse_link(name, failure)
            raise self._named(failure, name) from None
        return Folder(self._join(name), descriptor)

    def enter_or_make(self, name: str, *, mode: int = 0o777) -> "Folder":
        """Open a directory in this one, making it if it is not there."""
        try:
            return self.enter(name)
        except FileNotFoundError:
            with suppress(FileExistsError):
                self.make(name, mode=mode)
            return self.enter(name)
        except NotADirectoryError:
            raise in_the_way(self._join(name)) from None

    def make(self, name: str, *, mode: int = 0o777) -> None:
        """Make a directory in this one."""
        os.mkdir(name, mode, dir_fd=self.descriptor)

    @contextmanager
    def descend(self, names: list[str]) -> Iterator["Folder"]:
        """Yield the directory below this one that names lead to; this one stays open."""
        found = self
        try:
            for name in names:
                above, found = found, found.enter(name)
                if above is not self:
                    os.close(above.descriptor)
            yield found
        finally:
            if found is not self:
                os.close(found.descriptor)

    def open_file(self, name: str) -> int:
        """Return a descriptor of a regular file in this directory, to read from it.

        Raises:
            StorageError: it is a link.
            NotFoundError: it is something else that is no regular file.
        """
        try:
            descriptor = os.open(name, _READ, dir_fd=self.descriptor)
        except OSError as failure:
            self._refuse_link(name, failure)
            if failure.errno in (errno.ENXIO, errno.EOPNOTSUPP):  # a socket
                raise NotFoundError(f"{self._join(name)} is not a regular file") from None
            raise self._named(failure, name) from None
        return self._regular(descriptor, name)

    def open_lock(self, name: str) -> int:
        """Return a descriptor of a file to lock, made if it is not there.

        Only those who may write into this directory can open what is made here: a lock that
        every reader could take would let them stop all writers.

        Raises:
            StorageError: a link or something else is in the way.
        """
        flags = os.O_RDWR | _COMMON | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(name, flags | os.O_CREAT, 0o600, dir_fd=self.descriptor)
        except OSError as failure:
            self._refuse_link(name, failure)
            if failure.errno in (errno.EISDIR, errno.ENXIO, errno.EOPNOTSUPP):
                raise in_the_way(self._join(name), "file") from None
            raise self._named(failure, name) from None
        try:
            self._regular(descriptor, name)
        except NotFoundError:
            raise in_the_way(self._join(name), "file") from None
        self._keep_to_writers(descriptor)
        return descriptor

    def create_file(self, name: str, *, mode: int = 0o666) -> int:
        """Return a descriptor of a new file in this directory, to write to it."""
        return os.open(name, _WRITE, mode, dir_fd=self.descriptor)

    def replace(self, name: str, folder: "Folder", new_name: str) -> None:
        """Give a file another name, in place of what has that name now."""
        os.replace(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=folder.descriptor)

    def link(self, name: str, folder: "Folder", new_name: str) -> None:
        """Give a file one more name, which must be free."""
        here, there = self.descriptor, folder.descriptor
        os.link(name, new_name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)

    def find(self, name: str) -> os.stat_result | None:
        """Return what has a name in this directory, itself and not what a link leads to."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, name: str) -> None:
        """Remove a name, if it is there, of what is no directory."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def flush(self) -> None:
        """Make sure that the names in this directory survive a power cut."""
        descriptor = self._reopened()
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sweep(self, names: re.Pattern[str], *, before: float) -> None:
        """Remove regular files of such names that were last changed before a time."""
        with self.entries() as found:
            for entry in found:
                with suppress(OSError):
                    is_ours = names.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                    if is_ours and entry.stat(follow_symlinks=False).st_mtime < before:
                        self.remove(entry.name)

    @contextmanager
    def entries(self) -> Iterator[list[os.DirEntry[str]]]:
        """Yield what is in this directory; each can be asked while the block lasts."""
        descriptor = self._reopened()
        try:
            with os.scandir(descriptor) as found:
                yield list(found)
        finally:
            os.close(descriptor)

    def _reopened(self) -> int:
        return os.open(".", _FOLDER, dir_fd=self.descriptor)

    def _regular(self, descriptor: int, name: str) -> int:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise NotFoundError(f"{self._join(name)} is not a regular file")

    def _keep_to_writers(self, descriptor: int) -> None:
        """Let open a file whoever may write into this directory, and nobody else."""
        found, folder = os.fstat(descriptor), os.fstat(self.descriptor).st_mode
        wanted = 0o600 | (0o060 if folder & 0o020 else 0) | (0o006 if folder & 0o002 else 0)
        # A file with another name elsewhere is not only a lock.
        if stat.S_IMODE(found.st_mode) != wanted and found.st_nlink == 1:
            with suppress(OSError):  # another user's
                os.fchmod(descriptor, wanted)

    def _refuse_link(self, name: str, failure: OSError) -> None:
        """Raise if what could not be opened is a link: systems give different errors for that."""
        if failure.errno not in (*_LINKS, errno.ENOTDIR):
            return
        found = self.find(name)
        if found is not None and stat.S_ISLNK(found.st_mode):
            raise refuse_link(self.path, name) from None

    def _named(self, failure: OSError, name: str) -> OSError:
        """Return an error of the system with the whole path in it."""
        return OSError(failure.errno, failure.strerror, self._join(name))

    def _join(self, name: str) -> str:
        return os.path.join(self.path, name)


def make_folders(path: str, *, mode: int = 0o777) -> None:
    """Make a directory and its parents, flushing each parent that gained a name.

    `mode` is that of the directory itself.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent != path:
        make_folders(parent)
    with suppress(FileExistsError):
        os.mkdir(path, mode)
        with Folder.open(parent) as folder:
            folder.flush()
    if not os.path.isdir(path):
        raise in_the_way(path)


def refuse_link(path: str, name: str) -> StorageError:
    """Return the error for a link in a directory where vstore wants a file or a directory."""
    return StorageError(
        f"{os.path.join(path, name)} is a symbolic link; vstore does not follow links below the "
        "folder that it was given",
        hint="replace the link with what it points to",
    )


def in_the_way(path: str, what: str = "directory") -> StorageError:
    """Return the error for something that has the name of a file or directory of vstore."""
    return StorageError(f"{path} is in the way: a {what} of that name is needed")
