"""Three-way merge of one table: columns first, then the samples in them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.array import read
from vstore.diffing.alignment import Alignment, align, no_rows
from vstore.diffing.columns import ColumnPair, changed_rows, schema, stored
from vstore.diffing.values import differing_rows
from vstore.format.samples import KEYS, companions
from vstore.merging.columns import MergedColumn, is_same_form, triples
from vstore.merging.conflicts import Conflict, Conflicts, merge_attributes
from vstore.table import Table
from vstore.writing.staged_table import StagedTable

Ints = NDArray[np.int64]
_WAVE_ROWS = 4096


@dataclass(frozen=True)
class Side:
    """One side of a merge against the base: how its rows and columns came about."""

    base: Table
    table: Table

    @cached_property
    def alignment(self) -> Alignment:
        """How the rows of the base and of this side correspond."""
        return align(self.base, self.table)

    @cached_property
    def _changes(self) -> dict[ColumnPair, tuple[Ints, Ints]]:
        return {}

    def changes(self, base: str | None, name: str | None) -> tuple[Ints, Ints]:
        """Return the rows, of the base and of this side, that differ in a column."""
        pair = ColumnPair(base, name)
        if pair not in self._changes:
            parts = list(changed_rows(self.base, self.table, pair, self.alignment))
            old = np.concatenate([no_rows(), *(old for old, _ in parts)])
            new = np.concatenate([no_rows(), *(new for _, new in parts)])
            self._changes[pair] = old, new
        return self._changes[pair]

    def touches(self, base: str, name: str) -> bool:
        """Tell whether this side changed, retyped or extended a column."""
        if self.is_retyped(base, name):
            return True
        return bool(len(self.alignment.added) or len(self.changes(base, name)[0]))

    def is_retyped(self, base: str, name: str) -> bool:
        """Tell whether a column has another form here than in the base."""
        old, new = stored(self.base, base).metadata, stored(self.table, name).metadata
        return schema(old) != schema(new)


@dataclass
class TableMerge:
    """Puts into `staged`, which begins as ours, what theirs changed since the base."""

    path: str
    base: Table
    ours: Table
    theirs: Table
    staged: StagedTable
    conflicts: Conflicts
    columns: list[MergedColumn] = field(default_factory=list)

    def run(self) -> None:
        """Merge attributes, columns, then samples; conflicts go to `conflicts`."""
        self._merge_table_attributes()
        for triple in triples(self.base.infos, self.ours.infos, self.theirs.infos):
            merged = self._merge_column(triple)
            if merged is not None:
                self.columns.append(merged)
        self._merge_deletions()
        for column in self.columns:
            if column.has_values:
                self._merge_values(column)
        self._merge_additions()

    @cached_property
    def _o(self) -> Side:
        return Side(self.base, self.ours)

    @cached_property
    def _t(self) -> Side:
        return Side(self.base, self.theirs)

    def _merge_table_attributes(self) -> None:
        sides = self.base.attributes, self.ours.attributes, self.theirs.attributes
        merged, disagreed = merge_attributes(*sides)
        if merged != self.ours.attributes:
            self.staged.stored.set_attributes(merged)
        for name in disagreed:
            self._attribute_conflict(None, name, [side.get(name) for side in sides])

    def _merge_column_attributes(self, column: MergedColumn) -> None:
        base = self.base.columns[column.base].attributes if column.base else {}
        ours = self.ours.columns[column.ours or ""].attributes
        theirs = self.theirs.columns[column.theirs or ""].attributes
        merged, disagreed = merge_attributes(base, ours, theirs)
        if merged != ours:
            self.staged.stored.set_attributes(merged, column=column.name)
        for name in disagreed:
            values = [side.get(name) for side in (base, ours, theirs)]
            self._attribute_conflict(column.name, name, values)

    def _attribute_conflict(self, column: str | None, name: str, values: list[Any]) -> None:
        def take(value: Any) -> None:
            held = self.staged.stored.attributes(column)
            self.staged.stored.set_attributes(held | {name: value}, column=column)

        path = self.path if column is None else f"{self.path}/{column}"
        note = f"the attribute {name!r} was set differently on both sides"
        base, ours, theirs = values
        self.conflicts.add(
            Conflict(path, "attribute", name, base, ours, theirs, note=note, take=take)
        )

    # Columns ------------------------------------------------------------------------

    def _merge_column(self, column: MergedColumn) -> MergedColumn | None:
        """Return the column as the result has it; None where it goes."""
        if column.base is None:
            return self._merge_new_column(column)
        if column.ours is None or column.theirs is None:
            return self._merge_dropped_column(column)
        self._rename(column)
        self._merge_column_attributes(column)
        retyped = [self._o.is_retyped(column.base, column.ours)]
        retyped.append(self._t.is_retyped(column.base, column.theirs))
        if not any(retyped):
            return column
        return self._merge_retyped_column(column, ours=retyped[0], theirs=retyped[1])

    def _merge_new_column(self, column: MergedColumn) -> MergedColumn | None:
        if column.theirs is None:
            return None
        if column.ours is None:
            self._copy_column(column)
            return column
        if is_same_form(self.ours, column.ours, self.theirs, column.theirs):
            self._merge_column_attributes(column)
            return column
        note = f"the column {column.name!r} was made with different schemas on both sides"
        return self._schema_conflict(column, note)

    def _merge_dropped_column(self, column: MergedColumn) -> MergedColumn | None:
        base, name = column.base or "", column.ours or column.theirs
        if name is None:
            return None
        side = self._o if column.ours is not None else self._t
        if not side.touches(base, name):
            if column.theirs is None:
                self._drop(name)
            return None
        here, there = ("ours", "theirs") if column.ours is None else ("theirs", "ours")
        note = f"the column was deleted in {here}, and changed or extended in {there}"
        replaced: list[MergedColumn] = []

        def take(_: Any) -> None:
            if column.theirs is None:
                self._drop(name)
            else:
                self._copy_column(column)
                replaced.append(column)

        path = f"{self.path}/{name}"
        self.conflicts.add(Conflict(path, "deleted", note=note, take=take))
        return replaced[0] if replaced else None

    def _merge_retyped_column(
        self, column: MergedColumn, *, ours: bool, theirs: bool
    ) -> MergedColumn | None:
        base, o, t = column.base or "", column.ours or "", column.theirs or ""
        if ours and not theirs and not self._t.touches(base, t):
            return column.without_values()
        if theirs and not ours and not self._o.touches(base, o):
            self._drop(column.name)
            self._copy_column(column)
            return column.without_values()
        if ours and theirs and is_same_form(self.ours, o, self.theirs, t):
            return column
        return self._schema_conflict(
            column, "the column was given another schema on one side and changed on the other"
        )

    def _schema_conflict(self, column: MergedColumn, note: str) -> MergedColumn | None:
        replaced: list[MergedColumn] = []

        def take(_: Any) -> None:
            self._drop(column.name)
            self._copy_column(column)
            replaced.append(column.without_values())

        path = f"{self.path}/{column.name}"
        self.conflicts.add(Conflict(path, "schema", note=note, take=take))
        return replaced[0] if replaced else None

    def _rename(self, column: MergedColumn) -> None:
        if column.disagrees:
            note = f"renamed to {column.ours!r} in ours and to {column.theirs!r} in theirs"

            def take(name: Any) -> None:
                self.staged.rename_column(column.name, name)
                column.name = name

            column.name = column.ours or ""
            path = f"{self.path}/{column.base}"
            conflict = Conflict(
                path, "schema", None, column.base, column.ours, column.theirs, note, take
            )
            self.conflicts.add(conflict)
        elif column.ours != column.name:
            self.staged.rename_column(column.ours or "", column.name)

    def _drop(self, name: str) -> None:
        self.staged.stored.drop_column(name)

    def _copy_column(self, column: MergedColumn) -> None:
        """Make a column of theirs in the result, with its values of the base's rows."""
        name = column.theirs or ""
        rows = self._live_base_rows()
        where = self._o.alignment.new_row(rows), self._t.alignment.new_row(rows)
        both = (where[0] >= 0) & (where[1] >= 0)
        for suffix in self._suffixes(name):
            source = stored(self.theirs, name + suffix)
            info = self.theirs.infos[name] if not suffix else None
            self.staged.stored.add_array(column.name + suffix, source.metadata, info)
            for to, start in _waves(where[0][both], where[1][both]):
                self.staged.stored.write_rows(column.name + suffix, to, read(source, (start,)))

    def _suffixes(self, theirs: str) -> list[str]:
        return ["", *companions(self.theirs.infos[theirs])]

    def _live_base_rows(self) -> Ints:
        return self.base.rows.live()

    # Samples ------------------------------------------------------------------------

    def _changed_among(self, rows: Ints, side: Side) -> Ints:
        """Return those of the base's rows that a side changed in any column."""
        if not len(rows):
            return rows
        parts = [no_rows()]
        for column in self.columns:
            name = column.ours if side is self._o else column.theirs
            if column.base is not None and name is not None and column.has_values:
                parts.append(side.changes(column.base, name)[0])
        return np.intersect1d(rows, np.concatenate(parts))

    def _merge_deletions(self) -> None:
        removed_o, removed_t = self._o.alignment.removed, self._t.alignment.removed
        contested = self._changed_among(removed_t, self._o)
        plain = np.setdiff1d(np.setdiff1d(removed_t, removed_o), contested)
        self._delete(plain)
        for row in contested.tolist():
            if row not in removed_o:
                self._deletion_conflict(row, deleted_in="theirs")
        contested = self._changed_among(removed_o, self._t)
        for row in np.setdiff1d(contested, removed_t).tolist():
            self._deletion_conflict(row, deleted_in="ours")

    def _delete(self, base_rows: Ints) -> None:
        rows = self._o.alignment.new_row(base_rows)
        self.staged.stored.delete_rows(rows[rows >= 0])

    def _deletion_conflict(self, row: int, *, deleted_in: str) -> None:
        def take(_: Any) -> None:
            if deleted_in == "theirs":
                self._delete(np.array([row], np.int64))
            else:
                self._append(self._t.alignment.new_row(np.array([row], np.int64)))

        other = "ours" if deleted_in == "theirs" else "theirs"
        note = f"deleted in {deleted_in}, changed in {other}"
        sample = self._names(self.base, np.array([row]))[0]
        self.conflicts.add(Conflict(self.path, "deleted", sample, note=note, take=take))

    def _merge_values(self, column: MergedColumn) -> None:
        if column.theirs is None or column.ours is None:
            return
        if column.base is None:
            rows = self._live_base_rows()
            self._merge_cells(column, rows, self._t.alignment.new_row(rows), no_rows())
            return
        base_rows, their_rows = self._t.changes(column.base, column.theirs)
        if not len(base_rows):
            return
        mine = self._o.changes(column.base, column.ours)[0]
        self._merge_cells(column, base_rows, their_rows, mine)

    def _merge_cells(
        self, column: MergedColumn, base_rows: Ints, their_rows: Ints, changed_in_ours: Ints
    ) -> None:
        our_rows = self._o.alignment.new_row(base_rows)
        alive = (our_rows >= 0) & (their_rows >= 0)
        base_rows, our_rows, their_rows = (
            rows[alive] for rows in (base_rows, our_rows, their_rows)
        )
        contested = (
            np.isin(base_rows, changed_in_ours)
            if column.base is not None
            else np.ones(len(base_rows), bool)
        )
        self._write(column, our_rows[~contested], their_rows[~contested])
        if contested.any():
            self._settle(column, our_rows[contested], their_rows[contested], base_rows[contested])

    def _write(self, column: MergedColumn, our_rows: Ints, their_rows: Ints) -> None:
        for suffix in self._suffixes(column.theirs or ""):
            source = stored(self.theirs, (column.theirs or "") + suffix)
            for to, start in _waves(our_rows, their_rows):
                self.staged.stored.write_rows(column.name + suffix, to, read(source, (start,)))

    def _settle(
        self,
        column: MergedColumn,
        our_rows: Ints,
        their_rows: Ints,
        base_rows: Ints | None,
    ) -> None:
        """Compare cells that both sides set; where they differ, conflict."""
        differing = self._differing(column, our_rows, their_rows)
        our_rows, their_rows = our_rows[differing], their_rows[differing]
        if base_rows is not None and column.base is None:
            our_rows, their_rows = self._settle_unset(column, our_rows, their_rows)
        if not len(our_rows):
            return
        names = self._names(self.ours, our_rows)
        ours = _samples(self.ours, column.ours or "", our_rows)
        theirs = _samples(self.theirs, column.theirs or "", their_rows)
        base = [None] * len(names)
        if base_rows is not None and column.base is not None:
            base = _samples(self.base, column.base, base_rows[differing])
        kind: Any = "changed" if base_rows is not None else "added"
        for i, row in enumerate(our_rows.tolist()):

            def take(value: Any, row: int = row) -> None:
                self.staged.write_sample(column.name, row, value)

            self.conflicts.add(
                Conflict(
                    f"{self.path}/{column.name}",
                    kind,
                    names[i],
                    base[i],
                    ours[i],
                    theirs[i],
                    take=take,
                )
            )

    def _settle_unset(
        self, column: MergedColumn, our_rows: Ints, their_rows: Ints
    ) -> tuple[Ints, Ints]:
        """In a column that both sides made, take theirs where ours is unset; return the rest."""
        rest = np.ones(len(our_rows), bool)
        for name, table, rows in (
            (column.ours, self.ours, our_rows),
            (column.theirs, self.theirs, their_rows),
        ):
            source = stored(table, name or "")
            values = read(source, (rows,))
            fill = np.full(values.shape, source.metadata.fill_value, values.dtype)
            unset = np.ones(len(rows), bool)
            unset[differing_rows(values, fill)] = False
            if table is self.ours:
                self._write(column, our_rows[unset], their_rows[unset])
            rest &= ~unset
        return our_rows[rest], their_rows[rest]

    def _differing(self, column: MergedColumn, our_rows: Ints, their_rows: Ints) -> Ints:
        found = no_rows()
        for suffix in self._suffixes(column.theirs or ""):
            ours = stored(self.ours, (column.ours or "") + suffix)
            theirs = stored(self.theirs, (column.theirs or "") + suffix)
            values = read(ours, (our_rows,)), read(theirs, (their_rows,))
            found = np.union1d(found, differing_rows(*values))
        return found

    def _merge_additions(self) -> None:
        added = self._t.alignment.added
        restored = added[np.isin(added, self.base.rows.deleted)]
        restored = restored[np.isin(restored, self.ours.rows.deleted)]
        if len(restored) and self._is_in_place:
            self.staged.stored.restore_rows(restored)
            for column in self.columns:
                if column.theirs is not None and column.has_values:
                    self._write(column, restored, restored)
            added = np.setdiff1d(added, restored)
        self._append(self._without_doubles(added))

    @property
    def _is_in_place(self) -> bool:
        layouts = {
            table.node.table.layout
            for table in (self.base, self.ours, self.theirs)
            if table.node.table is not None
        }
        return len(layouts) == 1

    def _without_doubles(self, added: Ints) -> Ints:
        """Compare samples that both sides added under one key; return the others."""
        if self.theirs.key_kind is None or not len(added):
            return added
        mine = self._o.alignment.added
        by_key = dict(zip(self._names(self.ours, mine), mine.tolist(), strict=True))
        keys = self._names(self.theirs, added)
        doubles = [
            (by_key[key], row)
            for key, row in zip(keys, added.tolist(), strict=True)
            if key in by_key
        ]
        if not doubles:
            return added
        pairs = np.array(doubles, np.int64)
        for column in self.columns:
            if column.ours is not None and column.theirs is not None and column.has_values:
                self._settle(column, pairs[:, 0], pairs[:, 1], None)
        return np.setdiff1d(added, pairs[:, 1])

    def _append(self, their_rows: Ints) -> None:
        """Add samples of theirs behind the last."""
        names = {} if self.theirs.key_kind is None else {KEYS: KEYS}
        for column in self.columns:
            if column.theirs is not None and column.is_taken:
                for suffix in self._suffixes(column.theirs):
                    names[column.name + suffix] = column.theirs + suffix
        for rows, _ in _waves(their_rows, their_rows):
            elements = {
                name: read(stored(self.theirs, theirs), (rows,)) for name, theirs in names.items()
            }
            self.staged.stored.append_rows(elements, len(rows))

    @staticmethod
    def _names(table: Table, rows: Ints) -> list[Any]:
        names: list[Any] = table.keys_of(rows).tolist()
        return names


def _waves(*rows: Ints) -> Iterator[tuple[Ints, ...]]:
    for start in range(0, len(rows[0]), _WAVE_ROWS):
        yield tuple(part[start : start + _WAVE_ROWS] for part in rows)


def _samples(table: Table, name: str, rows: Ints) -> list[Any]:
    return list(table.columns[name][table.rows.position(rows)])
