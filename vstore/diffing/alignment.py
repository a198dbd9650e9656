"""Which rows of two states of a table are the same samples.

Samples with keys are matched by key, the others by position: through merges, which put those
of another branch behind ours, and through a rewrite of the rows where the layout tells which
rows it left out. Rows that hold the same key
at the same place, which the index tells from equal digests, are not read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.lineage import Lineage, Places, UnknownPlaceError
from vstore.errors import FormatError
from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.index import changed
from vstore.format.nodes import rewritten
from vstore.format.numbers import StoredRows, ascending
from vstore.format.table.names import DELETED
from vstore.format.table.rows import Rows
from vstore.reading.array import StoredArray, read
from vstore.reading.stored_table import StoredTable

MOST_LISTED = 2**28
"""How many rows a diff lists at most that only one of two states has."""


def no_rows() -> StoredRows:
    """Return an empty array of rows."""
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the stored rows of an old and a new state of a table correspond.

    `removed` are rows of the old state, `added` of the new one. `moved_old[i]` and
    `moved_new[i]` are one sample at different places. Every other row below `shared`
    that is not in `unstable`, and alive on both sides, is the same sample at the same place.
    """

    removed: StoredRows
    added: StoredRows
    moved_old: StoredRows
    moved_new: StoredRows
    shared: int
    unstable: StoredRows
    sides: tuple[Rows, Rows]
    is_certain: bool = True
    """Whether the samples are known to be the same, not taken to be by their order."""

    def _is_stable(self, rows: StoredRows) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (rows < self.shared) & np.isin(rows, self.unstable, invert=True)
        for side in self.sides:
            found[found] = side.are_live(rows[found])
        return found

    def stable(self, rows: StoredRows) -> StoredRows:
        """Return those of the rows that are the same sample at the same place."""
        return ascending(rows[self._is_stable(rows)])

    def has_stable(self, rows: StoredRows) -> bool:
        """Return whether any of the rows is the same sample at the same place."""
        return bool(self._is_stable(rows).any())

    def new_row(self, old_rows: StoredRows) -> StoredRows:
        """Return where rows of the old state are in the new one; -1 for removed ones."""
        found = np.where(self._is_stable(old_rows), old_rows, -1)
        if len(self.moved_old):
            order = np.argsort(self.moved_old)
            moved = self.moved_old[order]
            at = np.minimum(np.searchsorted(moved, old_rows), len(moved) - 1)
            found = np.where(moved[at] == old_rows, self.moved_new[order[at]], found)
        return found

    def reversed(self) -> "Alignment":
        """Return how the rows correspond, seen from the other side."""
        return Alignment(
            self.added,
            self.removed,
            self.moved_new,
            self.moved_old,
            self.shared,
            self.unstable,
            self.sides[::-1],
            self.is_certain,
        )


def align(old: StoredTable, new: StoredTable, lineage: Lineage | None = None) -> Alignment:
    """Return how the rows of two states of one table correspond.

    `lineage` is where the states are in history; without it one is taken to have come from
    the other, with no commit of another line between them.
    """
    if old.key_kind is not None or new.key_kind is not None:
        is_alike = old.key_kind == new.key_kind
        return _align_by_key(old, new) if is_alike else _strangers(old, new)
    if _layout(old) == _layout(new):
        return _align_through_merges(old, new, None if new.node.table is None else lineage)
    if lineage is None or lineage.is_one_line:
        if _is_compacted(old, new):
            return _align_compacted(old, new)
        if _is_compacted(new, old):
            return _align_compacted(new, old).reversed()
    return _align_by_order(old, new)


def _strangers(old: StoredTable, new: StoredTable) -> Alignment:
    """Match no sample with another, in tables that name their samples differently."""
    sides = old.rows, new.rows
    return Alignment(live_rows(old), live_rows(new), no_rows(), no_rows(), 0, no_rows(), sides)


def _align_through_merges(old: StoredTable, new: StoredTable, lineage: Lineage | None) -> Alignment:
    """Match samples without keys in states that are laid out alike."""
    places = Places(min(old.rows.stored, new.rows.stored), no_rows(), no_rows())
    if lineage is None:
        return _align_by_place(old, new, places)
    try:
        return _align_by_place(old, new, lineage.places(old, new))
    except UnknownPlaceError:
        return replace(_align_by_place(old, new, places), is_certain=False)


def _align_by_place(old: StoredTable, new: StoredTable, places: Places) -> Alignment:
    shared = places.shared
    dead_old, dead_new = _dead(old, new)
    removed, added = np.setdiff1d(dead_new, dead_old), np.setdiff1d(dead_old, dead_new)
    are_live = old.rows.are_live(places.old) & new.rows.are_live(places.new)
    moved_old, moved_new = places.old[are_live], places.new[are_live]
    gone, fresh = live_rows(old, shared), live_rows(new, shared)
    return Alignment(
        _followed(removed[removed < shared], _without(gone, moved_old)),
        _followed(added[added < shared], _without(fresh, moved_new)),
        moved_old,
        moved_new,
        shared,
        no_rows(),
        (old.rows, new.rows),
    )


def live_rows(table: StoredTable, first: int = 0) -> StoredRows:
    """Return where the live rows of a table are in storage, those from `first` on.

    Raises:
        FormatError: there are more than `MOST_LISTED`, which no memory is taken for.
    """
    rows = np.arange(first, _listable(table, first))
    return rows[table.rows.are_live(rows)] if table.rows.has_deleted else rows


