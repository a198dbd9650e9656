"""What the worker processes of a `DataLoader` share with the process that starts them.

A process that is started otherwise, one of several ranks for example, shares nothing: what it
inherits by a fork, or gets as a pickle, becomes its own at once.
"""

import os
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Protocol

from vstore.faces import pickled
from vstore.torch.callers import is_starting_worker


class Shared(Protocol):
    """Something of this process that worker processes use, too."""

    def part(self) -> None:
        """Share it no longer with the process that this one was forked from."""


_inherited: "weakref.WeakSet[Any]" = weakref.WeakSet()


def share(shared: Shared) -> None:
    """Share something with worker processes, and with no others that are forked."""
    _inherited.add(shared)


def _part() -> None:
    if not is_starting_worker():
        for shared in list(_inherited):
            shared.part()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_part)


@pickled
class SharedFolder:
    """A folder for what processes write down for each other.

    It is created when something is written, and removed with the object of the first process.
    """

    def __init__(self) -> None:
        self.part()
        share(self)

    def part(self) -> None:
        """Begin with a folder of this process."""
        self._path = Path(tempfile.gettempdir()) / f"vstore-{secrets.token_hex(16)}"
        weakref.finalize(self, _remove, self._path, os.getpid())

    def __reduce__(self) -> tuple[Any, ...]:
        return (_at, (self._path,)) if is_starting_worker() else (SharedFolder, ())

    def files(self, pattern: str) -> list[Path]:
        """Return the files whose names match; none before something is written."""
        return list(self._path.glob(pattern))

    def file(self, name: str) -> Path:
        """Return where a file of this name is to be written."""
        self._path.mkdir(mode=0o700, exist_ok=True)
        return self._path / name


def _at(path: Path) -> SharedFolder:
    """Return the folder at a path, which is that of another process."""
    folder = SharedFolder.__new__(SharedFolder)
    folder._path = path  # noqa: SLF001 - of the same module
    share(folder)
    return folder


def _remove(path: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(path, ignore_errors=True)
