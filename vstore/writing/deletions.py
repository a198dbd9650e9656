"""Which rows of a table are marked as deleted while it is being changed."""

from collections.abc import Sequence

import numpy as np

from vstore.format.deleted_rows import BLOCK_ROWS, DeletedRows, counts_of
from vstore.format.numbers import StoredRows


class Deletions:
    """The deleted rows of a table in a transaction, and which of them are new."""

    def __init__(self, before: DeletedRows) -> None:
        self._before = before
        self.added: StoredRows = np.zeros(0, np.int64)
        """The rows that were deleted since the base commit, ascending."""
        self.restored: StoredRows = np.zeros(0, np.int64)
        """The rows that were deleted in the base commit and live again, ascending."""
        self.rows = before
        """Every deleted row."""

    def add(self, rows: StoredRows) -> None:
        """Mark rows as deleted."""
        again = np.intersect1d(rows, self.restored)
        self.restored = np.setdiff1d(self.restored, again)
        fresh = np.setdiff1d(rows, again)
        self.added = np.union1d(self.added, fresh[~self._before.among(fresh)])
        self._renew()

    def restore(self, rows: StoredRows) -> None:
        """Mark rows as live again."""
        again = np.intersect1d(rows, self.added)
        self.added = np.setdiff1d(self.added, again)
        fresh = np.setdiff1d(rows, again)
        self.restored = np.union1d(self.restored, fresh[self._before.among(fresh)])
        self._renew()

    def _renew(self) -> None:
        before, added, restored = self._before, self.added, self.restored

        def load(blocks: Sequence[int]) -> list[StoredRows]:
            held = before.within(np.array(blocks, np.int64))
            rows = np.setdiff1d(np.union1d(held, added), restored)
            edges = np.array(blocks, np.int64) * BLOCK_ROWS
            bounds = np.searchsorted(rows, [edges, edges + BLOCK_ROWS]).T.tolist()
            return [rows[start:stop] for start, stop in bounds]

        self.rows = DeletedRows(counts_of(added, restored, before), load)
