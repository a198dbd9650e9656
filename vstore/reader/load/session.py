"""What one process holds to read some columns: open columns, and memory for their chunks."""

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import internals, pickled
from vstore.format.numbers import Ints, Positions, StoredRows
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.table.rows import Rows
from vstore.reader.load.channel import Channel, in_memory
from vstore.reader.load.chunks import SampleChunks
from vstore.reader.load.feeds import DenseFeed, SparseFeed
from vstore.reader.load.hedging import Meter, reading
from vstore.reader.load.object_feed import Beside, ObjectFeed, objects_nbytes
from vstore.reader.load.packs import PackGrouping
from vstore.reader.load.regions import GridChunks, RegionChannel, RegionFeed
from vstore.reader.load.windows import WindowGrouping
from vstore.reader.plan.packs import Packed, pieces_of
from vstore.reading.array import ChunkSource, StoredArray
from vstore.reading.buffers import BufferPool
from vstore.reading.caches import LruCache
from vstore.reading.column import Column
from vstore.reading.disk_cache import DiskCache
from vstore.reading.fetch import Fetcher

_NEAR = 4
"""Columns whose samples are at least a quarter of the largest column's set the block size."""


@pickled
@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a column are read, and in which order: all live ones where None.

    Positions of the shape (samples, width) make one sample of every `width` rows.
    """

    rows: Rows
    positions: Positions | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.positions is None else len(self.positions)

    @property
    def rows_per_sample(self) -> float:
        """How many rows one sample has, on average."""
        return float(self.width or 1)

    @property
    def width(self) -> int | None:
        """How many rows one sample is: None for a row by itself, not for a window of one."""
        return None if self.positions is None or self.positions.ndim == 1 else len(self.positions.T)

    def locate(self, positions: Positions) -> StoredRows:
        """Return where in storage the rows of the samples at some positions are, in one row.

        The positions are those of an order, which has none outside.
        """
        live = positions if self.positions is None else self.positions[positions].reshape(-1)
        return self._stored(live) if self.rows.has_deleted else live

    def row(self, position: int) -> int:
        """Return where in storage the sample at a position of the selection is."""
        live = position if self.positions is None else int(self.positions[position])
        row: int = self.rows.locate(live)
        return row

    def _stored(self, live: Positions) -> StoredRows:
        stored: StoredRows = self.rows.locate(live)
        return stored

    def stored(self) -> StoredRows | None:
        """Return where in storage all the samples begin, None for all that is stored."""
        if self.positions is None:
            return self.rows.live() if self.rows.has_deleted else None
        return self._stored(self.positions if self.width is None else self.positions[:, 0])


@pickled
@dataclass(frozen=True, slots=True)
class PackSelection(Selection):
    """Blocks of sequences; `positions` are those of the sequences that the pieces are of."""

    packs: Packed | None = None

    def __len__(self) -> int:
        return 0 if self.packs is None else len(self.packs)

    @property
    def rows_per_sample(self) -> float:
        """How many rows one block is made of, on average: those that several share count less."""
        used = 0 if self.positions is None else len(np.unique(self.positions))
        return used / max(1, len(self))

    def locate(self, positions: Positions) -> StoredRows:
        """Return where in storage the sequences are that the pieces of some blocks are of."""
        if self.packs is None or self.positions is None:
            raise AssertionError
        return self._stored(self.positions[pieces_of(self.packs, positions)])

    def stored(self) -> StoredRows | None:
        """Return where in storage all blocks begin."""
        if self.packs is None or self.positions is None:
            raise AssertionError
        return self._stored(self.positions[self.packs.cuts[:-1]])


@pickled
@dataclass(frozen=True, slots=True)
class RegionSelection(Selection):
    """Regions of an array, all of one size; `positions` are which of the `starts`."""

    starts: Ints | None = None
    size: tuple[int, ...] = ()

    def locate(self, positions: Positions) -> StoredRows:
        """Return which of all regions some are."""
        return positions if self.positions is None else self.positions[positions]

    def stored(self) -> StoredRows | None:
        """Return which of all regions are read, None for all."""
        return self.positions


def stored_array(source: ChunkSource | None, name: str) -> StoredArray:
    """Return an array of a commit, or raise for one of an open transaction."""
    if not isinstance(source, StoredArray):
        raise InvalidInputError(
            f"the column {name!r} belongs to an open transaction",
            code="uncommitted-data",
            hint="commit, and read from the commit, `repo.checkout()`",
            column=name,
        )
    return source


@pickled
@dataclass(frozen=True, slots=True)
class Geometry:
    """What follows from the commit alone about how columns are best read together."""

    largest: str
    row_nbytes: float
    rows_per_chunk: int

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "Geometry":
        """Return the geometry of some columns."""
        chunks = {
            name: SampleChunks(stored_array(internals(column).source, name))
            for name, column in columns.items()
        }
        largest = max(chunks, key=lambda name: chunks[name].row_nbytes)
        heavy = [
            each.rows_per_chunk
            for each in chunks.values()
            if each.row_nbytes * _NEAR >= chunks[largest].row_nbytes
        ]
        return cls(largest, sum(each.row_nbytes for each in chunks.values()), max(heavy))


@dataclass(frozen=True, slots=True)
class Memory:
    """What the chunks of all columns share: memory, and a cache on disk if there is one."""

    pool: BufferPool
    nbytes: int
    meter: Meter
    disk: DiskCache | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read: columns, which samples of each, and what batches have besides.

    Columns that are `known` are in memory: an array with one row for each sample. Others are
    `worked_out`. Of those that are `flat`, samples that differ in shape are taken one behind the
    other.
    """

    columns: Mapping[str, Column]
    selections: Mapping[str, Selection]
    known: Mapping[str, NDArray[Any]]
    flat: Collection[str] = ()
    worked_out: Mapping[str, Channel] = field(default_factory=dict)


