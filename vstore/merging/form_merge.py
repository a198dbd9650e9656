"""Merging the forms of a column: which samples it may have in the result."""

from dataclasses import dataclass

from vstore.diffing.columns import stored
from vstore.errors import InvalidInputError
from vstore.format.numbers import StoredRows
from vstore.merging.cells import Cells, Form
from vstore.merging.columns import MergedColumn
from vstore.merging.conflicts import Answers, Conflict
from vstore.merging.rules import Verdict, verdict
from vstore.merging.sides import TableSides, waves
from vstore.reading.stored_table import StoredTable


@dataclass
class FormMerge:
    """Gives columns of the result, which begin in the form of ours, the form they are to have."""

    sides: TableSides

    def run(self, column: MergedColumn) -> bool:
        """Merge the forms of a column that both sides have; return whether the result has it."""
        found = self._verdict(column)
        if found is Verdict.OURS and self._theirs_fits(column):
            return True
        if found is Verdict.THEIRS and self._take_form(column):
            return True
        return self._conflict(column, found)

    def _verdict(self, column: MergedColumn) -> Verdict:
        ours = Form.of(self.sides.ours, column.ours or "")
        theirs = Form.of(self.sides.theirs, column.theirs or "")
        if column.base is not None:
            return verdict(Form.of(self.sides.base, column.base), ours, theirs)
        if ours.is_like(theirs):  # of two forms that both sides made, one may hold the other
            return Verdict.OURS if ours.info.optional else verdict(ours, ours, theirs)
        return Verdict.CONFLICT

    def _theirs_fits(self, column: MergedColumn) -> bool:
        """Return whether what theirs has to say fits the form of ours."""
        name, form = column.theirs or "", Form.of(self.sides.ours, column.ours or "")
        if Form.of(self.sides.theirs, name) == form:
            return True
        if column.base is None:
            rows = [self.sides.theirs.rows.live()]
        else:
            rows = [self.sides.t.changes(column.base, name)[1], self.sides.t.alignment.added]
        return all(self._fits(self.sides.theirs, name, each, form) for each in rows)

    def _fits(self, table: StoredTable, name: str, rows: StoredRows, form: Form) -> bool:
        try:
            for (part,) in waves(rows):
                Cells.read(table, name, part).converted(form)
        except InvalidInputError:
            return False
        return True

    def _take_form(self, column: MergedColumn) -> bool:
        """Give the column the form of theirs, if what ours has to say fits it."""
        name, form = column.ours or "", Form.of(self.sides.theirs, column.theirs or "")
        rows = self.sides.ours.rows.live()
        is_untouched = column.base is not None and not len(
            self.sides.o.changes(column.base, name)[0]
        )
        if is_untouched:
            rows = self.sides.o.alignment.added
        if not self._fits(self.sides.ours, name, rows, form):
            return False
        column.winner = "theirs" if is_untouched else None
        self._reform(column, rows)
        return True

    def _reform(self, column: MergedColumn, rows: StoredRows) -> None:
        """Make the column anew as theirs has it, with what ours has in some rows."""
        form = Form.of(self.sides.theirs, column.theirs or "")
        table = self.sides.staged.stored
        attributes = table.attributes(column.name)
        table.drop_column(column.name)
        make_column(self.sides, column.name, self.sides.theirs, column.theirs or "")
        table.set_attributes(attributes, column=column.name)
        for (part,) in waves(rows):
            cells = Cells.read(self.sides.ours, column.ours or "", part).fitting(form)
            write_cells(self.sides, column.name, part, cells)

    def _conflict(self, column: MergedColumn, found: Verdict) -> bool:
        column.winner, column.is_settled = "ours", True
        is_there = [True]

        def theirs() -> None:
            column.winner = "theirs"
            self._reform(column, self.sides.ours.rows.live())

        def base() -> None:
            is_there[0] = False
            self.sides.staged.stored.drop_column(column.name)
            put_base_column(self.sides, column)

        note = f"the column {column.name!r} was made with different schemas on both sides"
        if column.base is not None:
            note = "the column was cast to different types on both sides"
        if found is not Verdict.CONFLICT:
            one, other = ("ours", "theirs") if found is Verdict.OURS else ("theirs", "ours")
            note = f"the column was cast in {one}, and cannot hold what it has in {other}"
        path = f"{self.sides.path}/{column.name}"
        self.sides.conflicts.add(Conflict(path, "schema", note=note), Answers(theirs, base))
        return is_there[0]


def make_column(sides: TableSides, name: str, table: StoredTable, source: str) -> None:
    """Make a column in the result as a table has one; all its samples are unset."""
    for suffix in table.infos[source].suffixes:
        info = table.infos[source] if not suffix else None
        metadata = stored(table, source + suffix).metadata
        sides.staged.stored.add_array(name + suffix, metadata, info)


def put_base_column(sides: TableSides, column: MergedColumn) -> None:
    """Make a column of the base in the result, if it had one and its name is free."""
    name = column.base
    if name is None or name in sides.staged.stored.infos:
        return
    make_column(sides, name, sides.base, name)
    rows = sides.o.alignment.new_row(sides.base_rows)
    for before, part in waves(sides.base_rows[rows >= 0], rows[rows >= 0]):
        write_cells(sides, name, part, Cells.read(sides.base, name, before))


def write_cells(sides: TableSides, name: str, rows: StoredRows, cells: Cells) -> None:
    """Put cells into rows of a column of the result."""
    if len(rows):
        for suffix, elements in cells.rows.items():
            sides.staged.stored.write_rows(name + suffix, rows, elements)
