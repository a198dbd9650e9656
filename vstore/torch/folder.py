"""A folder for what the processes of one dataset write down for each other."""

import os
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path


class SharedFolder:
    """Created when something is written, and removed with the object of the first process.

    Processes that are forked, or get a pickle, use the same folder.
    """

    def __init__(self) -> None:
        self._path = Path(tempfile.gettempdir()) / f"vstore-{secrets.token_hex(16)}"
        weakref.finalize(self, _remove, self._path, os.getpid())

    def __getstate__(self) -> Path:
        return self._path

    def __setstate__(self, state: Path) -> None:
        self._path = state

    def files(self, pattern: str) -> list[Path]:
        """Return the files whose names match; none before something is written."""
        return list(self._path.glob(pattern))

    def file(self, name: str) -> Path:
        """Return where a file of this name is to be written."""
        self._path.mkdir(mode=0o700, exist_ok=True)
        return self._path / name


def _remove(path: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(path, ignore_errors=True)
