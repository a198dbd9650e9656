"""Objects as files below a directory: durable when acknowledged, whole or absent after a crash."""

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from blake3 import blake3

from vstore.errors import InvalidInputError, NotFoundError, UnknownOutcomeError
from vstore.faces import exported_from
from vstore.storage import local_reserve
from vstore.storage.folder import Folder, in_the_way, make_folders, refuse_link
from vstore.storage.local_file import OpenFile, translated
from vstore.storage.local_lock import hold_lock
from vstore.storage.ranges import check_length, check_range, too_short
from vstore.storage.store import Key, ObjectInfo, Version

_PRIVATE = ".vstore"
"""The one directory below the root that holds no objects: the lock file and temporary files."""

_TEMPORARY = re.compile("[0-9a-f]{32}")
_STALE_SECONDS = 24 * 3600
_MOST_PARTS = 256
"""How deep objects may be below the root."""

_CANNOT_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)

DURABLE: dict[str, tuple[int, int]] = {}
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
    Symbolic links below the root are never followed, even if one is put there meanwhile: names
    are looked up in directories that are open already.
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
        with translated(key, "read"), self._opened(key) as descriptor:
            nbytes = os.fstat(descriptor).st_size
            check_length(key, nbytes)
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
        with translated(key, "read"), self._opened(key) as descriptor:
            size = os.fstat(descriptor).st_size
            if start + nbytes > size:
                raise too_short(key, start, nbytes, found=max(0, size - start))
            found = _read(descriptor, start, nbytes)
        if len(found) != nbytes:
            raise too_short(key, start, nbytes, found=len(found))
        return found

    def open(self, key: Key) -> OpenFile:
        """Return the object, open for reading, or raise `NotFoundError`."""
        with translated(key, "read"), self._place(key) as place:
            return OpenFile(key, place.folder.open_file(place.name))

    def put(self, key: Key, data: bytes) -> None:
        """Store an object whole or not at all, replacing what is there."""
        with self._written(key, data) as (temporary, place):
            temporary.replace(place)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version; return None, changing nothing, if it exists."""
        with self._written(key, data) as (temporary, place):
            if not self._link(temporary, place):
                return None
        return _version(data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version."""
        if not self._is_at(key, expected):
            return None
        with self._written(key, data) as (temporary, place), self._locked():
            if not self._is_at(key, expected):
                return None
            temporary.replace(place)
        return _version(data)

    def delete(self, key: Key) -> None:
        """Delete the object; deleting what is not there is not an error."""
        with suppress(NotFoundError), translated(key, "delete"), self._place(key) as place:
            found = place.folder.find(place.name)
            if found is not None and stat.S_ISLNK(found.st_mode):
                raise refuse_link(place.folder.path, place.name)
            if found is not None and stat.S_ISREG(found.st_mode):
                with self._locked():
                    place.folder.remove(place.name)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was."""
        with translated(key, "delete"):
            if not self._is_at(key, expected):
                return False
            with self._locked(), self._place(key) as place:
                if not self._is_at(key, expected):
                    return False
                place.folder.remove(place.name)
                place.folder.flush()
                return True

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the objects whose keys start with `prefix`, at any depth, in key order."""
        above = prefix.rpartition("/")[0]
        pending: list[str | ObjectInfo] = [f"{above}/" if above else ""]
        if above:
            self._parts(above)
        while pending:
            found = pending.pop()
            if isinstance(found, ObjectInfo):
                yield found
            else:
                with translated(Key(prefix), "list"):
                    pending.extend(reversed(self._list(found, prefix)))

    def _list(self, folder: str, prefix: str) -> list[str | ObjectInfo]:
        """Return a directory's objects, and its directories by name, in the order of their keys.

        A directory sorts as its name and a slash, which is where the keys inside it belong.
        """
        names, found = folder.split("/")[:-1], dict[str, str | ObjectInfo]()
        if len(names) >= _MOST_PARTS:
            return []
        try:
            with (
                Folder.open(self._root) as root,
                root.descend(names) as opened,
                opened.entries() as entries,
            ):
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    name = folder + entry.name + "/" * is_folder
                    is_wanted = name.startswith(prefix) or prefix.startswith(name)
                    if is_folder and is_wanted and name != f"{_PRIVATE}/":
                        found[name] = name
                    elif is_wanted and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            found[name] = _info(name, entry.stat(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [found[name] for name in sorted(found)]

    def _parts(self, key: str) -> list[str]:
        parts = key.split("/")
        is_outside = parts[0] == _PRIVATE or any(part in ("", ".", "..") for part in parts)
        if is_outside or "\0" in key or len(parts) > _MOST_PARTS:
            raise InvalidInputError(f"{key!r} cannot name an object in a local store")
        return parts

    @contextmanager
    def _place(self, key: Key) -> Iterator["_Place"]:
        """Yield the directory of an object, open, and its name there."""
        *above, name = self._parts(key)
        with Folder.open(self._root) as root, root.descend(above) as folder:
            yield _Place(folder, name)

    @contextmanager
    def _opened(self, key: Key) -> Iterator[int]:
        with self._place(key) as place:
            descriptor = place.folder.open_file(place.name)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _is_at(self, key: Key, expected: Version) -> bool:
        try:
            return self.get_versioned(key)[1] == expected
        except NotFoundError:
            return False

    @contextmanager
    def _written(self, key: Key, data: bytes) -> Iterator[tuple["_Place", "_Place"]]:
        """Yield a flushed temporary file and the place it is for; flush that directory."""
        *above, name = self._parts(key)
        with translated(key, "write"):
            make_folders(self._root)
            with Folder.open(self._root) as root, ExitStack() as opened:
                try:
                    temporary, folder = self._begun(root, above, data, opened)
                except OSError as failure:
                    if not local_reserve.may_use(key, failure) or not self._has_given_up(root):
                        raise
                    temporary, folder = self._begun(root, above, data, opened)
                try:
                    yield temporary, _Place(folder, name)
                finally:
                    temporary.folder.remove(temporary.name)
                try:
                    self._keep_names(folder)
                except OSError as failure:
                    raise UnknownOutcomeError(
                        f"{key!r} was written, but whether it would survive a power cut is "
                        f"unknown: flushing {folder.path} failed ({failure.strerror})"
                    ) from failure

    def _keep_names(self, folder: Folder) -> None:
        """Make the names in a directory survive a power cut, before they are acknowledged."""
        folder.flush()

    @contextmanager
    def _made(self, folder: Folder, names: list[str]) -> Iterator[Folder]:
        """Yield a directory below another that survives a power cut with what is in it.

        Each parent is flushed once, even if the directory is there: the process that made it may
        not have flushed it yet.
        """
        if not names:
            yield folder
            return
        with folder.enter_or_make(names[0]) as below:
            identity = below.identity
            if DURABLE.get(below.path) != identity:
                self._keep_names(folder)
                self._note_kept(below.path, identity)
            with self._made(below, names[1:]) as found:
                yield found

    def _note_kept(self, path: str, identity: tuple[int, int]) -> None:
        DURABLE[path] = identity

    def _begun(
        self, root: Folder, above: list[str], data: bytes, opened: ExitStack
    ) -> tuple["_Place", Folder]:
        """Return a flushed temporary file, and the directory where it is to go."""
        folder = opened.enter_context(self._made(root, above))
        temporaries = opened.enter_context(self._temporaries(root))
        return _Place(temporaries, _write_temporary(temporaries, data)), folder

    def _has_given_up(self, root: Folder) -> bool:
        with root.enter(_PRIVATE) as private:
            return local_reserve.give_up(private)

    @contextmanager
    def _temporaries(self, root: Folder) -> Iterator[Folder]:
        """Yield the directory for temporary files, rid of what killed writers left behind."""
        with root.enter_or_make(_PRIVATE) as private, private.enter_or_make("tmp") as folder:
            if not self._swept:
                self._swept = True
                folder.sweep(_TEMPORARY, before=time.time() - _STALE_SECONDS)
                local_reserve.set_aside(private)
            yield folder

    def _link(self, temporary: "_Place", place: "_Place") -> bool:
        """Give the file its name unless the name is taken; return whether it was given."""
        try:
            temporary.folder.link(temporary.name, place.folder, place.name)
        except FileExistsError:
            return self._is_taken(place)
        except OSError as failure:
            if failure.errno not in _CANNOT_LINK:
                raise
            with self._locked():
                if place.folder.find(place.name) is not None:
                    return self._is_taken(place)
                temporary.replace(place)
        return True

    def _is_taken(self, place: "_Place") -> bool:
        """Return False for a name that an object has; what else has it never goes away.

        Raises:
            StorageError: a directory, a link or a device has the name.
        """
        found = place.folder.find(place.name)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise in_the_way(os.path.join(place.folder.path, place.name), "file")
        return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the store's lock; it belongs to the open file, so threads exclude each other too."""
        with Folder.open(self._root) as root, root.enter_or_make(_PRIVATE) as private:
            descriptor = private.open_lock("lock")
        try:
            hold_lock(descriptor, os.path.join(self._root, _PRIVATE, "lock"))
            yield
        finally:
            os.close(descriptor)


class _Place(NamedTuple):
    """A name in an open directory."""

    folder: Folder
    name: str

    def replace(self, other: "_Place") -> None:
        """Move what is here there, in place of what has that name."""
        self.folder.replace(self.name, other.folder, other.name)


def _write_temporary(folder: Folder, data: bytes) -> str:
    """Return the name of a new file that holds `data`, flushed."""
    name = uuid4().hex
    descriptor = folder.create_file(name)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except BaseException:
        folder.remove(name)
        raise
    finally:
        os.close(descriptor)
    return name


def _info(name: str, status: os.stat_result) -> ObjectInfo:
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(Key(name), status.st_size, modified)


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
