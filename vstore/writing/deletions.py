"""Which rows of a table are marked as deleted while it is being changed."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Deletions:
    """The deleted rows of a table in a transaction, and which of them are new."""

    def __init__(self, deleted: Ints) -> None:
        self._before = deleted
        self._now = deleted

    @property
    def rows(self) -> Ints:
        """Every deleted row, ascending."""
        return self._now

    def add(self, rows: Ints) -> None:
        """Mark rows as deleted."""
        self._now = np.union1d(self._now, rows)

    def restore(self, rows: Ints) -> None:
        """Mark rows as live again."""
        self._now = np.setdiff1d(self._now, rows)

    @property
    def added(self) -> Ints:
        """The rows that were deleted since the base commit."""
        return np.setdiff1d(self._now, self._before)

    @property
    def restored(self) -> Ints:
        """The rows that were deleted in the base commit and live again."""
        return np.setdiff1d(self._before, self._now)
