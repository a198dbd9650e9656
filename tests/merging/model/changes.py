"""What a program may do in a transaction, chosen by numbers: it can be replayed and shortened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.merging.model.both import Both
from tests.merging.model.state import Column, Name, Table
from tests.merging.model.values import FORMS, INT64, UNSET, WIDER, Cell, Form, cell

T = TypeVar("T")

KEYS: dict[str, list[Any]] = {
    "str": ["a", "b", "c", "d", "e"],
    "int": [1, 2, 30, -4, 5],
    "tuple": [("p", 1), ("p", 2), ("q", 1), ("q", 2), ("r", 1)],
}
NUMBER = "n"
"""A column of tables without keys in which no two samples are equal, and which nobody changes."""

COLUMNS = ("x", "y", "z", "w")
PATHS = ("t", "u", "g/t")
ATTRIBUTES: tuple[Any, ...] = (1, 1.0, True, None, "m", [1], {"a": 0})


@dataclass
class Hand:
    """Chooses what a change is done to; once the numbers are used up, always the first."""

    numbers: Sequence[int]
    _at: int = 0

    def pick(self, options: Sequence[T]) -> T:
        """Return one of some options."""
        number = self.numbers[self._at] if self._at < len(self.numbers) else 0
        self._at += 1
        return options[number % len(options)]

    def chance(self) -> bool:
        """Return True half of the time."""
        return self.pick((False, True))


class NotPossibleError(Exception):
    """There is nothing that a change could be done to; nothing was done."""


Change = Callable[[Both, Hand], None]

CHANGES: dict[str, Change] = {}
"""Every change by the name of its row in the table of rules."""

IN_FORKS: set[str] = set()
"""The changes that a fork can make."""


def change(name: str, *, in_forks: bool = True) -> Callable[[Change], Change]:
    """Register a change under the name of its row."""

    def register(function: Change) -> Change:
        CHANGES[name] = function
        if in_forks:
            IN_FORKS.add(name)
        return function

    return register


def one_of(options: Sequence[T], hand: Hand) -> T:
    """Return one of some options, if there is any."""
    if not options:
        raise NotPossibleError
    return hand.pick(options)


def _path(both: Both, hand: Hand) -> str:
    return one_of(sorted(both.world.tables()), hand)


def _column(table: Table, hand: Hand) -> str:
    return one_of([name for name in sorted(table.columns) if name != NUMBER], hand)


def _free_column(table: Table, hand: Hand) -> str:
    return one_of([name for name in COLUMNS if name not in table.columns], hand)


def _free_path(both: Both, hand: Hand) -> str:
    nodes = both.world.nodes
    return one_of(
        [path for path in PATHS if path not in nodes and path.rpartition("/")[0] in nodes], hand
    )


@change("changed value")
def set_value(both: Both, hand: Hand) -> None:
    """Give a sample another value in one column."""
    path = _path(both, hand)
    table = both.table(path)
    column, name = _column(table, hand), one_of(list(table.rows), hand)
    both.change(path, name, {column: hand.pick(table.columns[column].form.pool())})


@change("set missing")
def set_missing(both: Both, hand: Hand) -> None:
    """Say that a sample is missing in an optional column."""
    path = _path(both, hand)
    table = both.table(path)
    optional = [name for name in sorted(table.columns) if table.columns[name].optional]
    both.change(path, one_of(list(table.rows), hand), {one_of(optional, hand): None})


@change("deleted")
def delete(both: Both, hand: Hand) -> None:
    """Delete a sample."""
    path = _path(both, hand)
    both.delete(path, one_of(list(both.table(path).rows), hand))


@change("added")
def add(both: Both, hand: Hand) -> None:
    """Add a sample, perhaps without a value in optional columns."""
    add_to(both, _path(both, hand), hand)


def add_to(both: Both, path: str, hand: Hand) -> None:
    """Add a sample to a table."""
    table = both.table(path)
    name: Name = next(both.fresh)
    if table.keys is not None:
        name = one_of([key for key in KEYS[table.keys] if key not in table.rows], hand)
    cells = {each: _new_cell(each, c, name, hand) for each, c in sorted(table.columns.items())}
    both.add(path, name, cells)


def _new_cell(name: str, column: Column, sample: Name, hand: Hand) -> Cell:
    if name == NUMBER:
        return cell(INT64.number(sample))
    if column.optional and hand.pick((0, 0, 1)):
        return hand.pick([UNSET, None])
    return hand.pick(column.form.pool())


def _add_column(both: Both, path: str, name: str, hand: Hand, kind: tuple[bool, bool]) -> None:
    """Add a column of one of several forms; the kind: whether optional, and with values."""
    optional, has_values = kind
    form = hand.pick((FORMS[0], INT64, *FORMS[1:]))
    pool = form.pool() + ([None] if optional else [])
    cells = [hand.pick(pool) for _ in both.table(path).rows] if has_values else None
    both.add_column(path, name, (form, optional), cells)


def _adding(kind: tuple[bool, bool]) -> Change:
    def add_column(both: Both, hand: Hand) -> None:
        path = _path(both, hand)
        _add_column(both, path, _free_column(both.table(path), hand), hand, kind)

    return add_column


change("column added without values")(_adding((False, False)))
change("column added with values")(_adding((False, True)))
change("optional column added without values")(_adding((True, False)))
change("optional column added with values")(_adding((True, True)))


@change("cast")
def cast_column(both: Both, hand: Hand) -> None:
    """Give a column of numbers a wider data type."""
    path = _path(both, hand)
    forms = {name: column.form for name, column in sorted(both.table(path).columns.items())}
    names = [
        n for n, form in forms.items() if form.is_plain and form.dtype in WIDER and n != NUMBER
    ]
    name = one_of(names, hand)
    both.cast(path, name, hand.pick(WIDER[forms[name].dtype]))


@change("renamed")
def rename_column(both: Both, hand: Hand) -> None:
    """Give a column another name."""
    path = _path(both, hand)
    table = both.table(path)
    both.rename_column(path, _column(table, hand), _free_column(table, hand))


def _droppable(both: Both, hand: Hand) -> tuple[str, str]:
    path = _path(both, hand)
    if len(both.table(path).columns) < 2:
        raise NotPossibleError
    return path, _column(both.table(path), hand)


@change("dropped")
def drop_column(both: Both, hand: Hand) -> None:
    """Delete a column, but for the last one."""
    both.drop_column(*_droppable(both, hand))


@change("recreated")
def recreate_column(both: Both, hand: Hand) -> None:
    """Delete a column, and make another one of its name."""
    path, name = _droppable(both, hand)
    both.drop_column(path, name)
    _add_column(both, path, name, hand, (hand.chance(), hand.chance()))


@change("compacted")
def compact(both: Both, hand: Hand) -> None:
    """Rewrite a table without its deleted samples."""
    both.compact(_path(both, hand))


def _set(held: dict[str, Any], hand: Hand) -> dict[str, Any]:
    free = one_of([name for name in ("unit", "from") if name not in held], hand)
    return held | {free: hand.pick(ATTRIBUTES)}


def _change(held: dict[str, Any], hand: Hand) -> dict[str, Any]:
    return held | {one_of(sorted(held), hand): hand.pick(ATTRIBUTES)}


def _remove(held: dict[str, Any], hand: Hand) -> dict[str, Any]:
    name = one_of(sorted(held), hand)
    return {each: value for each, value in held.items() if each != name}


def _setting(how: Callable[[dict[str, Any], Hand], dict[str, Any]]) -> Change:
    """Return a change of an attribute of a column, a table or a group."""

    def set_attributes(both: Both, hand: Hand) -> None:
        if hand.pick((0, 0, 0, 1)):
            groups = both.world.groups()
            path = one_of(sorted(groups), hand)
            both.set_attributes(path, how(groups[path].attributes, hand))
            return
        path = _path(both, hand)
        table = both.table(path)
        column = _column(table, hand) if hand.pick((1, 1, 0)) else None
        owner = table if column is None else table.columns[column]
        both.set_attributes(path, how(owner.attributes, hand), column)

    return set_attributes


change("attribute set")(_setting(_set))
change("attribute changed")(_setting(_change))
change("attribute removed")(_setting(_remove))


@change("moved", in_forks=False)
def move(both: Both, hand: Hand) -> None:
    """Give a table another path."""
    both.move(_path(both, hand), _free_path(both, hand))


@change("copied", in_forks=False)
def copy_table(both: Both, hand: Hand) -> None:
    """Copy a table."""
    both.copy(_path(both, hand), _free_path(both, hand))


@change("table dropped", in_forks=False)
def drop_table(both: Both, hand: Hand) -> None:
    """Delete a table."""
    both.drop(_path(both, hand))


@change("table added", in_forks=False)
def add_table(both: Both, hand: Hand) -> None:
    """Make a table with a sample."""
    make_table(both, _free_path(both, hand), hand)


@change("table recreated", in_forks=False)
def recreate_table(both: Both, hand: Hand) -> None:
    """Delete a table, and make another one in its place."""
    path = _path(both, hand)
    both.drop(path)
    make_table(both, path, hand)


def make_table(both: Both, path: str, hand: Hand, *, samples: int = 1) -> None:
    """Make a table of a few columns and samples."""
    keys = hand.pick(("str", None, "int", "tuple"))
    columns: dict[str, tuple[Form, bool]] = {
        name: (hand.pick(FORMS), hand.chance()) for name in COLUMNS[: hand.pick((2, 1, 3))]
    }
    if keys is None:
        columns[NUMBER] = INT64, False
    both.make_table(path, keys, columns)
    for _ in range(samples):
        try:
            add_to(both, path, hand)
        except NotPossibleError:
            continue


@change("array changed")
def change_element(both: Both, hand: Hand) -> None:
    """Change an element of a plain array."""
    both.change_element(
        one_of(sorted(both.world.arrays()), hand), hand.pick(range(4)), hand.pick((0, 1, 2))
    )


@change("array added", in_forks=False)
def add_array(both: Both, hand: Hand) -> None:
    """Make a plain array."""
    path = one_of([each for each in ("a", "g/b") if each not in both.world.nodes], hand)
    both.make_array(path, hand.pick(("int16", "int32")))


@change("array dropped", in_forks=False)
def drop_array(both: Both, hand: Hand) -> None:
    """Delete a plain array."""
    both.drop(one_of(sorted(both.world.arrays()), hand))


@change("group dropped", in_forks=False)
def drop_group(both: Both, hand: Hand) -> None:
    """Delete a group, and all that is in it."""
    both.drop(one_of([path for path in sorted(both.world.groups()) if path], hand))


def begin(both: Both, hand: Hand) -> None:
    """Make what a program begins with: a table, two arrays and a group."""
    make_table(both, "t", hand, samples=3)
    both.make_array("a", "int16")
    both.make_array("g/b", "int16")
