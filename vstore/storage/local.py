"""Objects as files below a directory: durable when acknowledged, whole or absent after a crash."""

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from uuid import uuid4

from blake3 import blake3

from vstore.errors import (
    InvalidInputError,
    NotFoundError,
    StorageError,
    UnknownOutcomeError,
    UnsupportedStoreError,
)
from vstore.faces import exported_from
from vstore.storage.local_file import OpenFile, translated
from vstore.storage.ranges import check_range, too_short
from vstore.storage.store import Key, ObjectInfo, Version

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PRIVATE = ".vstore"
"""The one directory below the root that holds no objects: the lock file and temporary files."""

_STALE_SECONDS = 24 * 3600
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_CANNOT_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)

_durable: dict[str, tuple[int, int]] = {}
"""Directories whose entries in their parents this process flushed, by device and inode.

Of the process and not of a store: a program that opens a repository again for each commit
flushes them once all the same.
"""


@exported_from("vstore.storage")
class LocalStore:
    """Objects as files below `root`.

    A file is written to a temporary name, flushed to disk, then linked or renamed to its own
    name, and the directory is flushed: an acknowledged write survives a power cut, and a killed
    one leaves nothing that can be read or listed. Replacing and conditional deleting happen
    under a lock that the kernel drops when its process dies. An object's version is the BLAKE3
    of its content, so restored or copied files never look changed or unchanged by accident.
    Symbolic links below the root are never followed.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._swept = False

    @property
    def url(self) -> str:
        """The root directory's absolute path."""
        return self._root

    @property
    def is_local(self) -> bool:
        """True: no request waits for a network."""
        return True

    def __repr__(self) -> str:
        return f"LocalStore({self._root!r})"

    def __reduce__(self) -> tuple[type["LocalStore"], tuple[str]]:
        return LocalStore, (self._root,)

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        with translated(key, "read"), self._opened(key) as (descriptor, nbytes):
            return _read(descriptor, 0, nbytes)

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the object and the digest of its content, or raise `NotFoundError`."""
        data = self.get(key)
        return data, _version(data)

    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        """Return exactly `nbytes` bytes from `start`."""
        check_range(key, start, nbytes)
        if nbytes == 0:
            return b""
        with translated(key, "read"), self._opened(key) as (descriptor, size):
            if start + nbytes > size:
                raise too_short(key, start, nbytes, found=max(0, size - start))
            found = _read(descriptor, start, nbytes)
        if len(found) != nbytes:
            raise too_short(key, start, nbytes, found=len(found))
        return found

    def open(self, key: Key) -> OpenFile:
        """Return the object, open for reading, or raise `NotFoundError`."""
        with translated(key, "read"):
            path = self._require_file(key)
            return OpenFile(key, os.open(path, _READ))

    def put(self, key: Key, data: bytes) -> None:
        """Store an object whole or not at all, replacing what is there."""
        with self._written(key, data) as (temporary, path):
            os.replace(temporary, path)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version; return None, changing nothing, if it exists."""
        with self._written(key, data) as (temporary, path):
            if not self._link(temporary, path):
                return None
        return _version(data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version."""
        if not self._is_at(key, expected):
            return None
        with self._written(key, data) as (temporary, path), self._locked():
            if not self._is_at(key, expected):
                return None
            os.replace(temporary, path)
        return _version(data)

    def delete(self, key: Key) -> None:
        """Delete the object; deleting what is not there is not an error."""
        path = self._path(key)
        with suppress(NotFoundError), translated(key, "delete"):
            found = self._refuse_links(path)
            if found is not None and stat.S_ISREG(found.st_mode):
                with self._locked():
                    _unlink(path)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was."""
        with translated(key, "delete"):
            if not self._is_at(key, expected):
                return False
            with self._locked():
                if not self._is_at(key, expected):
                    return False
                path = self._path(key)
                _unlink(path)
                _flush_directory(os.path.dirname(path))
                return True

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the objects whose keys start with `prefix`, at any depth, in key order."""
        folder = prefix.rpartition("/")[0]
        with translated(Key(prefix), "list"):
            path = self._path(Key(folder)) if folder else self._root
            try:
                self._refuse_links(path)
            except (FileNotFoundError, NotADirectoryError):
                return
            yield from _walk(path, f"{folder}/" if folder else "", prefix)

    def _path(self, key: Key) -> str:
        parts = key.split("/")
        if parts[0] == _PRIVATE or any(part in ("", ".", "..") for part in parts) or "\0" in key:
            raise InvalidInputError(f"{key!r} cannot name an object in a local store")
        return os.path.join(self._root, *parts)

    def _refuse_links(self, path: str) -> os.stat_result | None:
        """Return what `path` is, refusing any symbolic link between the root and it.

        Checked by name on each use: it keeps a crafted repository from reaching outside, not
        someone who can rewrite the directory while it is being read.
        """
        found, here = None, self._root
        for part in path[len(self._root) :].split(os.sep)[1:]:
            here = f"{here}{os.sep}{part}"
            found = os.lstat(here)
            if stat.S_ISLNK(found.st_mode):
                raise StorageError(
                    f"{here} is a symbolic link; a store does not follow links below its root",
                    hint="replace the link with what it points to",
                )
        return found

    def _require_file(self, key: Key) -> str:
        path = self._path(key)
        found = self._refuse_links(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            raise NotFoundError(f"{self._root} holds no object {key!r}")
        return path

    @contextmanager
    def _opened(self, key: Key) -> Iterator[tuple[int, int]]:
        descriptor = os.open(self._require_file(key), _READ)
        try:
            yield descriptor, os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def _is_at(self, key: Key, expected: Version) -> bool:
        try:
            return self.get_versioned(key)[1] == expected
        except NotFoundError:
            return False

    @contextmanager
    def _written(self, key: Key, data: bytes) -> Iterator[tuple[str, str]]:
        """Yield a flushed temporary file and the path it is for; flush that path's directory."""
        path = self._path(key)
        with translated(key, "write"):
            folder = os.path.dirname(path)
            self._make_ready(folder)
            self._refuse_links(folder)
            temporary = self._write_temporary(data)
            try:
                yield temporary, path
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
        try:
            _flush_directory(folder)
        except OSError as failure:
            raise UnknownOutcomeError(
                f"{key!r} was written, but whether it would survive a power cut is unknown: "
                f"flushing {folder} failed ({failure.strerror})"
            ) from failure

    def _make_ready(self, folder: str) -> None:
        """Make a directory, at or below the root, that survives a power cut with what is in it.

        Each parent is flushed once, even if the directory is there: the process that
        made it may not have flushed it yet.
        """
        if folder in _durable and _durable[folder] == _identity(folder):
            return
        if folder == self._root:
            _make_directories(folder)
        else:
            parent = os.path.dirname(folder)
            self._make_ready(parent)
            self._refuse_links(parent)
            with suppress(FileExistsError):
                os.mkdir(folder)
            _require_directory(folder)
            _flush_directory(parent)
        identity = _identity(folder)
        if identity is not None:
            _durable[folder] = identity

    def _write_temporary(self, data: bytes) -> str:
        folder = os.path.join(self._root, _PRIVATE, "tmp")
        _make_directories(folder)
        if not self._swept:
            self._swept = True
            _sweep(folder)
        temporary = os.path.join(folder, uuid4().hex)
        try:
            with open(temporary, "xb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        return temporary

    def _link(self, temporary: str, path: str) -> bool:
        """Give the file its name unless the name is taken; return whether it was given."""
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as failure:
            if failure.errno not in _CANNOT_LINK:
                raise
            with self._locked():
                if os.path.lexists(path):
                    return False
                os.replace(temporary, path)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the store's lock; it belongs to the open file, so threads exclude each other too."""
        if fcntl is None:
            raise UnsupportedStoreError("a local store needs flock, which this system lacks")
        path = os.path.join(self._root, _PRIVATE, "lock")
        _make_directories(os.path.dirname(path))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _version(data: bytes) -> Version:
    return Version(blake3(data).hexdigest())


def _read(descriptor: int, start: int, nbytes: int) -> bytes:
    found = os.pread(descriptor, nbytes, start)
    if len(found) == nbytes:
        return found
    parts = [found]
    while found and (nbytes := nbytes - len(found)) > 0:
        start += len(found)
        found = os.pread(descriptor, nbytes, start)
        parts.append(found)
    return b"".join(parts)


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _identity(folder: str) -> tuple[int, int] | None:
    """Return what tells a directory from another of its name; None where there is none."""
    try:
        found = os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _make_directories(folder: str) -> None:
    """Create a directory and its parents, flushing each parent that gained an entry."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if parent != folder:
        _make_directories(parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
        _flush_directory(parent)
    _require_directory(folder)


def _require_directory(folder: str) -> None:
    if not os.path.isdir(folder):
        raise StorageError(f"{folder} is in the way: a directory of that name is needed")


def _flush_directory(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: str) -> None:
    """Remove what killed writers left behind, once it is too old to be in use."""
    oldest = time.time() - _STALE_SECONDS
    for entry in list(os.scandir(folder)):
        with suppress(OSError):
            if entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)


def _walk(folder: str, parent: str, prefix: str) -> Iterator[ObjectInfo]:
    """Yield the regular files below `folder` in the order of their whole keys.

    A directory sorts as its name and a slash, which is where the keys inside it belong.
    """
    try:
        with os.scandir(folder) as found:
            entries = [(parent + e.name + "/" * e.is_dir(follow_symlinks=False), e) for e in found]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in sorted(entries, key=lambda item: item[0]):
        if not (name.startswith(prefix) or prefix.startswith(name)) or name == f"{_PRIVATE}/":
            continue
        if name.endswith("/"):
            yield from _walk(entry.path, name, prefix)
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield ObjectInfo(Key(name), status.st_size, modified)