def open_channels(
    wanted: Wanted, memory: Memory, *, unit_rows: int, rows_per_block: int
) -> dict[str, Channel]:
    """Open columns for this process, dividing the memory for decoded chunks among them.

    A column of which samples may be missing is followed by one that says which are there.
    Last come the columns that are known or worked out.
    Connections and locks are new, so that nothing is shared with the process that this one
    was forked from.
    """
    opening = _Opening(memory)
    columns, selections = wanted.columns, wanted.selections
    arrays: dict[str, SampleChunks] = {}
    for name, column in columns.items():
        for suffix, source in (("", internals(column).source), *internals(column).beside.items()):
            arrays[name + suffix] = opening.chunks(source, name)
    shares = _shares(list(arrays.values()), memory.nbytes, unit_rows, rows_per_block)
    budgets = dict(zip(arrays, shares, strict=True))
    channels: dict[str, Channel] = {}
    for name, column in columns.items():
        selection = selections[name]
        if isinstance(selection, RegionSelection):
            source = internals(column).source
            channels[name] = opening.regions(source, name, selection, budgets[name])
            continue
        locate = selection.locate
        made = {
            suffix: opening.dense(arrays[name + suffix], locate, budgets[name + suffix])
            for suffix in ("", *internals(column).beside)
            if not arrays[name + suffix].dtype.hasobject
        }
        if "" not in made:
            made[""] = opening.objects(
                internals(column).info, arrays[name], locate, budgets[name], made
            )
        can_be_flat = internals(column).info.kind.flatten is not None
        channels[name] = replace(made[""], flat=can_be_flat and name in wanted.flat)
        if VALID_SUFFIX in made:
            if internals(column).info.kind.is_plain and not arrays[name].dtype.hasobject:
                channels[name] = replace(made[""], fill=column.metadata.fill_value)
            channels[name + VALID_SUFFIX] = made[VALID_SUFFIX]
        _group(channels, name, column, selection)
    channels |= {name: in_memory(values) for name, values in wanted.known.items()}
    return channels | dict(wanted.worked_out)


