"""Three-way merge of a table in the model: columns first, then samples, then cells."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.merging.model.rules import (
    ABSENT,
    Clash,
    Disagreement,
    Named,
    Referee,
    agreed,
    merge_attributes,
    merge_names,
)
from tests.merging.model.state import Column, Name, Row, Table, exact
from tests.merging.model.values import Cell, Form, cast

SIDES = ("base", "ours", "theirs")


@dataclass
class Triple(Named):
    """A column on its three sides and in the result; the names are the column's."""

    form: Form | None = None
    optional: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    winner: str | None = None
    """The side whose form was chosen, and whose cells count then."""
    is_kept: bool = True


@dataclass
class TableMerge:
    """A table in base, ours and theirs; `path` is where the result has it."""

    path: str
    base: Table
    ours: Table
    theirs: Table
    referee: Referee

    def run(self) -> Table:
        """Return the merged table."""
        self.triples = self._triples()
        self._merge_dropped()
        self._merge_forms()
        kept = [each for each in self.triples if each.is_kept]
        merge_names(kept, self.referee, clash_at=lambda name: f"{self.path}/{name}")
        self.triples = [each for each in kept if each.name is not None]
        made = Table(self.ours.id, self.ours.keys, layout=self.ours.layout)
        made.dead = list(self.ours.dead)
        layouts = {side.layout for side in (self.base, self.ours, self.theirs) if side.id}
        made.is_uncertain = len(layouts) > 1 or self.ours.is_uncertain or self.theirs.is_uncertain
        sides = self.base.attributes, self.ours.attributes, self.theirs.attributes
        made.attributes = merge_attributes(self.path, sides, self.referee)
        for each in self.triples:
            self._merge_column_attributes(each)
            made.columns[str(each.name)] = self._made(each)
        self._merge_samples(made)
        return made

    # Columns

    def _triples(self) -> list[Triple]:
        ours, theirs = self.ours.by_id(), self.theirs.by_id()
        found = [
            Triple(name, ours.pop(column.id, None), theirs.pop(column.id, None))
            for name, column in self.base.columns.items()
        ]
        both = [each for each in ours if each in theirs]
        found += [Triple(None, ours.pop(each), theirs.pop(each)) for each in both]
        names = set(theirs.values())
        found += [Triple(None, name, name if name in names else None) for name in ours.values()]
        found += [Triple(None, None, name) for name in theirs.values() if name not in ours.values()]
        return found

    def _column(self, triple: Triple, side: str) -> Column | None:
        name = getattr(triple, side)
        return None if name is None else getattr(self, side).columns[name]

    def _merge_dropped(self) -> None:
        for each in self.triples:
            if each.base is None or None not in (each.ours, each.theirs):
                continue
            path = f"{self.path}/{each.base}"
            if each.ours is each.theirs is None:
                each.is_kept = False
                self._meet_remade(each.base, path)
                continue
            side = "ours" if each.theirs is None else "theirs"
            each.is_kept = False
            if self._is_changed(each, side):
                each.is_kept = (self.referee.ask(Clash(path, "deleted")) or "ours") == side

    def _meet_remade(self, name: str, path: str) -> None:
        """Meet a column that one side dropped, and the other dropped and made again."""
        remade = [e for e in self.triples if e.base is None and name in (e.ours, e.theirs)]
        for each in remade:
            if None in (each.ours, each.theirs):
                side = "ours" if each.theirs is None else "theirs"
                each.is_kept = (self.referee.ask(Clash(path, "deleted")) or "ours") == side

    def _is_changed(self, each: Triple, side: str) -> bool:
        """Return whether a side changed a column in any way, or has samples that the base lacks."""
        table: Table = getattr(self, side)
        old, new = self._column(each, "base"), self._column(each, side)
        assert old is not None
        assert new is not None
        if each.base != getattr(each, side) or old.form != new.form:
            return True
        if exact(old.attributes) != exact(new.attributes) or table.rows.keys() - self.base.rows:
            return True
        both = table.rows.keys() & self.base.rows.keys()
        return any(old.read(self.base.rows[n]) != new.read(table.rows[n]) for n in both)

    def _merge_forms(self) -> None:
        for each in self.triples:
            base, ours, theirs = (self._column(each, side) for side in SIDES)
            known = ours or theirs
            if not each.is_kept or known is None:
                continue
            each.form, each.optional = known.form, known.optional
            if ours is None or theirs is None:
                continue
            each.optional = ours.optional or theirs.optional
            if base is not None:  # of two answers to yes or no, at most one is new
                each.optional = agreed(base.optional, ours.optional, theirs.optional)
            form = agreed(None if base is None else base.form, ours.form, theirs.form)
            if form is Disagreement or not self._fit(each, form):
                path = f"{self.path}/{_name_of(each)}"
                choice = self.referee.ask(Clash(path, "schema")) or "ours"
                winner = ours if choice == "ours" else theirs
                each.winner, form, each.optional = choice, winner.form, winner.optional
            each.form = form

    def _fit(self, each: Triple, form: Form) -> bool:
        """Return whether the values that a side changed or added fit the form of the other."""
        column = Column("", form, each.optional)
        for side in ("ours", "theirs"):
            for name in getattr(self, side).rows:
                held = self._cell(each, column, name, side)
                if held != self._cell(each, column, name, "base") and not fits(held, column):
                    return False
        return True

    def _merge_column_attributes(self, each: Triple) -> None:
        columns = [self._column(each, side) for side in SIDES]
        base, ours, theirs = ({} if c is None else c.attributes for c in columns)
        if columns[1] is None or columns[2] is None:
            each.attributes = dict(ours if columns[1] is not None else theirs)
            return
        each.attributes = merge_attributes(
            f"{self.path}/{each.name}", (base, ours, theirs), self.referee
        )

    def _made(self, each: Triple) -> Column:
        ours, theirs = self._column(each, "ours"), self._column(each, "theirs")
        known = ours or theirs
        if ours is not None and theirs is not None and _form(ours) != (each.form, each.optional):
            known = theirs  # the result is the column that has its form
        assert known is not None
        assert each.form is not None
        return Column(known.id, each.form, each.optional, each.attributes)

    # Samples

    def _merge_samples(self, made: Table) -> None:
        for name in [*self.ours.rows, *(n for n in self.theirs.rows if n not in self.ours.rows)]:
            if self._is_kept(name):
                row: Row = {}
                for each in self.triples:
                    column = made.columns[str(each.name)]
                    row[column.id] = self._merged(each, column, name)
                made.rows[name] = row
        made.dead += [name for name in self.ours.rows if name not in made.rows]
        made.dead = [name for name in made.dead if name not in made.rows]

    def _is_kept(self, name: Name) -> bool:
        sides = [name in getattr(self, side).rows for side in SIDES]
        if not sides[0] or all(sides):
            return True
        side = "ours" if sides[1] else "theirs"
        if not self._is_sample_changed(name, side):
            return False
        clash = Clash(self.path, "deleted", self.base.label(name))
        return (self.referee.ask(clash) or "ours") == side

    def _is_sample_changed(self, name: Name, side: str) -> bool:
        for each in self.triples:
            old, new = self._column(each, "base"), self._column(each, side)
            if old is not None and new is not None:
                before = old.read(self.base.rows[name])
                after = new.read(getattr(self, side).rows[name])
                if not is_same(before, old, after, new):
                    return True
        return False

    def _cell(self, each: Triple, column: Column, name: Name, side: str) -> Cell:
        """Return what a side holds, in the form that the result has; ABSENT if nothing."""
        table: Table = getattr(self, side)
        held = self._column(each, side)
        if held is None or name not in table.rows:
            return ABSENT
        return converted(held.read(table.rows[name]), held.form, column)

    def _merged(self, each: Triple, column: Column, name: Name) -> Cell:
        base, ours, theirs = (self._cell(each, column, name, side) for side in SIDES)
        if ours is ABSENT or theirs is ABSENT:
            found = theirs if ours is ABSENT else ours
            return found if found is not ABSENT and fits(found, column) else column.unset()
        if each.winner is not None:
            return ours if each.winner == "ours" else theirs
        value = agreed(base, ours, theirs)
        if value is not Disagreement:
            return value
        label = self.ours.label(name)
        kind = "added" if base is ABSENT else "changed"
        path = f"{self.path}/{each.name}"
        return self.referee.settle(Clash(path, kind, label, base, ours, theirs, is_value=True))


