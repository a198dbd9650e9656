"""How many batches a program has taken of those that worker processes make ahead of it.

A `DataLoader` asks its workers for `prefetch_factor` batches each when a pass begins, and for one
more whenever one is taken. So what all workers were asked for together says how many were taken.
"""

import os
import struct
from pathlib import Path

_RECORD = struct.Struct("=qq")

PREFETCH_FACTOR = 2
"""That of a `DataLoader` for which no other is known."""


class Asks:
    """What the workers of one pass were asked for; each writes down its own part of a file."""

    def __init__(self, path: Path, worker: int, workers: int, prefetch_factor: int) -> None:
        self._path = path
        self._worker = worker
        self._workers = workers
        self._prefetch_factor = prefetch_factor

    def count(self, asked: int, *, is_over: bool) -> bool:
        """Note how often this worker was asked; return whether a second batch was taken.

        `is_over` says that this worker has none left. Where all have none, it was.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.lseek(descriptor, self._worker * _RECORD.size, os.SEEK_SET)
            os.write(descriptor, _RECORD.pack(asked, is_over))
            os.lseek(descriptor, 0, os.SEEK_SET)
            known = os.read(descriptor, self._workers * _RECORD.size)
        finally:
            os.close(descriptor)
        whole = known.ljust(self._workers * _RECORD.size, b"\0")
        asks, ends = map(sum, zip(*_RECORD.iter_unpack(whole), strict=True))
        # What one that ended was asked for besides goes to nobody; another one is asked instead.
        ahead = self._prefetch_factor * self._workers - ends * (self._prefetch_factor - 2)
        return ends == self._workers or asks - ahead > 1
