"""Merging what a table is: its attributes, and which columns it has, in which form."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from vstore.merging.attributes import AttributeMerge
from vstore.merging.column_names import ColumnNames
from vstore.merging.columns import MergedColumn, Presence, triples
from vstore.merging.conflicts import Answers, Conflict
from vstore.merging.form_merge import FormMerge, make_column, put_base_column
from vstore.merging.sides import TableSides


@dataclass
class SchemaMerge:
    """Puts into the result the attributes and columns that theirs changed since the base.

    The samples of columns that theirs made are left to be merged.
    """

    sides: TableSides
    _kept: list[MergedColumn] = field(init=False, default_factory=list)

    def run(self) -> list[MergedColumn]:
        """Merge attributes and columns; return the columns of the result."""
        table = self.sides.staged.stored
        AttributeMerge(
            self.sides.path,
            self.sides.base.attributes,
            self.sides.ours.attributes,
            self.sides.theirs.attributes,
            table.attributes,
            table.set_attributes,
        ).run(self.sides.conflicts)
        self._merge(column for column in self.columns if column.is_dropped)
        self.names.merge()  # once dropped columns have given up theirs
        self._merge(column for column in self.columns if not column.is_dropped)
        return [column for column in self._kept if column not in self.names.lost]

    @cached_property
    def columns(self) -> list[MergedColumn]:
        """The columns of all sides; what the result calls each changes as they are renamed."""
        return list(triples(self.sides.base.infos, self.sides.ours.infos, self.sides.theirs.infos))

    @cached_property
    def names(self) -> ColumnNames:
        """What merges the names of columns."""
        return ColumnNames(self.sides, self.columns)

    def _merge(self, columns: Iterable[MergedColumn]) -> None:
        self._kept += [column for column in columns if self._RULES[column.presence](self, column)]

    # Each of these returns whether the result has the column. ------------------------

    def _merge_both(self, column: MergedColumn) -> bool:
        """Merge a column that both sides have: its form, and then its attributes."""
        if not FormMerge(self.sides).run(column):
            return False
        name, table = column.name, self.sides.staged.stored
        base = self.sides.base.columns[column.base].attributes if column.base else {}
        AttributeMerge(
            f"{self.sides.path}/{name}",
            base,
            self.sides.ours.columns[column.ours or ""].attributes,
            self.sides.theirs.columns[column.theirs or ""].attributes,
            lambda: table.attributes(name),
            lambda attributes: table.set_attributes(attributes, column=name),
        ).run(self.sides.conflicts)
        return True

    def _merge_dropped(self, column: MergedColumn) -> bool:
        """Drop what one side dropped, unless the other changed, renamed or extended it."""
        base, name = column.base or "", column.ours or column.theirs or ""
        side = self.sides.o if column.ours is not None else self.sides.t
        if not side.touches(base, name):
            self._drop(column)
            return False
        here, there = ("ours", "theirs") if column.ours is None else ("theirs", "ours")
        did = "changed or extended" if name == base else f"renamed to {name!r}"
        note = f"the column was deleted in {here}, and {did} in {there}"
        return self._deletion_conflict(column, base, note)

    def _merge_made(self, column: MergedColumn) -> bool:
        """Take what one side made, unless both dropped what had its name before."""
        if column.name in self._gone:
            here, there = ("ours", "theirs") if column.ours is None else ("theirs", "ours")
            note = f"the column was deleted in {here}, and made anew in {there}"
            return self._deletion_conflict(column, column.name, note)
        return column.theirs is None or self._make(column)

    def _leave_out(self, _: MergedColumn) -> bool:
        """Leave out what both sides dropped."""
        return False

    # --------------------------------------------------------------------------------

    @cached_property
    def _gone(self) -> set[str | None]:
        return {c.base for c in self.columns if c.presence == (True, False, False)}

    def _deletion_conflict(self, column: MergedColumn, name: str, note: str) -> bool:
        """Meet a column that one side dropped, and the other changed or made anew."""
        is_there = [column.theirs is None]

        def theirs() -> None:
            is_there[0] = column.theirs is not None and self._make(column)
            self._drop(column)

        def base() -> None:
            is_there[0] = False
            self._drop(column)
            put_base_column(self.sides, column)

        path = f"{self.sides.path}/{name}"
        self.sides.conflicts.add(Conflict(path, "deleted", note=note), Answers(theirs, base))
        return is_there[0]

    def _drop(self, column: MergedColumn) -> None:
        """Drop a column, if ours has it."""
        if column.ours is not None:
            self.sides.staged.stored.drop_column(column.name)
            self.names.lost.append(column)

    def _make(self, column: MergedColumn) -> bool:
        """Make a column of theirs, unless ours keeps another of its name; its samples are unset."""
        if not self.names.is_free(column):
            return False
        make_column(self.sides, column.name, self.sides.theirs, column.theirs or "")
        return True

    _RULES: ClassVar[Mapping[Presence, Callable[["SchemaMerge", MergedColumn], bool]]] = {
        (True, True, True): _merge_both,
        (True, True, False): _merge_dropped,
        (True, False, True): _merge_dropped,
        (True, False, False): _leave_out,
        (False, True, True): _merge_both,
        (False, True, False): _merge_made,
        (False, False, True): _merge_made,
    }
    """What becomes of a column, by whether base, ours and theirs have it."""
