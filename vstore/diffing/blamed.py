"""Which commit last changed each sample of a table or column, found in one walk."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.alignment import Alignment, no_rows
from vstore.diffing.cell_changes import parts_of
from vstore.diffing.followed_table import FollowedTable
from vstore.diffing.lineage import Lineage
from vstore.diffing.row_diff import RowDiff
from vstore.diffing.selected import Selected, no_sample
from vstore.faces import exported_from, internals
from vstore.format.digest import Digest
from vstore.format.numbers import Positions, StoredRows
from vstore.format.table.sample_keys import SampleKey, find_key_kind
from vstore.history.commits import Commit, describe
from vstore.history.read_ahead import ReadAhead
from vstore.reading.fetch import Fetcher
from vstore.reading.table import Table

_UNSETTLED = -1


@exported_from("vstore")
class Blame:
    """The commit that last changed each sample of a table or column.

    Iterate over it for pairs of key (position without keys) and `Commit`, or look one up:
    `blame["patient-7"]`. A sample takes 4 bytes, however many commits there are.
    """

    def __init__(
        self, table: Table, positions: NDArray[np.int64], found: Sequence[Commit], which: Any
    ) -> None:
        self._table = table
        self._positions = positions
        self._commits = tuple(found)
        self._which: NDArray[np.int32] = which

    @property
    def commits(self) -> tuple[Commit, ...]:
        """The commits that last changed any of the samples, newest first."""
        return self._commits

    @property
    def numbers(self) -> NDArray[np.int32]:
        """For each sample, in the table's order, which of `commits` it was; shape (samples,)."""
        return self._which

    def keys(self) -> list[SampleKey]:
        """Return the samples' keys, positions in a table without keys."""
        table = internals(self._table)
        found: list[SampleKey] = table.keys_of(table.rows.locate(self._positions)).tolist()
        return found

    def __len__(self) -> int:
        return len(self._which)

    def __iter__(self) -> Iterator[tuple[SampleKey, Commit]]:
        for key, number in zip(self.keys(), self._which.tolist(), strict=True):
            yield key, self._commits[number]

    def __getitem__(self, key: SampleKey) -> Commit:
        """Return the commit that last changed a sample, or raise `NotFoundError`."""
        at = self._table.position(key)
        where = int(np.searchsorted(self._positions, at))
        if where == len(self._positions) or self._positions[where] != at:
            raise KeyError(key)
        return self._commits[int(self._which[where])]

    def __repr__(self) -> str:
        return (
            f"<vstore.Blame of {len(self):,} samples of {self._table.path!r}: "
            f"{len(self._commits):,} commits>"
        )


