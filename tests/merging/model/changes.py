"""What a program may do in a transaction, chosen by numbers: it can be replayed and shortened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.merging.model.both import Both
from tests.merging.model.state import Column, Name, Table, exact
from tests.merging.model.values import FORMS, INT64, UNSET, WIDER, Cell, Form, cell

T = TypeVar("T")

KEYS: dict[str, list[Any]] = {
    "str": ["a", "b", "c", "d", "e", "f", "g", "h"],
    "int": [1, 2, 30, -4, 5, 0, 600, -7],
    "tuple": [("p", 1), ("p", 2), ("q", 1), ("q", 2), ("r", 1), ("r", -1), ("s", 0), ("", 3)],
}
NUMBER = "n"
"""A column of tables without keys in which no two samples are equal, and which nobody changes."""

COLUMNS = ("x", "y", "z", "w", "v", "k")
PATHS = ("t", "u", "g/t", "v")
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


def _path(both: Both, hand: Hand, fits: Callable[[Table], Any] = lambda _: True) -> str:
    """Return the path of a table that a change can be made in."""
    return one_of([path for path, t in sorted(both.world.tables().items()) if fits(t)], hand)


def _column(
    both: Both, hand: Hand, fits: Callable[[Table, Column], Any] = lambda *_: True
) -> tuple[str, str]:
    """Return a column that a change can be made to, after the path of its table."""
    return one_of(
        [
            (path, name)
            for path, table in sorted(both.world.tables().items())
            for name, column in sorted(table.columns.items())
            if name != NUMBER and fits(table, column)
        ],
        hand,
    )


def _free_columns(table: Table) -> list[str]:
    return [name for name in COLUMNS if name not in table.columns]


def _free_keys(table: Table) -> list[Name]:
    return [key for key in KEYS[str(table.keys)] if key not in table.rows]


def _free_path(both: Both, hand: Hand) -> str:
    nodes = both.world.nodes
    return one_of(
        [path for path in PATHS if path not in nodes and path.rpartition("/")[0] in nodes], hand
    )


def _others(options: Sequence[T], held: Any) -> Sequence[T]:
    """Return the options that differ from what there is; all of them if none does."""
    return [each for each in options if exact(each) != exact(held)] or options


@change("changed value")
def set_value(both: Both, hand: Hand) -> None:
    """Give a sample another value in one column."""
    path, name = _column(both, hand, lambda table, _: table.rows)
    table = both.table(path)
    sample, column = hand.pick(list(table.rows)), table.columns[name]
    pool = _others(column.form.pool(), column.read(table.rows[sample]))
    both.change(path, sample, {name: hand.pick(pool)})


@change("set missing")
def set_missing(both: Both, hand: Hand) -> None:
    """Say that a sample is missing in an optional column."""

    def held(table: Table, column: Column) -> list[Name]:
        return [each for each in table.rows if column.read(table.rows[each]) is not None]

    path, name = _column(both, hand, lambda table, c: c.optional and held(table, c))
    table = both.table(path)
    both.change(path, hand.pick(held(table, table.columns[name])), {name: None})


@change("deleted")
def delete(both: Both, hand: Hand) -> None:
    """Delete a sample."""
    path = _path(both, hand, lambda table: table.rows)
    both.delete(path, hand.pick(list(both.table(path).rows)))


@change("added")
def add(both: Both, hand: Hand) -> None:
    """Add a sample, perhaps without a value in optional columns."""
    add_to(both, _path(both, hand, lambda table: table.keys is None or _free_keys(table)), hand)


def add_to(both: Both, path: str, hand: Hand) -> None:
    """Add a sample to a table."""
    table = both.table(path)
    name: Name = next(both.fresh)
    if table.keys is not None:
        name = one_of(_free_keys(table), hand)
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
        path = _path(both, hand, _free_columns)
        _add_column(both, path, hand.pick(_free_columns(both.table(path))), hand, kind)

    return add_column


change("column added without values")(_adding((False, False)))
change("column added with values")(_adding((False, True)))
change("optional column added without values")(_adding((True, False)))
change("optional column added with values")(_adding((True, True)))


@change("cast")
def cast_column(both: Both, hand: Hand) -> None:
    """Give a column of numbers a wider data type."""
    path, name = _column(both, hand, lambda _, c: c.form.is_plain and c.form.dtype in WIDER)
    both.cast(path, name, hand.pick(WIDER[both.table(path).columns[name].form.dtype]))


@change("renamed")
def rename_column(both: Both, hand: Hand) -> None:
    """Give a column another name."""
    path, name = _column(both, hand, lambda table, _: _free_columns(table))
    both.rename_column(path, name, hand.pick(_free_columns(both.table(path))))


def _droppable(both: Both, hand: Hand) -> tuple[str, str]:
    return _column(both, hand, lambda table, _: len(table.columns) > 1)


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
    paths = [path for path, table in both.world.tables().items() if table.dead]
    both.compact(hand.pick(sorted(paths)) if paths else _path(both, hand))


def _set(held: dict[str, Any], hand: Hand) -> dict[str, Any]:
    free = one_of([name for name in ("unit", "from") if name not in held], hand)
    return held | {free: hand.pick(ATTRIBUTES)}


def _change(held: dict[str, Any], hand: Hand) -> dict[str, Any]:
    name = one_of(sorted(held), hand)
    return held | {name: hand.pick(_others(ATTRIBUTES, held[name]))}


def _remove(held: dict[str, Any], hand: Hand) -> dict[str, Any]:
    name = one_of(sorted(held), hand)
    return {each: value for each, value in held.items() if each != name}


Owner = tuple[str, str | None]
"""The path of a node, and a column of it that attributes are of; the node's when None."""


def _owners(both: Both) -> list[list[Owner]]:
    """Return what has attributes: columns, tables and groups."""
    tables = sorted(both.world.tables().items())
    columns: list[Owner] = [(p, name) for p, t in tables for name in sorted(t.columns)]
    return [
        columns,
        [(p, None) for p, _ in tables],
        [(p, None) for p in sorted(both.world.groups())],
    ]


def _setting(how: Callable[[dict[str, Any], Hand], dict[str, Any]]) -> Change:
    """Return a change of an attribute of a column, a table or a group."""

    def is_possible(both: Both, owner: Owner) -> bool:
        try:
            how(both.attributes(*owner), Hand(()))
        except NotPossibleError:
            return False
        return True

    def set_attributes(both: Both, hand: Hand) -> None:
        sorts = [[each for each in s if is_possible(both, each)] for s in _owners(both)]
        sort = sorts[hand.pick((0, 0, 1, 2))] or [each for s in sorts for each in s]
        path, column = one_of(sort, hand)
        both.set_attributes(path, how(both.attributes(path, column), hand), column)

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
    arrays = both.world.arrays()
    path, at = one_of(sorted(arrays), hand), hand.pick(range(4))
    both.change_element(path, at, hand.pick(_others((0, 1, 2), arrays[path].values[at])))


@change("array added", in_forks=False)
def add_array(both: Both, hand: Hand) -> None:
    """Make a plain array."""
    path = one_of([each for each in ("a", "g/b", "c") if each not in both.world.nodes], hand)
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
