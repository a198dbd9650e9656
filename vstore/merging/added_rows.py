"""States of tables that differ from an earlier one only by rows behind its last.

Workers that fill a table leave nothing else. Their rows are put one behind the other without
a look at those that were there: chunks are taken as they are stored wherever the rows of a
chunk stay together, and only the others are decoded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.nodes import changed_nodes
from vstore.format import document
from vstore.format.index import changed
from vstore.format.nodes import ArrayNode, GroupNode, is_same_document
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.tree import Tree
from vstore.format.zarr.differing import differing_rows
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import StoredArray, read
from vstore.reading.fetch import Fetcher
from vstore.writing.staged_table import StagedTable

_READ_NBYTES = 16 * 2**20
"""How much is decoded at a time, about, where chunks are not taken as they are."""


@dataclass
class AddedRows:
    """A table to which rows were added, those from `first` on, and nothing else was done."""

    path: str
    node: GroupNode
    arrays: Mapping[str, StoredArray]
    """The arrays that have an element for each row."""
    first: int
    stop: int

    @cached_property
    def _keys(self) -> NDArray[Any] | None:
        """The keys of the rows, as they are stored."""
        if KEYS not in self.arrays:
            return None
        return np.concatenate(list(_parts(self.arrays[KEYS], self.first, self.stop)))

    def fit(self, table: StagedTable) -> bool:
        """Return whether the rows can go behind those of a table as they are stored."""
        held = table.usable_arrays()
        if not _is_one_table(held.node, self.node) or held.row_arrays() != sorted(self.arrays):
            return False
        for name, array in self.arrays.items():
            if held[name].column != array.node.column:
                return False
            if _form(held[name].metadata) != _form(array.metadata):
                return False
        return self._keys is None or not held.keys.hold_any(self._keys)

    def put_behind(self, table: StagedTable) -> None:
        """Put the rows behind those of a table that they fit."""
        held = table.usable_arrays()
        shift = held.count - self.first
        for name in held.row_arrays():
            source, array, cut = self.arrays[name], held[name], self.stop
            if array.can_share(source, shift):
                rows = source.metadata.chunk_shape[0]
                cut = min(self.stop, -(-self.first // rows) * rows)
            for part in _parts(source, self.first, cut):
                array.append(part)
            if cut < self.stop:
                array.share(source, cut, shift)
        held.count_appended(self.stop - self.first, self._keys)


def _parts(array: StoredArray, first: int, stop: int) -> Iterator[NDArray[Any]]:
    """Yield some rows of an array, whole chunks at a time."""
    rows = array.metadata.chunk_shape[0]
    step = rows * max(1, _READ_NBYTES // max(1, array.metadata.chunk_nbytes))
    at = first
    while at < stop:
        end = min(stop, (at // step + 1) * step)
        yield read(array, (slice(at, end),))
        at = end


def _is_one_table(one: GroupNode, other: GroupNode) -> bool:
    tables = [
        None if node.table is None else (node.table.id, node.table.keys, node.table.layout)
        for node in (one, other)
    ]
    return tables[0] is not None and tables[0] == tables[1]


def added_rows(fetcher: Fetcher, before: Tree, after: Tree) -> "dict[str, AddedRows] | None":
    """Return the tables to which rows were added, by path; None if anything else was done.

    A table that was made has all of its rows from the same workers that others may have it from.
    """
    found: dict[str, AddedRows] = {}
    for change in changed_nodes(before, after):
        old, new = change.old, change.new
        if not isinstance(new, GroupNode) or new.table is None:
            return None
        now = _arrays(fetcher, after, change.path, new)
        if old is None:
            rows = _all(change.path, new, now)
        elif isinstance(old, GroupNode) and change.old_path == change.new_path:
            was = _arrays(fetcher, before, change.path, old)
            rows = _added(change.path, (old, was), (new, now))
        else:
            rows = None
        if rows is None:
            return None
        found[change.path] = rows
    return found


def _arrays(fetcher: Fetcher, tree: Tree, path: str, group: GroupNode) -> dict[str, StoredArray]:
    nodes = {name: tree.child(group, name) for name in group.children}
    return {
        name: StoredArray(fetcher, node, path=f"{path}/{name}", keeps_chunks=True)
        for name, node in nodes.items()
        if isinstance(node, ArrayNode)
    }


Sources = Mapping[str, StoredArray]


def _all(path: str, node: GroupNode, arrays: Sources) -> AddedRows | None:
    """Return all rows of a table; None where some are deleted."""
    stop = _length(_of_rows(arrays))
    if stop is None or DELETED in arrays:
        return None
    return AddedRows(path, node, _of_rows(arrays), 0, stop)


def _added(
    path: str, old: tuple[GroupNode, Sources], new: tuple[GroupNode, Sources]
) -> AddedRows | None:
    """Return the rows that one state of a table has behind those of another; None if more."""
    (before, was), (after, now) = old, new
    is_alike = before.table == after.table and is_same_document(before.metadata, after.metadata)
    if not is_alike or not _are_equal(was.get(DELETED), now.get(DELETED)):
        return None
    was, now = _of_rows(was), _of_rows(now)
    first, stop = _length(was), _length(now)
    if first is None or stop is None or not _has_columns_of(was, now):
        return None
    if first and was.keys() != now.keys():
        return None
    if not all(_keeps(was[name], now[name], first) for name in was):
        return None
    return AddedRows(path, after, now, first, stop)


def _of_rows(arrays: Sources) -> Sources:
    """Return the arrays that have an element for each row."""
    return {name: each for name, each in arrays.items() if name not in (DELETED, KEY_INDEX)}


def _length(arrays: Sources) -> int | None:
    """Return how many rows arrays have; None where they differ."""
    lengths = {each.metadata.shape[0] for each in arrays.values()} or {0}
    return lengths.pop() if len(lengths) == 1 else None


def _has_columns_of(was: Sources, now: Sources) -> bool:
    """Return whether no column came or went, or became another."""
    infos = [{n: a.node.column for n, a in each.items() if a.node.column} for each in (was, now)]
    return infos[0] == infos[1]


def _are_equal(one: StoredArray | None, other: StoredArray | None) -> bool:
    """Return whether no mark of a deleted row differs, where the rows may be more."""
    if one is None or other is None:
        return one is other
    return next(iter(changed(one.node.chunks, other.node.chunks, one.fetcher.pages)), None) is None


def _keeps(old: StoredArray, new: StoredArray, rows: int) -> bool:
    """Return whether the first rows of an array are in a later state what they were."""
    if not rows:
        return True
    if _form(old.metadata) != _form(new.metadata) or not _is_one_chunk_wide(old.metadata):
        return False
    step = old.metadata.chunk_shape[0]
    for number in changed(old.node.chunks, new.node.chunks, old.fetcher.pages):
        if (number + 1) * step <= rows:
            return False
        if number * step < rows:
            where = (slice(number * step, rows),)
            if len(differing_rows(read(old, where), read(new, where))):
                return False
    return True


def _is_one_chunk_wide(metadata: ArrayMetadata) -> bool:
    return metadata.chunk_shape[1:] == metadata.shape[1:]


def _form(metadata: ArrayMetadata) -> bytes:
    """Return what an array says of its rows, besides how many there are and how they are stored."""
    whole = metadata.to_dict()
    parts = {name: whole.get(name) for name in ("data_type", "fill_value", "attributes")}
    return document.dumps([parts, whole["shape"][1:], whole.get("dimension_names")])
