"""A disk that forgets, at a power cut, whatever was not flushed to it.

Stands between a local store and the system, lets everything happen and writes it down. What
is on the disk after a cut follows from that: a file holds what it held when it was last
flushed, or anything shorter; a name is there if its directory was flushed since, or by chance.
"""

import errno
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from vstore.storage import folder, local, local_batch


@dataclass(eq=False)
class _File:
    data: bytes = b""
    flushed: bytes | None = None


@dataclass(eq=False)
class _Folder:
    """The names in a directory: those on the disk, and what was done since."""

    flushed: "dict[str, _File | _Folder]" = field(default_factory=dict)
    now: "dict[str, _File | _Folder]" = field(default_factory=dict)
    pending: "list[tuple[str, _File | _Folder | None]]" = field(default_factory=list)

    def change(self, name: str, entry: "_File | _Folder | None") -> None:
        self.pending.append((name, entry))
        _apply(self.now, name, entry)

    def flush(self) -> None:
        self.flushed, self.pending = dict(self.now), []


def _apply(names: "dict[str, _File | _Folder]", name: str, entry: "_File | _Folder | None") -> None:
    if entry is None:
        names.pop(name, None)
    else:
        names[name] = entry


class ForgetfulDisk:
    """The directory `root` as the disk below it knows it; it is empty at the beginning.

    `changes` counts what was done; `cut_at` makes the power go before that change.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root)
        self._top = _Folder()
        self._lock = threading.RLock()
        self._cut: tuple[int, random.Random, Path] | None = None
        self._unflushable: Counter[str] = Counter()
        self.changes = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Write down what local stores do."""
        with (
            patch.object(local, "os", _System(self)),
            patch.object(folder, "os", _System(self)),
            patch.object(local_batch, "os", _System(self)),
        ):
            yield

    def cut_at(self, change: int, *, seed: int, into: Path) -> None:
        """Write what would be on the disk to `into` just before a change is made."""
        self._cut = (change, random.Random(seed), into)

    def fail_to_flush(self, path: Path, *, times: int) -> None:
        """Fail the next attempts at flushing a file or directory."""
        self._unflushable[os.path.abspath(path)] = times

    def survive(self, into: Path, *, seed: int) -> None:
        """Write what would be on the disk if the power went now to `into`."""
        _write(self._top, into, random.Random(seed))

    def note(self, verb: str, *paths: str) -> None:
        """Write down a change that was made."""
        if verb in ("link", "replace"):
            source, target = (self._place(path) for path in paths)
            entry = source[0].now[source[1]]
            target[0].change(target[1], entry)
            if verb == "replace":
                source[0].change(source[1], None)
            return
        folder, name = self._place(paths[0])
        folder.change(name, _Folder() if verb == "mkdir" else None)

    def flush(self, path: str) -> None:
        if self._unflushable[path]:
            self._unflushable[path] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        entry = self._entry(path)
        if isinstance(entry, _Folder):
            entry.flush()
        else:
            entry.flushed = entry.data

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make one change with nobody else in between."""
        with self._lock:
            if self._cut is not None and self.changes == self._cut[0]:
                _write(self._top, self._cut[2], self._cut[1])
            self.changes += 1
            yield

    def _entry(self, path: str) -> _File | _Folder:
        relative = os.path.relpath(path, self._root)
        entry: _File | _Folder = self._top
        for name in () if relative == "." else relative.split(os.sep):
            assert isinstance(entry, _Folder)
            entry = entry.now[name]
        return entry

    def _place(self, path: str) -> tuple[_Folder, str]:
        folder = self._entry(os.path.dirname(path))
        assert isinstance(folder, _Folder)
        return folder, os.path.basename(path)

    def create(self, path: str) -> None:
        """Write down that a file was made."""
        folder, name = self._place(path)
        folder.change(name, _File())

    def write(self, path: str, data: bytes) -> None:
        """Write down what was written to a file."""
        entry = self._entry(path)
        assert isinstance(entry, _File)
        entry.data += data


class _System:
    """The module `os`, its changes written down."""

    def __init__(self, disk: ForgetfulDisk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        whole = _path(path, dir_fd)
        if not flags & os.O_CREAT or os.path.lexists(whole):
            return os.open(path, flags, mode, dir_fd=dir_fd)
        with self._disk.change():
            opened = os.open(path, flags, mode, dir_fd=dir_fd)
            self._disk.create(whole)
        return opened

    def write(self, descriptor: int, data: Any) -> int:
        with self._disk.change():
            written = os.write(descriptor, data)
            self._disk.write(_path(".", descriptor), bytes(data[:written]))
        return written

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        with self._disk.change():
            os.mkdir(path, mode, dir_fd=dir_fd)
            self._disk.note("mkdir", _path(path, dir_fd))

    def link(self, source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, **_: Any) -> None:
        with self._disk.change():
            os.link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            self._disk.note("link", _path(source, src_dir_fd), _path(target, dst_dir_fd))

    def replace(self, source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        with self._disk.change():
            os.replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            self._disk.note("replace", _path(source, src_dir_fd), _path(target, dst_dir_fd))

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        with self._disk.change():
            os.unlink(path, dir_fd=dir_fd)
            self._disk.note("unlink", _path(path, dir_fd))

    def fsync(self, descriptor: int) -> None:
        with self._disk.change():
            self._disk.flush(_path(".", descriptor))


def _path(name: str, descriptor: int | None) -> str:
    """Return the whole path of a name in a directory that is open, or of what is open."""
    if descriptor is None:
        return name
    return os.path.normpath(os.path.join(os.readlink(f"/proc/self/fd/{descriptor}"), name))


def _write(folder: _Folder, into: Path, chance: random.Random) -> None:
    into.mkdir()
    names = dict(folder.flushed)
    for name, entry in folder.pending:
        if chance.random() < 0.5:
            _apply(names, name, entry)
    for name, entry in names.items():
        if isinstance(entry, _Folder):
            _write(entry, into / name, chance)
        elif entry.flushed is not None:
            (into / name).write_bytes(entry.flushed)
        else:
            (into / name).write_bytes(entry.data[: chance.randint(0, len(entry.data))])
