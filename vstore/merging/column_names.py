"""What the columns of a merged table are called, where both sides give names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vstore.merging.columns import MergedColumn
from vstore.merging.conflicts import Answers, Conflict
from vstore.merging.moves import settle
from vstore.merging.rules import Verdict, verdict
from vstore.merging.sides import TableSides
from vstore.writing.new_column import check_column_name


@dataclass
class ColumnNames:
    """Gives columns of the result the names that they have in theirs."""

    sides: TableSides
    columns: Sequence[MergedColumn]
    lost: list[MergedColumn] = field(init=False, default_factory=list)
    """Columns of ours that gave up their names, and the result."""

    def merge(self) -> None:
        """Rename what theirs renamed, all at once, but for what gave up its name already."""
        wanted: dict[str, str] = {}
        for column in self._in_result():
            if column.theirs is not None and column.name == column.ours:
                self._want(column, wanted)
        infos = self.sides.staged.stored.infos
        moves = settle(wanted, infos.__contains__, self._make_room)
        self.sides.staged.stored.rename_columns(moves)
        for column in self._in_result():
            column.name = moves.get(column.name, column.name)

    def _want(self, column: MergedColumn, wanted: dict[str, str]) -> None:
        base, ours, theirs = column.base, column.ours or "", column.theirs or ""
        found = verdict(base, ours, theirs)
        if found is Verdict.THEIRS:
            wanted[ours] = theirs
        if found is not Verdict.CONFLICT:
            return

        def value(name: Any) -> None:
            check_column_name(name)
            wanted[ours] = name

        def as_it_was() -> None:
            if base is not None:
                wanted[ours] = base
            else:
                self._leave(column, ours, None)

        note = f"called {ours!r} in ours and {theirs!r} in theirs"
        self.sides.conflicts.add(
            Conflict(f"{self.sides.path}/{base or ours}", "schema", None, base, ours, theirs, note),
            Answers(lambda: value(theirs), as_it_was, value),
        )

    def _make_room(self, old: str, new: str) -> dict[str, str] | None:
        """Meet a column that theirs renamed to what ours calls another."""
        there = self._owner(new)
        more: list[dict[str, str]] = []
        self.sides.conflicts.add(
            Conflict(
                f"{self.sides.path}/{new}",
                "schema",
                note=f"renamed from {old!r} in theirs, where ours has another column {new!r}",
            ),
            Answers(
                lambda: more.append(self._leave(there, new, there.theirs)),
                lambda: more.append(self._leave(there, new, there.base)),
            ),
        )
        return more[0] if more else None

    def is_free(self, column: MergedColumn) -> bool:
        """Return whether a column of theirs can have its name; meet one of ours that has it."""
        if column.name not in self.sides.staged.stored.infos:
            return True
        there = self._owner(column.name)
        freed: list[bool] = []

        def leave(place: str | None, *, is_taken: bool) -> None:
            self._give_up(there, column.name, place)
            freed.append(is_taken)

        self.sides.conflicts.add(
            Conflict(
                f"{self.sides.path}/{column.name}",
                "schema",
                note=f"made in theirs, where ours has another column {column.name!r}",
            ),
            Answers(
                lambda: leave(there.theirs, is_taken=True),
                lambda: leave(there.base, is_taken=False),
            ),
        )
        return freed == [True]

    def _owner(self, name: str) -> MergedColumn:
        """Return the column that has a name in the result: one of ours, or one of the base."""
        for column in self._in_result():
            if column.name == name:
                return column
        return next(column for column in self.columns if column.base == name)

    def _in_result(self) -> Iterator[MergedColumn]:
        """Yield the columns of ours that the result has."""
        for column in self.columns:
            if column.ours is not None and column not in self.lost:
                yield column

    def _leave(self, there: MergedColumn, name: str, place: str | None) -> dict[str, str]:
        """Return what a column of ours is to be called instead; drop one with no other name."""
        if place is not None and place != name:
            return {name: place}
        self.sides.staged.stored.drop_column(name)
        self.lost.append(there)
        return {}

    def _give_up(self, there: MergedColumn, name: str, place: str | None) -> None:
        """Rename a column of ours, or drop it where there is no other name for it."""
        stored = self.sides.staged.stored
        leaving = self._leave(there, name, place)
        moves = settle(leaving, stored.infos.__contains__, self._make_room)
        stored.rename_columns(moves)
        for column in self._in_result():
            column.name = moves.get(column.name, column.name)
