"""Which rows of a table are deleted, in blocks that are read when they are asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.numbers import ChunkNumbers, Ints, StoredRows

BLOCK_ROWS = 2**20
"""How many rows a block has; as many are marked in one chunk of the array of marks."""

LoadBlocks = Callable[[Sequence[int]], list[StoredRows]]
"""Return the deleted rows of some blocks, each ascending."""


class DeletedRows:
    """Deleted rows: how many there are in each block, and which, once that matters."""

    def __init__(self, counts: Any, load: LoadBlocks) -> None:
        self.counts: Ints = np.asarray(counts, np.int64)
        self.before: Ints = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)
        self._load = load
        self._kept: dict[int, StoredRows] = {}

    @classmethod
    def of(cls, rows: StoredRows) -> "DeletedRows":
        """Return deleted rows that are known, given in ascending order."""
        counts = np.bincount(rows // BLOCK_ROWS)
        bounds = np.concatenate([[0], np.cumsum(counts)]).tolist()
        return cls(counts, lambda blocks: [rows[bounds[b] : bounds[b + 1]] for b in blocks])

    def __len__(self) -> int:
        return int(self.before[-1])

    def within(self, blocks: ChunkNumbers) -> StoredRows:
        """Return the deleted rows in some blocks, given in ascending order."""
        wanted = [b for b in blocks.tolist() if b < len(self.counts) and self.counts[b]]
        missing = [b for b in wanted if b not in self._kept]
        if missing:
            for block, rows in zip(missing, self._load(missing), strict=True):
                if len(rows) != self.counts[block]:
                    raise FormatError(
                        f"{len(rows)} of the rows from {block * BLOCK_ROWS} on are deleted, not "
                        f"{self.counts[block]} as the table says"
                    )
                self._kept[block] = rows
        return np.concatenate([np.zeros(0, np.int64), *(self._kept[b] for b in wanted)])

    def all(self) -> StoredRows:
        """Return every deleted row, ascending."""
        return self.within(np.arange(len(self.counts)))

    def among(self, rows: StoredRows) -> NDArray[np.bool_]:
        """Tell which of some rows are deleted."""
        if not len(self) or not len(rows):
            return np.zeros(len(rows), bool)
        return np.isin(rows, self.within(np.unique(rows // BLOCK_ROWS)))

    def first_live(self) -> Ints:
        """Return, for each block and for what follows the last, how many live rows precede it."""
        found: Ints = np.arange(len(self.before)) * BLOCK_ROWS - self.before
        return found


def counts_of(deleted: StoredRows, restored: StoredRows, base: DeletedRows) -> Ints:
    """Return the counts of `base` with some rows deleted and others live again."""
    blocks = int(deleted[-1]) // BLOCK_ROWS + 1 if len(deleted) else 0
    counts = np.zeros(max(blocks, len(base.counts)), np.int64)
    counts[: len(base.counts)] = base.counts
    counts += np.bincount(deleted // BLOCK_ROWS, minlength=len(counts))
    counts -= np.bincount(restored // BLOCK_ROWS, minlength=len(counts))
    return counts[: int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0]


NONE_DELETED = DeletedRows.of(np.zeros(0, np.int64))
