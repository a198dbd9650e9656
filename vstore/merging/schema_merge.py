"""Merging what a table is: its attributes and its columns."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vstore.diffing.columns import stored
from vstore.merging.columns import MergedColumn, is_same_form, triples
from vstore.merging.conflicts import Conflict, merge_attributes
from vstore.merging.moves import settle
from vstore.merging.sides import TableSides
from vstore.writing.new_column import check_column_name


@dataclass
class SchemaMerge:
    """Puts into the result the attributes and columns that theirs changed since the base."""

    sides: TableSides
    _lost: list[MergedColumn] = field(init=False, default_factory=list)

    def run(self) -> list[MergedColumn]:
        """Merge attributes and columns; return the columns of the result."""
        self._merge_table_attributes()
        gone = {c.base for c in self.columns if c.base and c.ours is None and c.theirs is None}
        dropped = [c for c in self.columns if c.base is not None and c.theirs is None]
        for column in dropped:  # so that others can have their names
            self._merge_dropped_column(column)
        self._rename()
        merged = [
            self._merge_remade_column(column)
            if column.base is None and column.name in gone and None in (column.ours, column.theirs)
            else self._merge_column(column)
            for column in self.columns
            if column not in dropped
        ]
        return [column for column in merged if column is not None and column not in self._lost]

    @cached_property
    def columns(self) -> list[MergedColumn]:
        """The columns of all sides; what the result calls each changes as they are renamed."""
        return list(triples(self.sides.base.infos, self.sides.ours.infos, self.sides.theirs.infos))

    def _merge_table_attributes(self) -> None:
        sides = self.sides.base.attributes, self.sides.ours.attributes, self.sides.theirs.attributes
        merged, disagreed = merge_attributes(*sides)
        if merged != self.sides.ours.attributes:
            self.sides.staged.stored.set_attributes(merged)
        for name in disagreed:
            self._attribute_conflict(None, name, [side.get(name) for side in sides])

    def _merge_column_attributes(self, column: MergedColumn) -> None:
        base = self.sides.base.columns[column.base].attributes if column.base else {}
        ours = self.sides.ours.columns[column.ours or ""].attributes
        theirs = self.sides.theirs.columns[column.theirs or ""].attributes
        merged, disagreed = merge_attributes(base, ours, theirs)
        if merged != ours:
            self.sides.staged.stored.set_attributes(merged, column=column.name)
        for name in disagreed:
            values = [side.get(name) for side in (base, ours, theirs)]
            self._attribute_conflict(column.name, name, values)

    def _attribute_conflict(self, column: str | None, name: str, values: list[Any]) -> None:
        def take(value: Any) -> None:
            held = self.sides.staged.stored.attributes(column)
            self.sides.staged.stored.set_attributes(held | {name: value}, column=column)

        path = self.sides.path if column is None else f"{self.sides.path}/{column}"
        note = f"the attribute {name!r} was set differently on both sides"
        base, ours, theirs = values
        self.sides.conflicts.add(
            Conflict(path, "attribute", name, base, ours, theirs, note=note, take=take)
        )

    def _merge_column(self, column: MergedColumn) -> MergedColumn | None:
        """Return the column as the result has it; None where it goes."""
        if column.base is None:
            return self._merge_new_column(column)
        if column.ours is None:
            return self._merge_dropped_column(column)
        self._merge_column_attributes(column)
        retyped = [self.sides.o.is_retyped(column.base, column.ours)]
        retyped.append(self.sides.t.is_retyped(column.base, column.theirs or ""))
        if not any(retyped):
            return column
        return self._merge_retyped_column(column, ours=retyped[0], theirs=retyped[1])

    def _merge_new_column(self, column: MergedColumn) -> MergedColumn | None:
        if column.theirs is None:
            return None
        if column.ours is None:
            return column if self._copy_where_free(column) else None
        if is_same_form(self.sides.ours, column.ours, self.sides.theirs, column.theirs):
            self._merge_column_attributes(column)
            return column
        note = f"the column {column.name!r} was made with different schemas on both sides"
        return self._schema_conflict(column, note)

    def _merge_remade_column(self, column: MergedColumn) -> MergedColumn | None:
        """Meet a column that was deleted on one side, and deleted and made again on the other."""
        there, here = ("ours", "theirs") if column.theirs is None else ("theirs", "ours")
        note = f"the column was deleted in {here}, and made anew in {there}"
        replaced: list[MergedColumn] = []

        def take(_: Any) -> None:
            if column.theirs is None:
                self._drop(column.name)
            else:
                self._copy_column(column)
                replaced.append(column)

        path = f"{self.sides.path}/{column.name}"
        self.sides.conflicts.add(Conflict(path, "deleted", note=note, take=take))
        return replaced[0] if replaced else None

    def _merge_dropped_column(self, column: MergedColumn) -> MergedColumn | None:
        base, name = column.base or "", column.ours or column.theirs
        if name is None:
            return None
        side = self.sides.o if column.ours is not None else self.sides.t
        if not side.touches(base, name):
            if column.theirs is None:
                self._drop(name)
            return None
        here, there = ("ours", "theirs") if column.ours is None else ("theirs", "ours")
        did = "changed or extended" if name == base else f"renamed to {name!r}"
        note = f"the column was deleted in {here}, and {did} in {there}"
        replaced: list[MergedColumn] = []

        def take(_: Any) -> None:
            if column.theirs is None:
                self._drop(name)
            elif self._copy_where_free(column):
                replaced.append(column)

        path = f"{self.sides.path}/{base}"
        self.sides.conflicts.add(Conflict(path, "deleted", note=note, take=take))
        return replaced[0] if replaced else None

    def _merge_retyped_column(
        self, column: MergedColumn, *, ours: bool, theirs: bool
    ) -> MergedColumn | None:
        base, o, t = column.base or "", column.ours or "", column.theirs or ""
        if ours and not theirs and not self.sides.t.has_other_values(base, t):
            return column.without_values()
        if theirs and not ours and not self.sides.o.has_other_values(base, o):
            self._drop(column.name)
            self._copy_column(column)
            return column.without_values()
        if ours and theirs and is_same_form(self.sides.ours, o, self.sides.theirs, t):
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

        path = f"{self.sides.path}/{column.name}"
        self.sides.conflicts.add(Conflict(path, "schema", note=note, take=take))
        return replaced[0] if replaced else None

    def _rename(self) -> None:
        """Give columns of ours the names they have in theirs, all at once."""
        wanted: dict[str, str] = {}
        for column in self.columns:
            if column.base is None or column.ours is None or column.theirs is None:
                continue
            if column.disagrees:
                self._name_conflict(column, wanted)
            elif column.ours != column.name:
                wanted[column.ours] = column.name
        infos = self.sides.staged.stored.infos
        moves = settle(wanted, infos.__contains__, self._make_room)
        self.sides.staged.stored.rename_columns(moves)
        for column in self.columns:
            if column.ours is not None:
                column.name = moves.get(column.ours, column.ours)

    def _name_conflict(self, column: MergedColumn, wanted: dict[str, str]) -> None:
        ours = column.ours or ""

        def take(name: Any) -> None:
            check_column_name(name)
            wanted[ours] = name

        note = f"renamed to {ours!r} in ours and to {column.theirs!r} in theirs"
        path = f"{self.sides.path}/{column.base}"
        values = column.base, column.ours, column.theirs
        self.sides.conflicts.add(Conflict(path, "schema", None, *values, note, take))

    def _make_room(self, old: str, new: str) -> dict[str, str] | None:
        """Meet a column that theirs renamed to what ours calls another."""
        more: list[dict[str, str]] = []

        def take(_: Any) -> None:
            more.append(self._leave(next(c for c in self.columns if c.ours == new), new))

        note = f"renamed from {old!r} in theirs, where ours has another column {new!r}"
        path = f"{self.sides.path}/{new}"
        self.sides.conflicts.add(Conflict(path, "schema", note=note, take=take))
        return more[0] if more else None

    def _leave(self, there: MergedColumn, name: str) -> dict[str, str]:
        """Return what a column of ours is called in theirs; drop one that theirs has not."""
        if there.theirs is not None and there.theirs != name:
            return {name: there.theirs}
        self._drop(name)
        self._lost.append(there)
        return {}

    def _copy_where_free(self, column: MergedColumn) -> bool:
        """Make a column of theirs in the result, if ours has no other of its name."""
        stored_columns = self.sides.staged.stored
        if column.name not in stored_columns.infos:
            self._copy_column(column)
            return True
        copied: list[bool] = []

        def take(_: Any) -> None:
            there = next(c for c in self.columns if c.ours is not None and c.name == column.name)
            for name, place in self._leave(there, column.name).items():
                if place in stored_columns.infos:
                    self._drop(name)
                    self._lost.append(there)
                else:
                    stored_columns.rename_column(name, place)
                    there.name = place
            self._copy_column(column)
            copied.append(True)

        note = f"made in theirs, where ours has another column {column.name!r}"
        path = f"{self.sides.path}/{column.name}"
        self.sides.conflicts.add(Conflict(path, "schema", note=note, take=take))
        return bool(copied)

    def _drop(self, name: str) -> None:
        self.sides.staged.stored.drop_column(name)

    def _copy_column(self, column: MergedColumn) -> None:
        """Make a column of theirs in the result, with its values of the base's rows."""
        name = column.theirs or ""
        rows = self.sides.base_rows
        where = self.sides.o.alignment.new_row(rows), self.sides.t.alignment.new_row(rows)
        both = (where[0] >= 0) & (where[1] >= 0)
        for suffix in self.sides.parts(name):
            source = stored(self.sides.theirs, name + suffix)
            info = self.sides.theirs.infos[name] if not suffix else None
            self.sides.staged.stored.add_array(column.name + suffix, source.metadata, info)
            self.sides.take(name + suffix, column.name + suffix, where[0][both], where[1][both])
