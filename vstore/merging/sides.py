"""The three states of a table that a merge has, and the staged table that it becomes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.alignment import Alignment, align, no_rows
from vstore.diffing.columns import ColumnPair, changed_rows, pair_columns
from vstore.diffing.lineage import Grafts, Lineage
from vstore.format.digest import Digest
from vstore.format.document import is_same
from vstore.format.numbers import StoredRows
from vstore.merging.cells import Cells, Form
from vstore.merging.conflicts import Conflicts
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
    may_be_in_ours: bool = False
    """Whether ours may descend from theirs, as where a commit is picked again."""

    def lineage(self, fetcher: Fetcher, side: Digest | None) -> Lineage | None:
        """Return how the base and one of the sides are related in history."""
        if self.base is None or side is None:
            return None
        return Lineage(fetcher, self.base, side, self.grafts)

    def between(self, fetcher: Fetcher, *, may_share_samples: bool) -> Lineage | None:
        """Return how theirs and ours are related, where both may have what the base lacks."""
        if self.ours is None or self.theirs is None:
            return None
        if not self.may_be_in_ours and not may_share_samples:
            return None
        return Lineage(fetcher, self.theirs, self.ours, self.grafts)


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
    def _changes(self) -> dict[tuple[str, str], tuple[StoredRows, StoredRows]]:
        return {}

    def changes(self, base: str, name: str) -> tuple[StoredRows, StoredRows]:
        """Return the rows, of the base and of this side, whose cells in a column differ."""
        if (base, name) not in self._changes:
            self._changes[base, name] = self._find_changes(base, name)
        return self._changes[base, name]

    def _find_changes(self, base: str, name: str) -> tuple[StoredRows, StoredRows]:
        if self.has_other_form(base, name):
            return self._changes_among(base, name, self.base.rows.live())
        pair = ColumnPair(base, name)
        parts = list(changed_rows(self.base, self.table, pair, self.alignment))
        old = np.concatenate([no_rows(), *(old for old, _ in parts)])
        return old, np.concatenate([no_rows(), *(new for _, new in parts)])

    def changed_among(self, base: str, name: str, rows: StoredRows) -> StoredRows:
        """Return those of some rows of the base whose cells in a column differ on this side."""
        if self.has_other_form(base, name):
            return self._changes_among(base, name, rows)[0]
        return np.intersect1d(rows, self.changes(base, name)[0])

    def _changes_among(
        self, base: str, name: str, rows: StoredRows
    ) -> tuple[StoredRows, StoredRows]:
        """Compare cells of a column that was cast, in the form that it has on this side."""
        there = self.alignment.new_row(rows)
        old, new = rows[there >= 0], there[there >= 0]
        differing = [np.zeros(0, bool)]
        for before, after in waves(old, new):
            cells, now = (Cells.read(self.base, base, before), Cells.read(self.table, name, after))
            differing.append(now.are_others_than(cells))
        which = np.concatenate(differing)
        return old[which], new[which]

    def is_as_before(self) -> bool:
        """Return whether this side says the same as the base, however it is stored."""
        pairs = pair_columns(self.base.infos, self.table.infos)
        return (
            not len(self.alignment.removed)
            and is_same(self.base.attributes, self.table.attributes)
            and all(pair.old is not None and pair.new is not None for pair in pairs)
            and not any(self.touches(pair.old or "", pair.new or "") for pair in pairs)
            and not len(self.alignment.added)
        )

    def touches(self, base: str, name: str) -> bool:
        """Return whether this side changed, renamed, cast or extended a column."""
        return (
            base != name
            or self.has_other_attributes(base, name)
            or self.has_other_form(base, name)
            or len(self.alignment.added) > 0
            or len(self.changes(base, name)[0]) > 0
        )

    def has_other_attributes(self, base: str, name: str) -> bool:
        """Return whether the attributes of a column are others here than in the base."""
        sides = self.base.columns[base], self.table.columns[name]
        return not is_same(sides[0].attributes, sides[1].attributes)

    def changes_samples(self) -> bool:
        """Return whether this side changed or deleted samples of the base, or their columns."""
        if len(self.alignment.removed):
            return True
        return any(
            pair.old is None
            or pair.new is None
            or self.has_other_form(pair.old, pair.new)
            or len(self.changes(pair.old, pair.new)[0])
            for pair in pair_columns(self.base.infos, self.table.infos)
        )

    def brings_back_samples(self) -> bool:
        """Return whether this side has samples again, in their rows, that the base deleted."""
        return bool((self.alignment.added < self.alignment.shared).any())

    def has_other_form(self, base: str, name: str) -> bool:
        """Return whether a column was cast: its samples are of another form than in the base."""
        return Form.of(self.base, base) != Form.of(self.table, name)


@dataclass(frozen=True)
class Samples:
    """Samples that a merge looks at together: in which rows the sides have them, if at all.

    `result` are their rows in the result, which begins with the rows of ours.
    """

    base: StoredRows | None
    ours: StoredRows | None
    theirs: StoredRows
    result: StoredRows

    def __len__(self) -> int:
        return len(self.theirs)

    def __getitem__(self, which: Any) -> "Samples":
        base, ours = (None if rows is None else rows[which] for rows in (self.base, self.ours))
        return Samples(base, ours, self.theirs[which], self.result[which])

    def parts(self) -> Iterator["Samples"]:
        """Yield them in parts that are small enough to be held."""
        for start in range(0, len(self), _WAVE_ROWS):
            yield self[start : start + _WAVE_ROWS]


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
    between: Lineage | None = None
    """How ours and theirs are related, where both may have samples that the base lacks."""

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
        if not self.t.alignment.is_certain or not self._is_told_what_both_have:
            return False
        return self.o.alignment.is_certain or not (
            self.t.changes_samples()
            or self.t.brings_back_samples()
            or self._may_bring_back_columns()
        )

    def _may_bring_back_columns(self) -> bool:
        """Return whether theirs changed a column that ours dropped, and that may come back."""
        theirs = {pair.old: pair.new for pair in pair_columns(self.base.infos, self.theirs.infos)}
        return any(
            self.t.touches(pair.old or "", theirs[pair.old] or "")
            for pair in pair_columns(self.base.infos, self.ours.infos)
            if pair.new is None and theirs[pair.old] is not None
        )

    @property
    def _is_told_what_both_have(self) -> bool:
        """Whether samples of a table that the base lacks, without keys, are known in both."""
        is_known = self._beside is None or self._beside.is_certain
        return is_known or bool(self.base.node.children)

    @cached_property
    def _beside(self) -> Alignment | None:
        """How rows of theirs and of ours correspond, where both may have what the base lacks."""
        if self.between is None or self.ours.key_kind is not None:
            return None
        return align(self.theirs, self.ours, self.between)

    @cached_property
    def base_rows(self) -> StoredRows:
        """The rows of the base that hold a sample."""
        return self.base.rows.live()

    def kept(self, base_rows: StoredRows) -> Samples:
        """Return those of some samples of the base that both sides still have."""
        ours, theirs = (side.alignment.new_row(base_rows) for side in (self.o, self.t))
        there = (ours >= 0) & (theirs >= 0)
        return Samples(base_rows[there], ours[there], theirs[there], ours[there])

    def taken_in(self, their_rows: StoredRows) -> Samples:
        """Return those of some samples without keys that ours has from theirs, and still holds."""
        if not len(their_rows) or self._beside is None or not self._beside.is_certain:
            return Samples(None, no_rows(), no_rows(), no_rows())
        rows = self._beside.new_row(their_rows)
        return Samples(None, rows[rows >= 0], their_rows[rows >= 0], rows[rows >= 0])

    def are_in_place(self, rows: StoredRows) -> NDArray[np.bool_]:
        """Return which rows hold the same sample, alive or deleted, in the base and on both sides.

        Of samples with keys that is so only where the key is the same: each side may have put
        another sample behind the last one that both had.
        """
        tables = (self.base.node.table, self.ours.node.table, self.theirs.node.table)
        if len({table.layout for table in tables if table is not None}) > 1:
            return np.zeros(len(rows), np.bool_)
        found: NDArray[np.bool_] = np.ones(len(rows), np.bool_)
        for alignment in (self.o.alignment, self.t.alignment):
            found &= (rows < alignment.shared) & ~np.isin(rows, alignment.unstable)
        return found


def sample_names(table: StoredTable, rows: StoredRows) -> list[Any]:
    """Return the keys of rows, their positions where the table has none."""
    found: list[Any] = table.keys_of(rows).tolist()
    return found


def waves(*rows: StoredRows) -> Iterator[tuple[StoredRows, ...]]:
    """Yield rows of equal number in parts that are small enough to be held."""
    for start in range(0, len(rows[0]), _WAVE_ROWS):
        yield tuple(part[start : start + _WAVE_ROWS] for part in rows)
