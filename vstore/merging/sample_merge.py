"""Merging the samples of a table, once its columns are merged."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vstore.diffing.alignment import no_rows
from vstore.diffing.columns import stored
from vstore.diffing.values import differing_rows
from vstore.format.numbers import StoredRows
from vstore.format.table.names import KEYS
from vstore.merging.columns import MergedColumn
from vstore.merging.conflicts import Conflict
from vstore.merging.sides import Side, TableSides, sample_names, waves
from vstore.reading.array import read
from vstore.reading.stored_table import StoredTable


@dataclass
class SampleMerge:
    """Puts into the result the samples that theirs changed, deleted and added."""

    sides: TableSides
    columns: list[MergedColumn]

    def run(self) -> None:
        """Merge deletions, then values, then additions."""
        self._merge_deletions()
        for column in self.columns:
            if column.has_values:
                self._merge_values(column)
        self._merge_additions()

    def _changed_among(self, rows: StoredRows, side: Side) -> StoredRows:
        """Return those of the base's rows that a side changed in any column."""
        if not len(rows):
            return rows
        parts = [no_rows()]
        for column in self.columns:
            name = column.ours if side is self.sides.o else column.theirs
            if column.base is not None and name is not None and column.has_values:
                parts.append(side.changes(column.base, name)[0])
        return np.intersect1d(rows, np.concatenate(parts))

    def _merge_deletions(self) -> None:
        removed_o, removed_t = self.sides.o.alignment.removed, self.sides.t.alignment.removed
        contested = self._changed_among(removed_t, self.sides.o)
        plain = np.setdiff1d(np.setdiff1d(removed_t, removed_o), contested)
        self._delete(plain)
        for row in contested.tolist():
            if row not in removed_o:
                self._deletion_conflict(row, deleted_in="theirs")
        contested = self._changed_among(removed_o, self.sides.t)
        for row in np.setdiff1d(contested, removed_t).tolist():
            self._deletion_conflict(row, deleted_in="ours")

    def _delete(self, base_rows: StoredRows) -> None:
        rows = self.sides.o.alignment.new_row(base_rows)
        self.sides.staged.stored.delete_rows(rows[rows >= 0])

    def _deletion_conflict(self, row: int, *, deleted_in: str) -> None:
        def take(_: Any) -> None:
            if deleted_in == "theirs":
                self._delete(np.array([row], np.int64))
            else:
                self._append(self.sides.t.alignment.new_row(np.array([row], np.int64)))

        def keep() -> None:
            self._keep_base(np.array([row], np.int64))

        other = "ours" if deleted_in == "theirs" else "theirs"
        note = f"deleted in {deleted_in}, changed in {other}"
        sample = sample_names(self.sides.base, np.array([row]))[0]
        self.sides.conflicts.add(
            Conflict(self.sides.path, "deleted", sample, note=note, take=take, keep=keep)
        )

    def _keep_base(self, base_rows: StoredRows) -> None:
        """Put samples back as they were in the base, where ours still has room for them."""
        rows = self.sides.o.alignment.new_row(base_rows)
        is_lost = (rows < 0) & (base_rows < self._in_place)
        self.sides.staged.stored.restore_rows(base_rows[is_lost])
        rows = np.where(is_lost, base_rows, rows)
        base_rows, rows = base_rows[rows >= 0], rows[rows >= 0]
        for column in self.columns:
            name = column.base
            if name is None or column.ours is None or not column.has_values:
                continue
            if not self.sides.o.is_retyped(name, column.ours):
                for suffix in self.sides.base.infos[name].suffixes:
                    values = read(stored(self.sides.base, name + suffix), (base_rows,))
                    self.sides.staged.stored.write_rows(column.name + suffix, rows, values)

    def _merge_values(self, column: MergedColumn) -> None:
        if column.theirs is None or column.ours is None:
            return
        if column.base is None:
            rows = self.sides.base_rows
            self._merge_cells(column, rows, self.sides.t.alignment.new_row(rows), no_rows())
            return
        base_rows, their_rows = self.sides.t.changes(column.base, column.theirs)
        if not len(base_rows):
            return
        mine = self.sides.o.changes(column.base, column.ours)[0]
        self._merge_cells(column, base_rows, their_rows, mine)

    def _merge_cells(
        self,
        column: MergedColumn,
        base_rows: StoredRows,
        their_rows: StoredRows,
        changed_in_ours: StoredRows,
    ) -> None:
        our_rows = self.sides.o.alignment.new_row(base_rows)
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

    def _write(self, column: MergedColumn, our_rows: StoredRows, their_rows: StoredRows) -> None:
        theirs = column.theirs or ""
        for suffix in self.sides.parts(theirs):
            self.sides.take(theirs + suffix, column.name + suffix, our_rows, their_rows)

    def _settle(
        self,
        column: MergedColumn,
        our_rows: StoredRows,
        their_rows: StoredRows,
        base_rows: StoredRows | None,
    ) -> None:
        """Compare cells that both sides set; where they differ, conflict."""
        differing = self._differing(column, our_rows, their_rows)
        our_rows, their_rows = our_rows[differing], their_rows[differing]
        if base_rows is not None and column.base is None:
            our_rows, their_rows = self._settle_unset(column, our_rows, their_rows)
        if not len(our_rows):
            return
        names = sample_names(self.sides.ours, our_rows)
        ours = _samples(self.sides.ours, column.ours or "", our_rows)
        theirs = _samples(self.sides.theirs, column.theirs or "", their_rows)
        base = [None] * len(names)
        if base_rows is not None and column.base is not None:
            base = _samples(self.sides.base, column.base, base_rows[differing])
        kind: Any = "changed" if base_rows is not None else "added"
        for i, row in enumerate(our_rows.tolist()):

            def take(value: Any, row: int = row) -> None:
                self.sides.staged.write_sample(column.name, row, value)

            self.sides.conflicts.add(
                Conflict(
                    f"{self.sides.path}/{column.name}",
                    kind,
                    names[i],
                    base[i],
                    ours[i],
                    theirs[i],
                    take=take,
                )
            )

    def _settle_unset(
        self, column: MergedColumn, our_rows: StoredRows, their_rows: StoredRows
    ) -> tuple[StoredRows, StoredRows]:
        """In a column that both sides made, take theirs where ours is unset; return the rest."""
        rest = np.ones(len(our_rows), bool)
        for name, table, rows in (
            (column.ours, self.sides.ours, our_rows),
            (column.theirs, self.sides.theirs, their_rows),
        ):
            source = stored(table, name or "")
            values = read(source, (rows,))
            fill = np.full(values.shape, source.metadata.fill_value, values.dtype)
            unset = np.ones(len(rows), bool)
            unset[differing_rows(values, fill)] = False
            if table is self.sides.ours:
                self._write(column, our_rows[unset], their_rows[unset])
            rest &= ~unset
        return our_rows[rest], their_rows[rest]

    def _differing(
        self, column: MergedColumn, our_rows: StoredRows, their_rows: StoredRows
    ) -> StoredRows:
        found = no_rows()
        for suffix in self.sides.parts(column.theirs or ""):
            ours = stored(self.sides.ours, (column.ours or "") + suffix)
            theirs = stored(self.sides.theirs, (column.theirs or "") + suffix)
            values = read(ours, (our_rows,)), read(theirs, (their_rows,))
            found = np.union1d(found, differing_rows(*values))
        return found

    def _merge_additions(self) -> None:
        added = self._without_doubles(self.sides.t.alignment.added)
        restored = added[added < self._in_place]
        if self.sides.theirs.key_kind is not None:
            restored = restored[~self.sides.ours.rows.are_live(restored)]
        if len(restored):
            self._restore(restored)
            added = np.setdiff1d(added, restored)
        self._append(added)

    @property
    def _in_place(self) -> int:
        """How many rows, from the first, are the same samples in the base and on both sides."""
        layouts = {
            table.node.table.layout
            for table in (self.sides.base, self.sides.ours, self.sides.theirs)
            if table.node.table is not None
        }
        if len(layouts) > 1:
            return 0
        return min(self.sides.o.alignment.shared, self.sides.t.alignment.shared)

    def _restore(self, rows: StoredRows) -> None:
        """Bring back samples that the base had lost; those that ours brought back are compared."""
        is_back = self.sides.ours.rows.are_live(rows)
        lost, back = rows[~is_back], rows[is_back]
        self.sides.staged.stored.restore_rows(lost)
        for column in self.columns:
            if column.theirs is not None and column.has_values:
                self._write(column, lost, lost)
                if column.ours is not None and len(back):
                    self._settle(column, back, back, None)
        self._fill_new_columns(back, back)

    def _fill_new_columns(self, our_rows: StoredRows, their_rows: StoredRows) -> None:
        """Give samples that both sides added or brought back their values in theirs' columns."""
        for column in self.columns:
            if column.ours is None and column.theirs is not None and column.is_taken:
                self._write(column, our_rows, their_rows)

    def _without_doubles(self, added: StoredRows) -> StoredRows:
        """Compare samples that both sides added under one key; return the others."""
        if self.sides.theirs.key_kind is None or not len(added):
            return added
        mine = self.sides.o.alignment.added
        by_key = dict(zip(sample_names(self.sides.ours, mine), mine.tolist(), strict=True))
        keys = sample_names(self.sides.theirs, added)
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
        self._fill_new_columns(pairs[:, 0], pairs[:, 1])
        return np.setdiff1d(added, pairs[:, 1])

    def _append(self, their_rows: StoredRows) -> None:
        """Add samples of theirs behind the last."""
        names = {} if self.sides.theirs.key_kind is None else {KEYS: KEYS}
        for column in self.columns:
            if column.theirs is not None and column.is_taken:
                for suffix in self.sides.parts(column.theirs):
                    names[column.name + suffix] = column.theirs + suffix
        for rows, _ in waves(their_rows, their_rows):
            elements = {
                name: read(stored(self.sides.theirs, theirs), (rows,))
                for name, theirs in names.items()
            }
            self.sides.staged.stored.append_rows(elements, len(rows))


def _samples(table: StoredTable, name: str, rows: StoredRows) -> list[Any]:
    return list(table.columns[name][table.rows.position(rows)])
