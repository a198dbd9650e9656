"""Samples by position, for programs that choose the order themselves."""

import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vstore.faces import pickled
from vstore.format.numbers import Positions
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.load.channel import Channel
from vstore.reader.load.engine import Batch, fill_missing
from vstore.reader.load.feeds import ABSENT, Feed, Part
from vstore.reader.load.loading import Loading
from vstore.reader.load.object_feed import ObjectPart
from vstore.reader.load.session import Memory, Selection, open_channels
from vstore.reader.settings import MEMORY_NBYTES
from vstore.reader.source import Source
from vstore.reader.statistics import Costs, ReaderStatistics
from vstore.reading.buffers import BufferPool
from vstore.reading.disk_cache import DiskCache

_ROWS_AT_A_TIME = 1024


@dataclass(frozen=True, slots=True)
class _Session:
    """What this process has open."""

    pid: int
    channels: dict[str, Channel]
    feeds: dict[str, tuple[Selection | None, Feed]]
    """By name where the samples are, None for what is in memory, and what takes them."""
    pool: BufferPool
    lock: threading.Lock


class RandomAccess:
    """Takes samples at any positions. Decoded chunks stay in memory, as many as it may hold.

    Safe to use from several threads and in forked children; pickles without what is open.
    """

    def __init__(
        self,
        source: Source,
        *,
        memory_nbytes: int = MEMORY_NBYTES,
        disk: DiskCache | None = None,
        flat: Collection[str] = (),
    ) -> None:
        """Take samples of a source; those of `flat` columns one behind the other."""
        self._source = source
        self._flat = flat
        self._memory_nbytes = memory_nbytes
        self._costs = Costs(disk)
        self._session: _Session | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self._source, self._memory_nbytes, self._costs.disk, self._flat)
        return random_access, arguments

    def __len__(self) -> int:
        return len(self._source)

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        return list(self._source.columns)

    def take(self, positions: Positions) -> Batch:
        """Return the samples at some positions, arrays and lists by column; in fresh memory."""
        session = self._opened()
        with session.lock:
            started = time.perf_counter()
            batch = {
                name: _taken(channel, positions, session.pool)
                for name, channel in session.channels.items()
            }
            fill_missing(batch, session.channels)
            self._costs.waited_seconds += time.perf_counter() - started
        return batch

    def take_one(self, position: int) -> Batch:
        """Return the sample at a position; one that is in memory costs next to nothing."""
        session = self._opened()
        with session.lock:
            found: Batch = {}
            for name, (selection, feed) in session.feeds.items():
                value = feed.find(position if selection is None else selection.row(position))
                if value is ABSENT:
                    break
                found[name] = value
            else:
                return _filled(found, session.channels)
        batch = self.take(np.array([position], np.int64))
        return {name: values[0] for name, values in batch.items()}

    def statistics(self) -> ReaderStatistics:
        """Return what reading has cost this process so far."""
        return self._costs.statistics()

    def _opened(self) -> _Session:
        session = self._session
        if session is not None and session.pid == os.getpid():
            return session
        pool = BufferPool()
        geometry = self._source.geometry
        costs, wanted = self._costs, self._source.wanted(flat=self._flat)
        costs.settle()
        channels = open_channels(
            wanted,
            Memory(pool, self._memory_nbytes, costs.meter, costs.disk),
            unit_rows=_ROWS_AT_A_TIME,
            rows_per_block=geometry.rows_per_chunk,
        )
        costs.count_opened(channels)
        feeds = {
            name: (wanted.selections.get(name.removesuffix(VALID_SUFFIX)), channel.feed)
            for name, channel in channels.items()
        }
        self._session = _Session(os.getpid(), channels, feeds, pool, threading.Lock())
        return self._session


@pickled
def random_access(
    source: Source, memory_nbytes: int, disk: DiskCache | None, flat: Collection[str]
) -> RandomAccess:
    """Return what reads at random again, of what a pickle of it holds."""
    return RandomAccess(source, memory_nbytes=memory_nbytes, disk=disk, flat=flat)


def _filled(sample: Batch, channels: Mapping[str, Channel]) -> Batch:
    """Return a sample with what stands for those of its columns that are missing."""
    for name, channel in channels.items():
        if channel.fill is not None and not sample[name + VALID_SUFFIX]:
            sample[name] = np.full(channel.feed.row_shape or (), channel.fill, channel.feed.dtype)
    return sample


def _taken(channel: Channel, positions: Positions, pool: BufferPool) -> Any:
    part = channel.open(positions, is_last_resort=True)
    if part is None:
        raise AssertionError("the spare feed always has room")
    try:
        _load(part)
        if channel.flat and isinstance(part, ObjectPart):
            return part.flat(0, len(positions))
        shape = channel.sample_shape
        out: Any = [] if shape is None else pool.lend((len(positions), *shape), channel.dtype)
        part.take(0, len(positions), out)
    finally:
        part.close()
    return out


def _load(part: Part) -> None:
    """Load what a part needs; one that fails is forgotten when the part is closed."""
    chunks = sum(len(request.numbers) for request in part.requests)
    loading = Loading(chunks)
    part.begin(loading)
    for request in part.requests:

        def take(i: int, load: Any, receive: Any = request.receive) -> None:
            receive[i](load)
            loading.arrive()

        request.source.visit(request.source.locate(request.numbers), take)