def _form(column: Column) -> tuple[Form, bool]:
    return column.form, column.optional


def _name_of(each: Triple) -> str:
    name = agreed(each.base, each.ours, each.theirs)
    return str(each.ours if name is Disagreement else name)


def converted(held: Cell, form: Form, column: Column) -> Cell:
    """Return a cell in the form of another column; as it was where that cannot hold it."""
    if held is None or form == column.form:
        return held
    if (form.kind, form.shape) != (column.form.kind, column.form.shape) or not form.is_plain:
        return held
    if not _may_become(np.dtype(form.dtype), np.dtype(column.form.dtype)):
        return held
    with np.errstate(invalid="ignore"):
        made = cast(held, column.form)
        return made if cast(made, form) == held else held


def _may_become(dtype: np.dtype[Any], other: np.dtype[Any]) -> bool:
    """Return whether numbers of a data type may become those of another that hold the same."""
    kinds = {"b": "biuf", "i": "iuf", "u": "iuf", "f": "f"}
    return np.can_cast(other, dtype, "safe") or other.kind in kinds.get(dtype.kind, "")


def is_same(one: Cell, column: Column, other: Cell, others: Column) -> bool:
    """Return whether two cells are equal in the form of either column."""
    if one is None or other is None:
        return one is other
    found = converted(one, column.form, others), converted(other, others.form, column)
    return bool(found[0] == other or found[1] == one)


def fits(held: Cell, column: Column) -> bool:
    """Return whether a cell is of a column's form."""
    if held is None:
        return column.optional
    if not isinstance(held, tuple):
        return isinstance(held, str if column.form.kind == "text" else bytes)
    if column.form.kind == "image":
        return bool(held[0] == "|u1")
    shape = column.form.shape
    is_shaped = len(shape) == len(held[1]) and all(
        length in (None, own) for length, own in zip(shape, held[1], strict=True)
    )
    return is_shaped and held[0] == np.dtype(column.form.dtype or "V").str
