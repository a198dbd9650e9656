"""The three states of a table that a merge has, and the staged table that it becomes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from vstore.diffing.alignment import Alignment, align, no_rows
from vstore.diffing.columns import ColumnPair, changed_rows, pair_columns, schema, stored
from vstore.diffing.lineage import Grafts, Lineage
from vstore.format.digest import Digest
from vstore.format.numbers import StoredRows
from vstore.merging.conflicts import Conflicts
from vstore.reading.array import read
from vstore.reading.fetch import Fetcher
from vstore.reading.stored_table import StoredTable
from vstore.writing.staged_table import StagedTable

_WAVE_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Sides:
    """The three commits of a merge; None stands for an empty repository.

    `grafts` are commits that were made by replaying others.
    """

    base: Digest | None
    ours: Digest | None
    theirs: Digest | None
    grafts: Grafts = field(default_factory=dict)

    def lineage(self, fetcher: Fetcher, side: Digest | None) -> Lineage | None:
        """Return how the base and one of the sides are related in history."""
        if self.base is None or side is None:
            return None
        return Lineage(fetcher, self.base, side, self.grafts)


@dataclass(frozen=True)
class Side:
    """One side of a merge against the base: how its rows and columns came about."""

    base: StoredTable
    table: StoredTable
    lineage: Lineage | None

    @cached_property
    def alignment(self) -> Alignment:
        """How the rows of the base and of this side correspond."""
        return align(self.base, self.table, self.lineage)

    @cached_property
    def _changes(self) -> dict[ColumnPair, tuple[StoredRows, StoredRows]]:
        return {}

    def changes(self, base: str | None, name: str | None) -> tuple[StoredRows, StoredRows]:
        """Return the rows, of the base and of this side, that differ in a column."""
        pair = ColumnPair(base, name)
        if pair not in self._changes:
            parts = list(changed_rows(self.base, self.table, pair, self.alignment))
            old = np.concatenate([no_rows(), *(old for old, _ in parts)])
            new = np.concatenate([no_rows(), *(new for _, new in parts)])
            self._changes[pair] = old, new
        return self._changes[pair]

    def touches(self, base: str, name: str) -> bool:
        """Return whether this side changed, renamed, retyped or extended a column."""
        if base != name or self.has_other_attributes(base, name):
            return True
        return self.has_other_values(base, name)

    def has_other_attributes(self, base: str, name: str) -> bool:
        """Return whether the attributes of a column are others here than in the base."""
        sides = self.base.columns[base], self.table.columns[name]
        return sides[0].attributes != sides[1].attributes

    def has_other_values(self, base: str, name: str) -> bool:
        """Return whether this side changed, retyped or extended a column."""
        if self.is_retyped(base, name):
            return True
        return bool(len(self.alignment.added) or len(self.changes(base, name)[0]))

    def changes_samples(self) -> bool:
        """Return whether this side changed or deleted samples of the base, or gave them columns."""
        if len(self.alignment.removed):
            return True
        return any(
            pair.old is None
            or self.is_retyped(pair.old, pair.new)
            or len(self.changes(pair.old, pair.new)[0])
            for pair in pair_columns(self.base.infos, self.table.infos)
            if pair.new is not None
        )

    def is_retyped(self, base: str, name: str) -> bool:
        """Return whether a column has another form here than in the base."""
        old, new = stored(self.base, base).metadata, stored(self.table, name).metadata
        return schema(old) != schema(new)


@dataclass(frozen=True)
class TableSides:
    """A table in the base, ours and theirs; `staged` begins as ours and becomes the result."""

    path: str
    base: StoredTable
    ours: StoredTable
    theirs: StoredTable
    staged: StagedTable
    conflicts: Conflicts
    lineages: tuple[Lineage | None, Lineage | None] = (None, None)

    @cached_property
    def o(self) -> Side:
        """What ours changed."""
        return Side(self.base, self.ours, self.lineages[0])

    @cached_property
    def t(self) -> Side:
        """What theirs changed."""
        return Side(self.base, self.theirs, self.lineages[1])

    @property
    def is_certain(self) -> bool:
        """Return whether it is known which samples of ours are those that theirs changed."""
        if not self.t.alignment.is_certain:
            return False
        return self.o.alignment.is_certain or not self.t.changes_samples()

    @cached_property
    def base_rows(self) -> StoredRows:
        """The rows of the base that hold a sample."""
        return self.base.rows.live()

    def parts(self, theirs: str) -> list[str]:
        """Return the suffixes of the arrays that a column of theirs consists of."""
        return list(self.theirs.infos[theirs].suffixes)

    def take(self, theirs: str, name: str, rows: StoredRows, their_rows: StoredRows) -> None:
        """Write rows of one array of theirs into rows of an array of the result."""
        source = stored(self.theirs, theirs)
        for to, start in waves(rows, their_rows):
            self.staged.stored.write_rows(name, to, read(source, (start,)))


def sample_names(table: StoredTable, rows: StoredRows) -> list[Any]:
    """Return the keys of rows, their positions where the table has none."""
    found: list[Any] = table.keys_of(rows).tolist()
    return found


def waves(*rows: StoredRows) -> Iterator[tuple[StoredRows, ...]]:
    """Yield rows of equal number in parts that are small enough to be held."""
    for start in range(0, len(rows[0]), _WAVE_ROWS):
        yield tuple(part[start : start + _WAVE_ROWS] for part in rows)
