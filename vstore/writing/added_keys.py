"""The keys that a transaction adds to a table, in little memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import ChunkNumbers, Ints, StoredRows
from vstore.format.table import key_index
from vstore.format.table.key_index import Marks
from vstore.format.table.sample_keys import KeyKind
from vstore.reading.key_rows import Beginning

RECENT = 2**16
"""How many keys are kept as they are; of all others a mark and a row, 16 bytes."""


class AddedKeys:
    """Finds the rows of keys that were added, and tells what an index is to say of them.

    `read` returns the stored keys of some rows: a mark alone is never taken for a key.
    """

    def __init__(self, kind: KeyKind | None, read: Callable[[StoredRows], NDArray[Any]]) -> None:
        self._kind = kind
        self._read = read
        self._recent: dict[Any, int] = {}
        self._batches: list[tuple[NDArray[Any], int]] = []
        self._runs: list[tuple[Marks, StoredRows]] = []
        self._below: list[tuple[Marks, StoredRows]] = []

    def __len__(self) -> int:
        return len(self._recent) + sum(len(marks) for marks, _ in self._runs)

    def add(self, stored: NDArray[Any], first_row: int) -> None:
        """Take the keys of new rows, as they are stored."""
        self._recent |= {key: row for row, key in enumerate(stored.tolist(), first_row)}
        self._batches.append((stored, first_row))
        if len(self._recent) > RECENT:
            self._settle()

    def find(self, stored: NDArray[Any]) -> tuple[Ints, StoredRows]:
        """Return pairs (i, row): the row holds the i-th key. A row deleted since may, too."""
        recent = [self._recent.get(key, -1) for key in stored.tolist()]
        rows = np.array(recent, np.int64)
        which = np.flatnonzero(rows >= 0)
        if not self._runs:
            return which, rows[which]
        found = [(which, rows[which])]
        marks = key_index.marks_of_keys(stored)
        for held, at in self._runs:
            first = np.searchsorted(held, marks, "left")
            counts = np.searchsorted(held, marks, "right") - first
            if counts.any():
                found.append(
                    (np.repeat(np.arange(len(marks)), counts), at[key_index.ranges(first, counts)])
                )
        which, rows = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not len(rows):
            return which, rows
        is_right = self._read(rows) == stored[which]
        return which[is_right], rows[is_right]

    def find_below(self, prefix: tuple[int | str, ...]) -> StoredRows:
        """Return the rows whose tuple keys begin with `prefix`, deleted ones too."""
        begins = Beginning(prefix)
        found = [np.array([row for key, row in self._recent.items() if begins(key)], np.int64)]
        (mark,) = key_index.marks_of([begins.whole])
        for held, at in (*self._runs, *self._below):
            rows = at[held == mark]
            if len(rows):
                found.append(rows[[begins(key) for key in self._read(rows).tolist()]])
        return np.unique(np.concatenate(found))

    def entries(self, step: int) -> tuple[Marks, ChunkNumbers]:
        """Return what an index says of the keys, in chunks of `step` rows; see `entries_of`."""
        self._settle()
        parts = [(marks, rows // step) for marks, rows in self._runs]
        parts += [(marks, rows // step) for marks, rows in self._below]
        if not parts:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64)
        marks, blocks = (np.concatenate(each) for each in zip(*parts, strict=True))
        return marks, blocks

    def _settle(self) -> None:
        """Keep only the marks of the recent keys, in a run that grows like those before it."""
        for stored, first_row in self._batches:
            rows = np.arange(first_row, first_row + len(stored), dtype=np.int64)
            self._runs.append(_sorted(key_index.marks_of_keys(stored), rows))
            while len(self._runs) > 1 and len(self._runs[-2][0]) <= 2 * len(self._runs[-1][0]):
                (a, b), (c, d) = self._runs.pop(), self._runs.pop()
                self._runs.append(_sorted(np.concatenate([a, c]), np.concatenate([b, d])))
            if self._kind is not None and self._kind.has_prefixes:
                self._below.append(key_index.entries_below(stored, rows))
        self._batches.clear()
        self._recent.clear()


def _sorted(marks: Marks, rows: StoredRows) -> tuple[Marks, StoredRows]:
    order = np.argsort(marks, kind="stable")
    return marks[order], rows[order]