def _group(channels: dict[str, Channel], name: str, column: Column, selection: Selection) -> None:
    """Make several rows of a column one sample, where they are."""
    rows = selection.rows_per_sample
    if isinstance(selection, PackSelection) and selection.packs is not None:
        rest = tuple(length or 0 for length in column.shape[2:])
        channels.pop(name + VALID_SUFFIX, None)
        grouping = PackGrouping(selection.packs, rest, column.dtype)
        channels[name] = channels[name].grouped(grouping, rows)
    elif selection.width is not None:
        for each in (name, name + VALID_SUFFIX):
            if each in channels:
                channels[each] = channels[each].grouped(WindowGrouping(selection.width), rows)


@dataclass(slots=True, eq=False)
class _Opening:
    """Opens arrays for this process, with one new fetcher for each old one."""

    memory: Memory
    _fetchers: dict[int, Fetcher] = field(default_factory=dict)

    def chunks(self, source: ChunkSource | None, name: str) -> SampleChunks:
        """Return the chunks of an array."""
        return SampleChunks(self._opened(source, name), disk=self.memory.disk)

    def _opened(self, source: ChunkSource | None, name: str) -> StoredArray:
        array = stored_array(source, name)
        old = array.fetcher
        if id(old) not in self._fetchers:
            store = reading(old.store, self.memory.pool, self.memory.meter)
            self._fetchers[id(old)] = Fetcher(store, old.remotes, elsewhere=old.elsewhere)
        return StoredArray(self._fetchers[id(old)], array.node, path=array.path)

    def regions(
        self, source: ChunkSource | None, name: str, selection: RegionSelection, share: int
    ) -> Channel:
        """Return a channel of regions of an array."""
        chunks = GridChunks(self._opened(source, name), disk=self.memory.disk)
        starts = np.zeros((0, 0), np.int64) if selection.starts is None else selection.starts
        feed = RegionFeed(chunks, starts, selection.size, pool=self.memory.pool, share=share)
        nbytes = float(math.prod(selection.size) * chunks.dtype.itemsize)
        return RegionChannel(feed, feed, selection.locate, nbytes, (chunks,))

    def dense(
        self, chunks: SampleChunks, locate: Callable[[Positions], StoredRows], share: int
    ) -> Channel:
        """Return a channel of samples of one shape."""
        chunk_nbytes = max(1, int(chunks.row_nbytes * chunks.rows_per_chunk))
        feed = DenseFeed(chunks, slots=max(1, share // chunk_nbytes))
        spare = SparseFeed(chunks, self.memory.pool)
        return Channel(feed, spare, locate, chunks.row_nbytes, (chunks,))

    def objects(
        self,
        info: ColumnInfo,
        chunks: SampleChunks,
        locate: Callable[[Positions], StoredRows],
        share: int,
        beside: Mapping[str, Channel],
    ) -> Channel:
        """Return a channel of samples that are Python objects, given those that belong to it."""
        feeds = {suffix: Beside(each.feed, each.spare) for suffix, each in beside.items()}
        feed = ObjectFeed(info, chunks, LruCache(share, objects_nbytes), feeds)
        # What says which samples are there is read as a column of its own.
        own = [each.stored for suffix, each in beside.items() if suffix != VALID_SUFFIX]
        stored = (chunks, *itertools.chain.from_iterable(own))
        return Channel(feed, feed, locate, chunks.row_nbytes, stored)


def _shares(
    chunks: Sequence[SampleChunks], memory_nbytes: int, unit_rows: int, rows_per_block: int
) -> list[int]:
    """Return how much memory the decoded chunks of each column get.

    Where not all fits, each gets a part in proportion to what one unit needs.
    """
    whole = [int(each.chunks * each.rows_per_chunk * each.row_nbytes) for each in chunks]
    if sum(whole) <= memory_nbytes:
        return whole
    blocks = -(-unit_rows // rows_per_block) + 1
    needs = []
    for each, most in zip(chunks, whole, strict=True):
        touched = blocks * (1 + rows_per_block // each.rows_per_chunk)
        needs.append(min(most, int(touched * each.rows_per_chunk * each.row_nbytes)))
    return [
        min(most, int(memory_nbytes * need / max(1, sum(needs))))
        for most, need in zip(whole, needs, strict=True)
    ]
