"""Verified chunks on local disk, shared by all processes of a machine."""

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from vstore.errors import CorruptionError, InvalidInputError, VstoreError
from vstore.faces import pickled
from vstore.format.digest import verify
from vstore.storage.folder import Folder, make_folders
from vstore.storage.local_lock import is_locked_now
from vstore.storage.owners import others_may_write

_CHECK_EVERY = 32
"""The directory is measured each time a thirty-second of the limit has been written."""

_FULL = 0.9
"""How full the cache is after tidying."""

_STALE_SECONDS = 3600.0
_PAUSE_SECONDS = 30.0
"""How long nothing is written after the disk refused to take something."""

_TOUCH_SECONDS = 60.0


_FILE = re.compile("[0-9a-f]{64}")
_FOLDER = re.compile("[0-9a-f]{2}")
_TEMPORARY = re.compile("[0-9a-f]{32}")
"""The names of what is removed here; whatever has another name is not ours."""

_FAILURES = (OSError, VstoreError)


@pickled
@dataclass(slots=True, eq=False)
class DiskCache:
    """Encoded chunks as files named by digest, below a directory, up to about `nbytes`.

    What is read is verified again, so a file damaged by a crash or a full disk counts as
    absent and is removed. Any number of processes may use one directory, which each may
    overfill by a thirty-second part before it looks; what was used longest ago goes first.
    A disk that cannot be written is no error: nothing is kept then.

    Only the user can read what is kept, and a directory that others may write to is left alone,
    unless it `is_shared`. No link below it is followed.
    """

    directory: Path
    nbytes: int
    is_shared: bool = False
    hits: int = 0
    misses: int = 0
    _unmeasured: int = field(init=False)
    _paused_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        # The first thing that is written makes this process look how full the directory is.
        self._unmeasured = self.nbytes // _CHECK_EVERY

    def __reduce__(self) -> tuple[type["DiskCache"], tuple[Path, int, bool]]:
        return DiskCache, (self.directory, self.nbytes, self.is_shared)

    def check(self, root: Folder | None = None) -> None:
        """Refuse a directory that others may write to, if it is not to be shared.

        Raises:
            InvalidInputError: they may.
        """
        if not self.is_shared and others_may_write(
            self.directory, None if root is None else root.descriptor
        ):
            raise InvalidInputError(
                f"cache_dir={str(self.directory)!r} is a folder that other users may write to",
                code="folder-of-others",
                hint="choose a folder of your own, or share the cache with "
                "`vstore.reader.Reader(table, batch_size=256, cache_dir='cache', "
                "cache_shared=True)`",
            )

    def find(self, digest: bytes, nbytes: int) -> bytes | None:
        """Return the bytes of a chunk, of which there are `nbytes`, if they are here and whole."""
        name = digest.hex()
        try:
            with self._opened() as root, root.descend(["chunks", name[:2]]) as folder:
                try:
                    data = self._read(folder, name, nbytes)
                    verify(data, digest, what="")
                except CorruptionError:
                    folder.remove(name)
                    raise
        except _FAILURES:
            self.misses += 1
            return None
        self.hits += 1
        return data

    def has(self, digest: bytes) -> bool:
        """Return whether a chunk is here, without reading it."""
        name = digest.hex()
        try:
            with self._opened() as root, root.descend(["chunks", name[:2]]) as folder:
                found = folder.find(name)
        except _FAILURES:
            return False
        return found is not None and stat.S_ISREG(found.st_mode)

    def put(self, digest: bytes, data: bytes | memoryview) -> None:
        """Keep a chunk."""
        if time.monotonic() < self._paused_until:
            return
        try:
            self._write(digest.hex(), memoryview(data))
            self._unmeasured += len(data)
            if self._unmeasured >= self.nbytes // _CHECK_EVERY:
                self._unmeasured = 0
                self.tidy()
        except _FAILURES:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS

    def tidy(self) -> None:
        """Remove what was used longest ago while there is too much; one process at a time.

        Raises:
            OSError: the directory cannot be written.
        """
        with self._opened() as root, self._only_one(root) as is_mine:
            if not is_mine:
                return
            with suppress(*_FAILURES), root.enter("tmp") as temporaries:
                temporaries.sweep(_TEMPORARY, before=time.time() - _STALE_SECONDS)
            found = sorted(_files(root))
            total = sum(size for _, size, _ in found)
            if total <= self.nbytes:
                return
            for _, size, name in found:
                if total <= _FULL * self.nbytes:
                    break
                with suppress(*_FAILURES), root.descend(["chunks", name[:2]]) as folder:
                    folder.remove(name)
                total -= size

    @contextmanager
    def _opened(self) -> Iterator[Folder]:
        with Folder.open(str(self.directory)) as root:
            self.check(root)
            yield root

    def _read(self, folder: Folder, name: str, nbytes: int) -> bytes:
        """Return what a file holds; not more of it than it should."""
        descriptor = folder.open_file(name)
        with open(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if status.st_size != nbytes:
                raise CorruptionError(f"{name} has {status.st_size} bytes, not {nbytes}")
            data = file.read(nbytes)
            if time.time() - status.st_mtime > _TOUCH_SECONDS:
                with suppress(OSError):  # another user's
                    os.utime(descriptor)
        return data

    def _write(self, name: str, data: memoryview) -> None:
        folders, files = (0o777, 0o666) if self.is_shared else (0o700, 0o600)
        if not self.directory.exists():
            make_folders(str(self.directory), mode=folders)
        with (
            self._opened() as root,
            root.enter_or_make("tmp", mode=folders) as temporaries,
            root.enter_or_make("chunks", mode=folders) as chunks,
            chunks.enter_or_make(name[:2], mode=folders) as folder,
        ):
            temporary = uuid4().hex
            descriptor = temporaries.create_file(temporary, mode=files)
            try:
                with open(descriptor, "wb", buffering=0) as file:
                    while data:
                        data = data[file.write(data) :]
                temporaries.replace(temporary, folder, name)
            except BaseException:
                temporaries.remove(temporary)
                raise

    @contextmanager
    def _only_one(self, root: Folder) -> Iterator[bool]:
        """Hold the lock on tidying, which dies with its process; or yield False."""
        descriptor = root.open_lock("lock")
        try:
            yield is_locked_now(descriptor)
        finally:
            os.close(descriptor)


def _files(root: Folder) -> Iterator[tuple[float, int, str]]:
    """Yield when each file was used last, how large it is, and its name."""
    with suppress(*_FAILURES), root.enter("chunks") as chunks:
        with chunks.entries() as found:
            names = [entry.name for entry in found if _FOLDER.fullmatch(entry.name)]
        for name in names:
            with suppress(*_FAILURES), chunks.enter(name) as folder, folder.entries() as files:
                for file in files:
                    if _FILE.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                        with suppress(OSError):
                            status = file.stat(follow_symlinks=False)
                            yield status.st_mtime, status.st_size, file.name
