"""What one process holds to read some columns: open columns, and memory for their chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstore.array import ChunkSource, StoredArray
from vstore.column import Column
from vstore.errors import InvalidInputError
from vstore.fetch import Fetcher
from vstore.format.rows import Rows
from vstore.reader.buffers import BufferPool
from vstore.reader.chunks import SampleChunks
from vstore.reader.disk_cache import DiskCache
from vstore.reader.engine import Channel
from vstore.reader.feeds import ChunkCache, DenseFeed, Feed, ObjectFeed, SparseFeed
from vstore.reader.scratch import with_scratch

Ints = NDArray[np.int64]

_NEAR = 4
"""Columns whose samples are at least a quarter of the largest column's set the block size."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a column are read, and in which order: all live ones where None."""

    rows: Rows
    positions: Ints | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.positions is None else len(self.positions)

    def locate(self, positions: Ints) -> Ints:
        """Return where in storage the samples at some positions of the selection lie."""
        live = positions if self.positions is None else self.positions[positions]
        return self._stored(live)

    def _stored(self, live: Ints) -> Ints:
        stored: Ints = self.rows.locate(live)
        return stored

    def stored(self) -> Ints | None:
        """Return where in storage all the samples lie, None for all that is stored."""
        if self.positions is None:
            return self.rows.live() if len(self.rows.deleted) else None
        return self._stored(self.positions)


def stored_array(source: ChunkSource | None, name: str) -> StoredArray:
    """Return an array of a commit, or raise for one of an open transaction."""
    if not isinstance(source, StoredArray):
        raise InvalidInputError(
            f"the column {name!r} belongs to an open transaction: commit, check the commit out "
            "and read from that"
        )
    return source


@dataclass(frozen=True, slots=True)
class Geometry:
    """What follows from the commit alone about how columns are best read together."""

    largest: str
    row_nbytes: float
    rows_per_block: int

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "Geometry":
        """Return the geometry of some columns."""
        chunks = {
            name: SampleChunks(stored_array(column.source, name))
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
    disk: DiskCache | None = None


def open_channels(
    columns: Mapping[str, Column],
    selections: Mapping[str, Selection],
    memory: Memory,
    *,
    unit_rows: int,
    rows_per_block: int,
) -> dict[str, Channel]:
    """Open columns for this process, dividing the memory for decoded chunks among them.

    Connections and locks are new, so that nothing is shared with the process that this one
    was forked from.
    """
    pool = memory.pool
    fetchers: dict[int, Fetcher] = {}

    def reopened(source: ChunkSource | None, name: str) -> SampleChunks:
        array = stored_array(source, name)
        old = array.fetcher
        if id(old) not in fetchers:
            fetchers[id(old)] = Fetcher(with_scratch(old.store, pool))
        array = StoredArray(fetchers[id(old)], array.node, path=array.path)
        return SampleChunks(array, disk=memory.disk)

    chunks = {name: reopened(column.source, name) for name, column in columns.items()}
    shares = _shares(list(chunks.values()), memory.nbytes, unit_rows, rows_per_block)
    channels: dict[str, Channel] = {}
    for (name, column), share in zip(columns.items(), shares, strict=True):
        own = chunks[name]
        stored: tuple[SampleChunks, ...] = (own,)
        feed: Feed
        spare: Feed
        if own.dtype.hasobject:
            shapes = None
            if column.shapes is not None:
                stored = (own, reopened(column.shapes, f"{name}.shape"))
                shapes = SparseFeed(stored[1], pool)
            feed = spare = ObjectFeed(column.info, own, shapes, ChunkCache(share))
        else:
            chunk_nbytes = max(1, int(own.row_nbytes * own.rows_per_chunk))
            feed = DenseFeed(own, slots=max(1, share // chunk_nbytes))
            spare = SparseFeed(own, pool)
        channels[name] = Channel(feed, spare, selections[name].locate, own.row_nbytes, stored)
    return channels


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
