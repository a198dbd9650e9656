"""Samples that differ, before and after: what changed is read, some samples at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from vstore.diffing.table_diff import TableDiff
from vstore.faces import exported_from, internals
from vstore.format.numbers import StoredRows
from vstore.reading.looking import look
from vstore.reading.table import Table


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class SamplePair:
    """A sample that differs: what it was and what it is, in the columns that differ.

    `status` is `changed`, `added` or `removed`; `key` is a position where samples have no keys,
    that in the newer state unless the sample was removed.
    """

    key: Any
    status: str
    old: dict[str, Any] = field(default_factory=dict)
    new: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns that have a value before or after, by their newest names."""
        return list(dict.fromkeys([*self.new, *self.old]))


class SamplePairs:
    """The samples that differ in one table: those that changed, then added, then removed ones."""

    def __init__(self, diff: TableDiff) -> None:
        self._diff = diff
        self._rows = internals(diff)

    @cached_property
    def _changed(self) -> tuple[StoredRows, StoredRows]:
        """Where samples that changed in some column are, in the old and in the new state."""
        sides = list(self._rows.changes.values())
        if not sides:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing
        old, new = (np.concatenate(side) for side in zip(*sides, strict=True))
        new, first = np.unique(new, return_index=True)
        return old[first], new

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many samples were changed, added and removed."""
        return {
            "changed": len(self._changed[1]),
            "added": len(self._rows.added_rows),
            "removed": len(self._rows.removed_rows),
        }

    def __len__(self) -> int:
        return sum(self.counts.values())

    def page(self, skip: int, limit: int) -> list[SamplePair]:
        """Return some of the samples; each column is read at once on both sides."""
        return list(self._page(skip, skip + limit))

    def _page(self, start: int, stop: int) -> Iterator[SamplePair]:
        old, new = self._changed
        yield from self._pairs(old[start:stop], new[start:stop])
        passed = len(new)
        for status, rows, table in (
            ("added", self._rows.added_rows, self._diff.new),
            ("removed", self._rows.removed_rows, self._diff.old),
        ):
            some = rows[max(start - passed, 0) : max(stop - passed, 0)]
            passed += len(rows)
            if table is not None and len(some):
                yield from self._one_sided(status, some, table)

    def _pairs(self, old: StoredRows, new: StoredRows) -> Iterator[SamplePair]:
        if self._diff.old is None or self._diff.new is None or not len(new):
            return
        pairs = [
            pair
            for pair in self._rows.columns
            if pair.name in self._rows.changes
            and np.isin(new, self._rows.changes[pair.name][1]).any()
        ]
        before = look(internals(self._diff.old), old, [pair.old or "" for pair in pairs])
        after = look(internals(self._diff.new), new, [pair.new or "" for pair in pairs])
        differs = {pair.name: np.isin(new, self._rows.changes[pair.name][1]) for pair in pairs}
        for i, key in enumerate(self._rows.names(new)):
            here = [pair for pair in pairs if differs[pair.name][i]]
            yield SamplePair(
                key,
                "changed",
                {pair.name: before[pair.old or ""][i] for pair in here},
                {pair.name: after[pair.new or ""][i] for pair in here},
            )

    def _one_sided(self, status: str, rows: StoredRows, table: Table) -> Iterator[SamplePair]:
        is_old = status == "removed"
        values = look(internals(table), rows)
        for i, key in enumerate(self._rows.names(rows, of_old=is_old)):
            sample = {name: column[i] for name, column in values.items()}
            yield SamplePair(key, status, **{"old" if is_old else "new": sample})