@dataclass
class BlameWalk:
    """Walks from a commit to older ones until each sample's last change is found.

    Each commit is compared with its parents at most once, and none that no sample needs.
    """

    fetcher: Fetcher
    start: Digest
    tables: FollowedTable
    _heap: list[tuple[int, Digest]] = field(default_factory=list)
    _unsettled: dict[Digest, NDArray[np.int64]] = field(default_factory=dict)
    """For commits that are to be looked at: for each stored row, the place among the samples
    that are blamed which it holds, or -1."""
    _found: list[Commit] = field(default_factory=list)

    def run(self, selected: Selected) -> Blame:
        """Return the commit that last changed each of the samples that are selected."""
        table = self.tables.at(self.start)
        assert table is not None
        stored = internals(table)
        positions = _selected(table, selected)
        rows = np.asarray(stored.rows.locate(positions), np.int64)
        places = np.full(stored.rows.stored, _UNSETTLED, np.int64)
        places[rows] = np.arange(len(rows))
        which = np.full(len(rows), _UNSETTLED, np.int32)
        read, left = ReadAhead(self.fetcher), len(rows)
        self._unsettled = {self.start: places}
        self._heap = [(-read(self.start).generation, self.start)]
        while left:
            _, commit = heapq.heappop(self._heap)
            settled = self._settle(commit, self._unsettled.pop(commit), read)
            if len(settled):
                which[settled] = len(self._found)
                self._found.append(describe(commit, read(commit)))
                left -= len(settled)
        return Blame(table, positions, self._found, which)

    def _settle(
        self, commit: Digest, places: NDArray[np.int64], read: ReadAhead
    ) -> NDArray[np.int64]:
        """Pass samples on to the parents that hold the same; return those that none holds."""
        parents = [Digest(parent) for parent in read(commit).parents]
        for number, parent in enumerate(parents):
            self.tables.find(commit, parent)
            if self.tables.is_same(commit, parent):
                self._hand_down(parent, places, read)
                return np.zeros(0, np.int64)
            differing = self._pass_on(commit, parent, places, read)
            if number == len(parents) - 1:
                places = differing[1]
            else:
                rest = np.full(len(places), _UNSETTLED, np.int64)
                rest[differing[0]] = differing[1]
                places = rest
        return places[places >= 0]

    def _pass_on(
        self, commit: Digest, parent: Digest, places: NDArray[np.int64], read: ReadAhead
    ) -> tuple[StoredRows, NDArray[np.int64]]:
        """Give a parent what it holds as the commit does; return the rows that it does not.

        With the samples in them. `places` belongs to the parent afterwards.
        """
        old, new = self.tables.at(parent), self.tables.at(commit)
        if old is None or new is None:
            rows = np.flatnonzero(places >= 0)
            return rows, places[rows]
        lineage = Lineage(self.fetcher, parent, commit)
        found = RowDiff(old, new, only=self.tables.only(old, new), lineage=lineage)
        rows = _differing(found, len(places))
        theirs = places[rows]
        places[rows] = _UNSETTLED
        alignment = found.alignment
        if alignment is not None and len(alignment.moved_new):
            places = _moved(places, alignment.reversed(), internals(old).rows.stored)
        self._hand_down(parent, places[: internals(old).rows.stored], read)
        return rows, theirs

    def _hand_down(self, parent: Digest, places: NDArray[np.int64], read: ReadAhead) -> None:
        before = self._unsettled.get(parent)
        if before is not None:
            np.maximum(before, places, out=before)
        elif (places >= 0).any():
            self._unsettled[parent] = places
            heapq.heappush(self._heap, (-read(parent).generation, parent))


def _differing(rows: RowDiff, count: int) -> StoredRows:
    """Return the rows of the newer state that differ in any column, all where one was dropped."""
    if any(pair.new is None for pair in rows.columns):
        return np.arange(count)
    return np.unique(
        np.concatenate([no_rows(), *(part.new for part in parts_of(rows) if part.new is not None)])
    )


def _moved(places: NDArray[np.int64], alignment: Alignment, count: int) -> NDArray[np.int64]:
    """Return what a newer state's rows hold by the rows of an older one, which has `count`."""
    found = np.full(count, _UNSETTLED, np.int64)
    rows = np.flatnonzero(places >= 0)
    there = alignment.new_row(rows)
    found[there[there >= 0]] = places[rows[there >= 0]]
    return found


def _selected(table: Table, selected: Selected) -> Positions:
    """Return the positions of the samples that are selected, or raise `NotFoundError`."""
    stored = internals(table)
    if selected.is_everything:
        return np.arange(len(table))
    if selected.samples is None:
        keys = stored.sample_keys().tolist()
        found = np.flatnonzero([selected.has(key) for key in keys])
        if not len(found):
            raise no_sample(table.path, selected.prefix)
        return found
    kind = find_key_kind(stored.key_kind)
    parts = []
    for sample in selected.samples:
        rows = (
            stored.rows_below(sample)
            if kind is not None and kind.has_prefixes
            else stored.find_rows([sample])
        )
        if (rows < 0).any():
            raise no_sample(table.path, sample)
        parts.append(stored.rows.position(rows))
    return np.unique(np.concatenate([no_rows(), *parts]))
