"""What reading costs the worker processes of a dataset, for the process that asks.

Each worker process has a file of numbers. A worker that ends leaves its file to one that begins
later, so there are as many files as there were workers at a time.
"""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import astuple
from itertools import count
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from vstore.faces import pickled
from vstore.reader.statistics import ReaderStatistics
from vstore.torch.sharing import SharedFolder

if sys.platform != "win32":
    import fcntl

SECONDS = 0.1
"""How often a worker writes down its costs while it reads; it always does at the end of a pass."""

_NOTHING = ReaderStatistics(0, 0, 0, 0, 0, 0, 0.0)


@pickled
class Tally:
    """Adds up what reading costs this process and the worker processes of a dataset."""

    def __init__(self, folder: SharedFolder) -> None:
        self._folder = folder
        self._record: _Record | None = None
        self._due = 0.0

    def __getstate__(self) -> SharedFolder:
        return self._folder

    def __setstate__(self, state: SharedFolder) -> None:
        self.__init__(state)  # type: ignore[misc]

    def total(self, own: ReaderStatistics) -> ReaderStatistics:
        """Return what reading has cost all processes; in a worker, what it has cost that one."""
        if get_worker_info() is not None:
            return own
        return ReaderStatistics.total([own, *map(_read, self._folder.files("cost-*"))])

    def follow(
        self, batches: Generator[Any, None, None], costs: Callable[[], ReaderStatistics]
    ) -> Generator[Any, None, None]:
        """Yield the batches of a pass in a worker process, and write down what they cost."""
        try:
            with closing(batches):
                for batch in batches:
                    self.note(costs)
                    yield batch
        finally:
            self._due = 0.0
            self.note(costs)

    def note(self, costs: Callable[[], ReaderStatistics]) -> None:
        """Write down what reading has cost this worker process, unless that was done just now."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + SECONDS
        if self._record is None or self._record.pid != os.getpid():
            self._record = _Record(self._folder)
            # A worker that reads by position is not told when a pass ends.
            Finalize(None, self._record.write_last, args=(costs,), exitpriority=0)
        self._record.write(costs())


class _Record:
    """The file of one worker process, which it has locked while it lives."""

    def __init__(self, folder: SharedFolder) -> None:
        self.pid = os.getpid()
        self._descriptor, self._path = _claimed(folder)
        self._before = _read(self._path)

    def write(self, costs: ReaderStatistics) -> None:
        """Write down what this process has cost, added to what those before it have."""
        numbers = astuple(ReaderStatistics.total([self._before, costs]))
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, np.array(numbers, np.float64).tobytes())

    def write_last(self, costs: Callable[[], ReaderStatistics]) -> None:
        """Write down what this process has cost as it ends."""
        if self.pid == os.getpid():
            self.write(costs())


def _claimed(folder: SharedFolder) -> tuple[int, Path]:
    """Return a file that no process that lives has, and the descriptor that keeps it."""
    if sys.platform == "win32":
        path = folder.file(f"cost-{os.getpid()}")
        return os.open(path, os.O_RDWR | os.O_CREAT), path
    for number in count():
        path = folder.file(f"cost-{number}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor, path
    raise AssertionError


def _read(path: Path) -> ReaderStatistics:
    numbers = np.fromfile(path).tolist()
    kinds = [type(each) for each in astuple(_NOTHING)]
    if len(numbers) != len(kinds):  # claimed, and nothing is written down yet
        return _NOTHING
    return ReaderStatistics(*(kind(each) for kind, each in zip(kinds, numbers, strict=True)))
