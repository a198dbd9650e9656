"""Which rows of a table differ between two states: the library's side of a `TableDiff`."""

from collections.abc import Collection, Iterator
from functools import cached_property

import numpy as np

from vstore.diffing.alignment import Alignment, align, live_rows, no_rows
from vstore.diffing.columns import ColumnPair, changed_rows, pair_columns, schema, stored
from vstore.diffing.lineage import Lineage
from vstore.diffing.prefetch import prefetch
from vstore.faces import internals
from vstore.format.numbers import StoredRows
from vstore.format.table.sample_keys import SampleKey
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table

SHOWN = 5
"""How many samples of a kind of change are named where users see how many there are."""


class RowDiff:
    """How the columns and rows of two states of a table correspond; computed when asked for."""

    def __init__(
        self,
        old: Table | None,
        new: Table | None,
        *,
        only: Collection[str] | None,
        lineage: Lineage | None,
    ) -> None:
        self.old = old
        self.new = new
        self._only = only
        self._lineage = lineage

    @cached_property
    def alignment(self) -> Alignment | None:
        """How the rows correspond; None unless the table is on both sides."""
        if self.old is None or self.new is None:
            return None
        old, new = internals(self.old), internals(self.new)
        prefetch(old, new, self.columns)
        return align(old, new, self._lineage)

    @cached_property
    def columns(self) -> list[ColumnPair]:
        """Which columns correspond; where the diff was narrowed, those that are asked for."""
        old = internals(self.old).infos if self.old is not None else {}
        new = internals(self.new).infos if self.new is not None else {}
        pairs, only = pair_columns(old, new), self._only
        return [pair for pair in pairs if only is None or {pair.old, pair.new} & {*only}]

    @cached_property
    def retyped(self) -> list[ColumnPair]:
        """The columns whose data type, sample shape, optionality, chunks or codecs differ."""
        if self.old is None or self.new is None:
            return []
        old, new = self.old, self.new
        return [
            pair
            for pair in self.columns
            if pair.old is not None
            and pair.new is not None
            and _form(internals(old), pair.old) != _form(internals(new), pair.new)
        ]

    @cached_property
    def added_rows(self) -> StoredRows:
        """Where in the storage of the new state the samples are that only it has."""
        if self.new is None:
            return no_rows()
        return live_rows(internals(self.new)) if self.alignment is None else self.alignment.added

    @cached_property
    def removed_rows(self) -> StoredRows:
        """Where in the storage of the old state the samples are that only it has."""
        if self.old is None:
            return no_rows()
        return live_rows(internals(self.old)) if self.alignment is None else self.alignment.removed

    def names(self, rows: StoredRows, *, of_old: bool = False) -> list[SampleKey]:
        """Return the keys of stored rows of one state; their positions without keys."""
        table = self.old if of_old else self.new
        found: list[SampleKey] = [] if table is None else internals(table).keys_of(rows).tolist()
        return found

    @cached_property
    def first_added(self) -> list[SampleKey]:
        """What the first added samples are called; one more than are shown, to tell of more."""
        return self.names(self.added_rows[: SHOWN + 1])

    @cached_property
    def first_removed(self) -> list[SampleKey]:
        """What the first removed samples are called."""
        return self.names(self.removed_rows[: SHOWN + 1], of_old=True)

    @cached_property
    def first_changed(self) -> dict[str, list[SampleKey]]:
        """By column, what the first samples are called whose values differ."""
        return {name: self.names(new[: SHOWN + 1]) for name, (_, new) in self.changes.items()}

    def changed_rows(self, pair: ColumnPair) -> Iterator[tuple[StoredRows, StoredRows]]:
        """Yield where in storage, old and new, samples differ in one column."""
        if self.old is None or self.new is None or self.alignment is None:
            return
        if self.is_remade(pair):
            return
        yield from changed_rows(internals(self.old), internals(self.new), pair, self.alignment)

    def is_remade(self, pair: ColumnPair) -> bool:
        """Return whether a column of both states holds samples of another form in the new one."""
        if self.old is None or self.new is None or pair not in self.retyped:
            return False
        old, new = internals(self.old), internals(self.new)
        return _samples_of(old, pair.old) != _samples_of(new, pair.new)

    @cached_property
    def changes(self) -> dict[str, tuple[StoredRows, StoredRows]]:
        """By column, where the samples are whose values differ: in the old and the new state."""
        found: dict[str, tuple[StoredRows, StoredRows]] = {}
        for pair in self.columns:
            parts = list(self.changed_rows(pair))
            if parts:
                old, new = (np.concatenate(side) for side in zip(*parts, strict=True))
                order = np.argsort(new, kind="stable")
                found[pair.name] = old[order], new[order]
        return found


def _samples_of(table: StoredTable, name: str | None) -> tuple[object, ...]:
    """Return what samples of a column are, however they are encoded."""
    info, metadata = table.infos[name or ""], stored(table, name or "").metadata
    return info.kind, info.dtype, info.shape, info.optional, metadata.dtype, metadata.shape[1:]


def _form(table: StoredTable, name: str) -> tuple[object, ...]:
    info = table.infos[name]
    return info.kind, info.dtype, info.shape, info.optional, schema(stored(table, name).metadata)
