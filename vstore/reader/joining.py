"""Samples of several tables side by side: matched by key where they have keys."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.numbers import Positions
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import find_key_kind
from vstore.reading.array import StoredArray
from vstore.reading.column import Column
from vstore.reading.stored_table import StoredTable


def matched(columns: Mapping[str, Column]) -> dict[str, Positions | None]:
    """Return where each column's sample for each sample of the first column is.

    None means in the same order. Samples are matched by key, and by position where the
    columns' tables have no keys.

    Raises:
        InvalidInputError: the columns differ in length where they have no keys.
        NotFoundError: a key of the first column's table is in another table not at all.
    """
    first_name, first = next(iter(columns.items()))
    found: dict[str, Positions | None] = {}
    by_table: dict[int, Positions | None] = {}
    for name, column in columns.items():
        if _are_aligned(first, column):
            found[name] = None
            continue
        if not (_has_keys(first) and _has_keys(column)):
            raise InvalidInputError(
                f"columns must be equally long to be read together; {first_name!r} has "
                f"{len(first):,} samples, {name!r} {len(column):,}, and they have no keys"
            )
        table = id(internals(column).table)
        if table not in by_table:
            by_table[table] = _positions(first, column)
        found[name] = by_table[table]
    return found


def at_keys(columns: Mapping[str, Column], keys: Sequence[Any]) -> dict[str, Positions | None]:
    """Return where the samples with some keys are in each column's table.

    Where keys are tuples, their beginning stands for all samples of the first column's table
    whose keys begin so, in the table's order.

    Raises:
        NotFoundError: a table has no sample with a key.
    """
    if isinstance(keys, str | bytes):
        raise InvalidInputError(f"keys is a sequence of keys, not {keys!r}")
    by_table: dict[int, Positions] = {}
    first = _table_of(next(iter(columns.values())))
    wanted = list(keys) if first is None else _whole_keys(first, list(keys))
    for name, column in columns.items():
        table = internals(column).table
        if table is None:
            raise InvalidInputError(f"the column {name!r} has no table to look keys up in")
        if id(table) not in by_table:
            by_table[id(table)] = table.positions(wanted)
    return {name: by_table[id(internals(column).table)] for name, column in columns.items()}


def _table_of(column: Column) -> StoredTable | None:
    table = internals(column).table
    return table if isinstance(table, StoredTable) else None


def _whole_keys(table: StoredTable, keys: list[Any]) -> list[Any]:
    """Return keys with those of all samples below it in the place of each beginning of keys."""
    kind = find_key_kind(table.key_kind)
    if kind is None or not kind.has_prefixes:
        return keys
    tuples = [key for key in keys if isinstance(key, tuple)]
    exact = {key for key, row in zip(tuples, table.find_rows(tuples), strict=True) if row >= 0}
    whole: list[Any] = []
    for key in keys:
        is_whole = isinstance(key, tuple) and key in exact
        whole += [key] if is_whole else table.keys_of(table.rows_below(key)).tolist()
    return whole


def _has_keys(column: Column) -> bool:
    table = _table_of(column)
    return table is not None and table.key_kind is not None


def _are_aligned(first: Column, column: Column) -> bool:
    """Return whether the i-th samples of two columns belong together for all i."""
    if internals(first).table is internals(column).table:
        return True
    if not (_has_keys(first) and _has_keys(column)):
        return len(first) == len(column)
    return _keys_node(first) == _keys_node(column) and np.array_equal(
        internals(first).rows.deleted, internals(column).rows.deleted
    )


def _keys_node(column: Column) -> Any:
    """Return what tells equal stored keys from others without reading them."""
    table = _table_of(column)
    source = None if table is None else table.find_source(KEYS)
    return (source.node.metadata, source.node.chunks) if isinstance(source, StoredArray) else None


def _positions(first: Column, column: Column) -> Positions | None:
    one, other = _table_of(first), _table_of(column)
    if one is None or other is None:
        return None
    keys = one.sample_keys().tolist()
    places = {key: place for place, key in enumerate(other.sample_keys().tolist())}
    absent = [key for key in keys if key not in places]
    if absent:
        raise NotFoundError(
            f"{len(absent):,} of the {len(keys):,} keys of {one.path!r} are not in "
            f"{other.path!r}, such as {absent[0]!r}",
            code="keys-not-in-both",
            hint="choose the keys that are in both with keys=, or put a column of the smaller "
            "table first",
        )
    positions = np.array([places[key] for key in keys], np.int64)
    is_same = len(positions) == len(column) and (np.diff(positions) == 1).all()
    return None if is_same else positions
