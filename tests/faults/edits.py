"""Changes to a transaction, each with what the model of the repository should be then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np

import vstore
from tests.faults.model import Column, State, Table

SIDE = 4
COLUMNS = {
    "n": vstore.ndarray((), "int64", rows_per_chunk=4),
    "s": vstore.text(),
    "o": vstore.ndarray((), "int16", rows_per_chunk=4).as_optional(),
}
KEYS: Any = (None, "str", "tuple")

Edit = Callable[[Any, State], State]
"""Change a transaction, and return what the state should be then."""


@dataclass
class Edits:
    """Makes edits; each name and each sample without a key gets a number of its own."""

    numbers: Iterator[int] = field(default_factory=count)

    def any(self, number: int, word: str) -> Edit:
        """Return some change that suits whatever state it meets."""
        kind, number = number % 15, number // 15
        if kind == 0:
            return self._creating(number)
        if kind in (1, 2, 3):
            return self._extending(number, word)
        if kind in (4, 5, 6):
            return _assigning(number, word)
        if kind == 7:
            return _deleting(number)
        return self._reshaping(kind, number)

    def _reshaping(self, kind: int, number: int) -> Edit:
        if kind == 8:
            return _renaming_column(number, f"r{next(self.numbers)}")
        if kind == 9:
            return _adding_column(number, f"c{next(self.numbers)}")
        others = (_dropping_column, _setting_attribute, _casting, _compacting, _writing)
        return others[kind - 10](number)

    def _creating(self, number: int) -> Edit:
        name, keys = f"t{next(self.numbers)}", KEYS[number % 3]

        def edit(tx: Any, state: State) -> State:
            tx.create_table(name, COLUMNS, keys=keys)
            return self._extending(number, "new", name)(tx, state.with_table(name, Table(keys)))

        return edit

    def _extending(self, number: int, word: str, name: str | None = None) -> Edit:
        def edit(tx: Any, state: State) -> State:
            chosen = name or _pick(number, state)
            if chosen is None:
                return state
            table, count = state.tables[chosen], number % 6 + 1
            names: list[Any] = [next(self.numbers) for _ in range(count)]
            if table.is_keyed:
                names = [_key(table, number + i) for i in range(count)]
                names = [key for key in dict.fromkeys(names) if key not in table.rows]
            row = {i: _value(i, number, word) for i in table.columns}
            columns = {column.name: [row[i]] * len(names) for i, column in table.columns.items()}
            tx[chosen].extend(columns, keys=names if table.is_keyed else None)
            added = dict.fromkeys(names, row)
            return state.with_table(chosen, table.with_rows({**table.rows, **added}))

        return edit


def _key(table: Table, number: int) -> Any:
    return f"k{number % 7}" if table.keys == "str" else (f"p{number % 3}", number % 5)


def _value(identity: str, number: int, word: str) -> Any:
    """Return a value for a column, told by its identity."""
    if identity == "s":
        return word
    return None if identity == "o" and number % 3 == 0 else number % 4


def _pick(number: int, state: State) -> str | None:
    names = sorted(state.tables)
    return names[number % len(names)] if names else None


def _assigning(number: int, word: str) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None or not state.tables[name].rows:
            return state
        table = state.tables[name]
        place = number // 7 % len(table.rows)
        key = list(table.rows)[place]
        identity = list(table.columns)[number % len(table.columns)]
        column, value = table.columns[identity].name, _value(identity, number // 3, word)
        if table.is_keyed:
            tx[name].loc[key] = {column: value}
        else:
            tx[name][column][place] = value
        row = {**table.rows[key], identity: value}
        return state.with_table(name, table.with_rows({**table.rows, key: row}))

    return edit


def _renaming_column(number: int, new_name: str) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None:
            return state
        table = state.tables[name]
        identity = list(table.columns)[number % len(table.columns)]
        column = table.columns[identity]
        tx[name].rename_column(column.name, new_name)
        columns = {**table.columns, identity: replace(column, name=new_name)}
        return state.with_table(name, replace(table, columns=columns))

    return edit


def _adding_column(number: int, new_name: str) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name, fill = _pick(number, state), number % 3
        if name is None:
            return state
        table = state.tables[name]
        spec = vstore.ndarray((), "int32", fill_value=fill, rows_per_chunk=4)
        tx[name].add_column(new_name, spec)
        columns = {**table.columns, new_name: Column(new_name, fill)}
        rows = {key: {**row, new_name: fill} for key, row in table.rows.items()}
        return state.with_table(name, replace(table, columns=columns, rows=rows))

    return edit


def _dropping_column(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None or len(state.tables[name].columns) < 3:
            return state
        table = state.tables[name]
        identity = list(table.columns)[number % len(table.columns)]
        tx[name].drop_column(table.columns[identity].name)
        columns = {i: column for i, column in table.columns.items() if i != identity}
        rows = {k: {i: row[i] for i in row if i != identity} for k, row in table.rows.items()}
        return state.with_table(name, replace(table, columns=columns, rows=rows))

    return edit


def _casting(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None or "n" not in state.tables[name].columns:
            return state
        table = state.tables[name]
        column = table.columns["n"]
        if column.dtype:
            return state
        tx[name].cast(column.name, "float64")
        columns = {**table.columns, "n": replace(column, dtype="float64")}
        return state.with_table(name, replace(table, columns=columns))

    return edit


def _setting_attribute(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None:
            return state
        table = state.tables[name]
        attributes = {**table.attributes, f"a{number % 3}": number % 4}
        tx[name].set_attributes(attributes)
        return state.with_table(name, replace(table, attributes=attributes))

    return edit


def _compacting(number: int) -> Edit:
    """Rewrite a table with keys; without, samples are told by their places, which this moves."""

    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is not None and state.tables[name].is_keyed:
            tx[name].compact()
        return state

    return edit


def _deleting(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None:
            return state
        table = state.tables[name]
        if number % 5 == 0 or not table.rows:
            tx.delete(name)
            return state.with_table(name, None)
        key = list(table.rows)[number // 5 % len(table.rows)]
        if table.is_keyed:
            tx[name].delete(keys=[key])
        else:
            tx[name].delete(list(table.rows).index(key))
        rows = {other: row for other, row in table.rows.items() if other != key}
        return state.with_table(name, table.with_rows(rows))

    return edit


def _writing(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        row, start, value = number % SIDE, number // SIDE % SIDE, number % 5
        tx["x"][row, start:] = np.full(SIDE - start, value)
        cells = {**state.cells, **{(row, column): value for column in range(start, SIDE)}}
        return State(state.tables, cells)

    return edit