def _listable(table: StoredTable, first: int) -> int:
    stored = table.rows.stored
    if stored - first > MOST_LISTED:
        raise FormatError(
            f"the table {table.path!r} says that it has {stored:,} rows: a diff lists at most "
            f"{MOST_LISTED:,} that the other state lacks"
        )
    return stored


def _followed(rows: StoredRows, more: StoredRows) -> StoredRows:
    return np.concatenate([rows, more]) if len(rows) else more


def _without(rows: StoredRows, some: StoredRows) -> StoredRows:
    return np.setdiff1d(rows, some) if len(some) else rows


def _dead(old: StoredTable, new: StoredTable) -> tuple[StoredRows, StoredRows]:
    """Return the deleted rows of both states, those left out where the marks are equal."""
    a, b = (side.find_source(DELETED) for side in (old, new))
    if not isinstance(a, StoredArray) or not isinstance(b, StoredArray):
        return old.rows.deleted, new.rows.deleted
    if not a.metadata.chunk_shape == b.metadata.chunk_shape == (BLOCK_ROWS,):
        return old.rows.deleted, new.rows.deleted
    blocks = np.array(list(changed(a.node.chunks, b.node.chunks, a.fetcher.pages)), np.int64)
    return old.rows.deleted_in(blocks), new.rows.deleted_in(blocks)


def _layout(table: StoredTable) -> tuple[str, int]:
    info = table.node.table
    return (info.id, info.layout) if info is not None else ("", 0)


def _is_compacted(old: StoredTable, new: StoredTable) -> bool:
    """Return whether the new state was rewritten without the rows deleted in the old one alone."""
    identity, layout = _layout(old)
    if identity != _layout(new)[0]:
        return False
    removed = np.setdiff1d(np.arange(_listable(old, 0)), live_rows(old))
    return _layout(new)[1] == rewritten(layout, old.rows.stored, removed.tolist())


def _align_compacted(old: StoredTable, new: StoredTable) -> Alignment:
    """Match samples without keys where the old state's live rows became the new one's first."""
    before, after = live_rows(old), live_rows(new)
    places = after[after < len(before)]
    removed = np.delete(before, places)
    added = after[len(places) :]
    sides = old.rows, new.rows
    return Alignment(removed, added, before[places], places, 0, no_rows(), sides)


def _align_by_order(old: StoredTable, new: StoredTable) -> Alignment:
    """Guess, where rows were deleted and then rewritten: the n-th live one is the n-th."""
    a, b = live_rows(old), live_rows(new)
    both = min(len(a), len(b))
    sides, moved = (old.rows, new.rows), (a[:both], b[:both])
    return Alignment(a[both:], b[both:], *moved, 0, no_rows(), sides, is_certain=not both)


def _align_by_key(old: StoredTable, new: StoredTable) -> Alignment:
    shared = min(old.rows.stored, new.rows.stored)
    suspects = _rows_with_other_keys(old, new)
    dead_old, dead_new = _dead(old, new)
    loose_old = _live_among(old, np.union1d(suspects, dead_new))
    loose_new = _live_among(new, np.union1d(suspects, dead_old))
    by_key = {key: i for i, key in enumerate(_keys_at(new, loose_new))}
    pairs, removed, taken = [], [], set()
    for row, key in zip(loose_old.tolist(), _keys_at(old, loose_old), strict=True):
        at = by_key.get(key)
        if at is None:
            removed.append(row)
        else:
            pairs.append((row, int(loose_new[at])))
            taken.add(at)
    added = [int(row) for i, row in enumerate(loose_new) if i not in taken]
    moved = np.array(pairs, np.int64).reshape(len(pairs), 2)
    return Alignment(
        np.array(removed, np.int64),
        np.array(added, np.int64),
        moved[:, 0],
        moved[:, 1],
        shared,
        suspects,
        (old.rows, new.rows),
    )


def _live_among(table: StoredTable, rows: StoredRows) -> StoredRows:
    rows = rows[rows < table.rows.stored]
    return rows[table.rows.are_live(rows)]


def _rows_with_other_keys(old: StoredTable, new: StoredTable) -> StoredRows:
    """Return the places at which the two states hold different keys, or only one has any."""
    a, b = (side.key_source for side in (old, new))
    if not isinstance(a, StoredArray) or not isinstance(b, StoredArray):
        return np.arange(max(_listable(old, 0), _listable(new, 0)))
    rows = a.metadata.chunk_shape[0]
    if rows != b.metadata.chunk_shape[0]:
        return np.arange(max(_listable(old, 0), _listable(new, 0)))
    shared = min(old.rows.stored, new.rows.stored)
    parts = [np.arange(shared, max(_listable(old, shared), _listable(new, shared)))]
    for number in changed(a.node.chunks, b.node.chunks, a.fetcher.pages):
        start, stop = number * rows, min((number + 1) * rows, shared)
        if start < stop:
            keys = [read(side, slice(start, stop)) for side in (a, b)]
            parts.append(start + np.flatnonzero(keys[0] != keys[1]))
    return _union(parts)


def _keys_at(table: StoredTable, rows: StoredRows) -> list[Any]:
    source = table.key_source
    if source is None or not len(rows):
        return []
    keys: list[Any] = read(source, (rows,)).tolist()
    return keys


def _union(parts: Iterable[StoredRows]) -> StoredRows:
    return np.unique(np.concatenate([no_rows(), *parts]))
