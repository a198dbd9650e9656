"""Merging the samples of a table, once its columns are merged: deleted, kept and added ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vstore.diffing.alignment import no_rows
from vstore.diffing.columns import stored
from vstore.format.numbers import StoredRows
from vstore.format.table.names import KEYS
from vstore.merging.cell_merge import CellMerge
from vstore.merging.columns import MergedColumn
from vstore.merging.conflicts import Answers, Conflict
from vstore.merging.sides import Samples, Side, TableSides, sample_names, waves
from vstore.reading.array import read


@dataclass
class SampleMerge:
    """Puts into the result the samples that theirs deleted, changed, brought back and added."""

    sides: TableSides
    columns: list[MergedColumn]

    @cached_property
    def cells(self) -> CellMerge:
        """What merges the cells of samples."""
        return CellMerge(self.sides, self.columns)

    def run(self) -> None:
        """Merge deletions, then the samples that are left, then additions."""
        self._merge_deletions()
        self.cells.merge_kept()
        self._merge_additions()
        self._unmake()

    # Samples that a side deleted ----------------------------------------------------

    def _merge_deletions(self) -> None:
        removed_o, removed_t = self.sides.o.alignment.removed, self.sides.t.alignment.removed
        gone = np.setdiff1d(removed_t, removed_o)
        contested = self._changed_among(gone, self.sides.o)
        self._delete(np.setdiff1d(gone, contested))
        for row in contested.tolist():
            self._deletion_conflict(row, deleted_in="theirs", changed_in="ours")
        contested = self._changed_among(np.setdiff1d(removed_o, removed_t), self.sides.t)
        for row in contested.tolist():
            self._deletion_conflict(row, deleted_in="ours", changed_in="theirs")

    def _changed_among(self, rows: StoredRows, side: Side) -> StoredRows:
        """Return those of the base's rows that a side changed in any column of the result."""
        if not len(rows):
            return rows
        parts = [no_rows()]
        for column in self.columns:
            name = column.ours if side is self.sides.o else column.theirs
            if column.base is not None and name is not None:
                parts.append(side.changed_among(column.base, name, rows))
        return np.unique(np.concatenate(parts))

    def _delete(self, base_rows: StoredRows) -> None:
        rows = self.sides.o.alignment.new_row(base_rows)
        self.sides.staged.stored.delete_rows(rows[rows >= 0])

    def _deletion_conflict(self, row: int, *, deleted_in: str, changed_in: str) -> None:
        one = np.array([row], np.int64)

        def theirs() -> None:
            if deleted_in == "theirs":
                self._delete(one)
            else:
                self._bring_back(one, self.sides.t.alignment.new_row(one))

        note = f"deleted in {deleted_in}, changed in {changed_in}"
        (sample,) = sample_names(self.sides.base, one)
        self.sides.conflicts.add(
            Conflict(self.sides.path, "deleted", sample, note=note),
            Answers(theirs, lambda: self._put_base(one)),
        )

    def _bring_back(self, base_rows: StoredRows, their_rows: StoredRows) -> None:
        """Take samples of theirs that ours deleted, in their places where these are left."""
        in_place = self.sides.are_in_place(base_rows)
        self._restore(base_rows[in_place], their_rows[in_place])
        self._append(their_rows[~in_place])

    def _put_base(self, base_rows: StoredRows) -> None:
        """Put samples back as they were in the base, where ours still has room for them."""
        rows = self.sides.o.alignment.new_row(base_rows)
        is_lost = (rows < 0) & self.sides.are_in_place(base_rows)
        self.sides.staged.stored.restore_rows(base_rows[is_lost])
        rows = np.where(is_lost, base_rows, rows)
        for column in self.columns:
            if column.base is not None and column.ours is not None:
                self.cells.put_base(column, base_rows[rows >= 0], rows[rows >= 0])

    # Samples that the base lacks ----------------------------------------------------

    def _merge_additions(self) -> None:
        added = self.sides.t.alignment.added
        twins = self._twins(added)
        self.cells.merge(twins)
        added = np.setdiff1d(added, twins.theirs)
        is_old = self.sides.are_in_place(added)
        self._restore(added[is_old], added[is_old])
        self._append(added[~is_old])

    def _twins(self, added: StoredRows) -> Samples:
        """Return samples that both sides added or brought back."""
        if self.sides.theirs.key_kind is None:
            is_old = self.sides.are_in_place(added)
            back = added[is_old]
            back = back[self.sides.ours.rows.are_live(back)]
            taken = self.sides.taken_in(added[~is_old])
            ours = np.concatenate([back, taken.result])
            return Samples(None, ours, np.concatenate([back, taken.theirs]), ours)
        mine = self.sides.o.alignment.added
        by_key = dict(zip(sample_names(self.sides.ours, mine), mine.tolist(), strict=True))
        keys = sample_names(self.sides.theirs, added) if by_key else []
        pairs = [
            (by_key[key], row)
            for key, row in zip(keys, added.tolist(), strict=False)
            if key in by_key
        ]
        ours, theirs = np.array(pairs, np.int64).reshape(len(pairs), 2).T
        return Samples(None, ours, theirs, ours)

    def _restore(self, rows: StoredRows, their_rows: StoredRows) -> None:
        """Make deleted rows of the result live again, with what theirs has in them."""
        if len(rows):
            self.sides.staged.stored.restore_rows(rows)
            self.cells.merge(Samples(None, None, their_rows, rows))

    def _append(self, their_rows: StoredRows) -> None:
        """Add samples of theirs behind the last; in columns of ours they are unset."""
        for (rows,) in waves(their_rows):
            elements: dict[str, Any] = {}
            if self.sides.theirs.key_kind is not None:
                elements[KEYS] = read(stored(self.sides.theirs, KEYS), (rows,))
            for column in self.columns:
                if column.theirs is not None:
                    elements |= self.cells.added(column, rows)
            self.sides.staged.stored.append_rows(elements, len(rows))

    def _unmake(self) -> None:
        """Take out what the base lacks and the sides disagree about, where that was asked for."""
        for name in self.cells.unmade:
            self.sides.staged.stored.drop_column(name)
        rows = np.array(sorted(self.cells.unmade_samples), np.int64)
        self.sides.staged.stored.delete_rows(rows)
