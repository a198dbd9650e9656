"""Verified chunks on local disk, shared by all processes of a machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from vstore.errors import CorruptionError
from vstore.format.digest import verify

if sys.platform != "win32":
    import fcntl

_CHECK_EVERY = 32
"""The directory is measured each time a thirty-second of the limit has been written."""

_FULL = 0.9
"""How full the cache is after tidying."""

_STALE_SECONDS = 3600.0
_PAUSE_SECONDS = 30.0
"""How long nothing is written after the disk refused to take something."""

_TOUCH_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class DiskCache:
    """Encoded chunks as files named by digest, below a directory, up to about `nbytes`.

    What is read is verified again, so a file damaged by a crash or a full disk counts as
    absent and is removed. Any number of processes may use one directory, which each may
    overfill by a thirty-second part before it looks; what was used longest ago goes first.
    A disk that cannot be written is no error: nothing is kept then.
    """

    directory: Path
    nbytes: int
    hits: int = 0
    misses: int = 0
    _unmeasured: int = field(init=False)
    _paused_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        # The first thing that is written makes this process look how full the directory is.
        self._unmeasured = self.nbytes // _CHECK_EVERY

    def find(self, digest: bytes) -> bytes | None:
        """Return a chunk's bytes if they are here, and whole."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
            verify(data, digest, what="")
            if time.time() - path.stat().st_mtime > _TOUCH_SECONDS:
                os.utime(path)
        except OSError:
            self.misses += 1
            return None
        except CorruptionError:
            self.misses += 1
            with suppress(OSError):
                path.unlink()
            return None
        self.hits += 1
        return data

    def has(self, digest: bytes) -> bool:
        """Return whether a chunk is here, without reading it."""
        return self._path(digest).exists()

    def put(self, digest: bytes, data: bytes | memoryview) -> None:
        """Keep a chunk."""
        if time.monotonic() < self._paused_until:
            return
        path = self._path(digest)
        temporary = self.directory / "tmp" / uuid4().hex
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            os.replace(temporary, path)
            self._unmeasured += len(data)
            if self._unmeasured >= self.nbytes // _CHECK_EVERY:
                self._unmeasured = 0
                self.tidy()
        except OSError:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            with suppress(OSError):
                temporary.unlink()

    def tidy(self) -> None:
        """Remove what was used longest ago while there is too much; one process at a time.

        Raises:
            OSError: the directory cannot be written.
        """
        with self._only_one() as is_mine:
            if not is_mine:
                return
            self._remove_stale()
            found = sorted(self._files())
            total = sum(size for _, size, _ in found)
            if total <= self.nbytes:
                return
            for _, size, path in found:
                if total <= _FULL * self.nbytes:
                    break
                with suppress(OSError):
                    os.unlink(path)
                total -= size

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self.directory / "chunks" / name[:2] / name

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Yield when each file was used last, how large it is, and where."""
        for folder in _entries(self.directory / "chunks"):
            for file in _entries(folder.path):
                with suppress(OSError):
                    status = file.stat()
                    yield status.st_mtime, status.st_size, file.path

    def _remove_stale(self) -> None:
        """Remove what a process left half-written when it was killed."""
        for file in _entries(self.directory / "tmp"):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > _STALE_SECONDS:
                    os.unlink(file.path)

    @contextmanager
    def _only_one(self) -> Iterator[bool]:
        """Hold the lock on tidying, which dies with its process; or yield False."""
        if sys.platform == "win32":
            yield True
            return
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
