"""Carrying out a plan: units open ahead of use, batches gathered ahead of use, on threads.

All bookkeeping happens on the consumer's thread, between two batches. Threads only load
chunks and gather batches, so that nothing here needs a lock.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from vstore.format.numbers import Positions
from vstore.format.table.flat import Flat
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.load.channel import Channel
from vstore.reader.load.feeds import Part
from vstore.reader.load.loading import Loader, Loading
from vstore.reader.load.object_feed import ObjectPart
from vstore.reader.plan.planner import Group, Piece, Work
from vstore.reader.plan.runs import Run, Runs
from vstore.reading.buffers import BufferPool

T = TypeVar("T")
Batch = dict[str, Any]
Raw = tuple[Batch, Runs]
"""A batch as arrays and lists by column, and which samples it has."""

Finish = Callable[[Batch, Runs], Any]
"""Convert a batch into what the user receives; runs on a thread."""

Fail = Callable[[Exception, str, int], Any]
"""Raise an error, of the sample of a column at a position; or return what stands for it."""

GROUP_NBYTES = 8 * 2**20
"""How much is gathered at a time at most: several small batches, or one, however large."""

GROUP_BATCHES = 16
"""How many batches are gathered at a time at most: who keeps one keeps the memory of all."""

QUICK_ROWS = 4096
"""In what order this many samples come is known at once; the order of more is not waited for."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in a batch for a sample that cannot be decoded."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Resources:
    """How much of the machine a pass over the data uses."""

    threads: int
    requests: int
    run_nbytes: int
    ahead_nbytes: int


@dataclass(slots=True, eq=False)
class _Unit:
    """A unit whose chunks are in memory, or on their way there."""

    work: Work
    positions: Positions
    parts: Mapping[str, Part]
    awaited: frozenset[Loading]
    nbytes: float
    groups: deque[Group]
    unfinished: int

    def close(self) -> None:
        for part in self.parts.values():
            part.close()


@dataclass(slots=True, eq=False)
class Pass:
    """One pass over some batches: iterate over it once, then close it."""

    channels: Mapping[str, Channel]
    works: Iterator[Work]
    positions: Callable[[Work], Positions]
    pool: BufferPool
    resources: Resources
    finish: Finish
    fail: Fail
    tells_runs: bool = field(init=False, default=True)
    """Whether `finish` is told which samples a batch has; else it gets no runs."""
    waited_seconds: float = field(init=False, default=0.0)
    _is_begun: bool = field(init=False, default=False)
    _row_nbytes: float = field(init=False)
    _loader: Loader = field(init=False)
    _takers: ThreadPoolExecutor = field(init=False)
    _planner: ThreadPoolExecutor = field(init=False)
    _units: deque[_Unit] = field(init=False, default_factory=deque)
    _upcoming: "tuple[Work, Future[Positions]] | None" = field(init=False, default=None)
    _queue: deque[tuple[_Unit, Group, "Future[list[Any]]"]] = field(
        init=False, default_factory=deque
    )
    _made: list[Any] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        threads = self.resources.threads
        self._row_nbytes = sum(channel.row_nbytes for channel in self.channels.values())
        self._loader = Loader(self.resources.requests, threads, self.resources.run_nbytes)
        self._takers = ThreadPoolExecutor(threads, thread_name_prefix="vstore-take")
        self._planner = ThreadPoolExecutor(1, thread_name_prefix="vstore-plan")

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches in order."""
        begun: list[tuple[Batch, Runs]] = []
        while True:
            self._fill()
            if not self._queue:
                return
            unit, group, future = self._queue.popleft()
            if not self._is_begun:
                self._begin(unit)
            batches = self._wait(future.result)
            self._count_down(unit)
            self._fill()
            if not group.pieces[0].is_whole:
                begun += batches
                if not group.pieces[0].is_last:
                    continue
                batches, begun = [self.finish(*_joined(begun))], []
            del unit, group, future
            batches.reverse()
            self._made = batches
            while batches:
                yield batches.pop()

    @property
    def is_ready(self) -> bool:
        """Whether the next batch is there, or there is none to wait for."""
        return bool(self._made) or not self._queue or self._queue[0][2].done()

    def _begin(self, unit: _Unit) -> None:
        """Let other units be loaded as soon as the first one leaves threads without work."""
        for loading in unit.awaited:
            self._wait(loading.wait_for_most)
        self._is_begun = True
        self._fill()

    def _wait(self, wait: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return wait()
        finally:
            self.waited_seconds += time.perf_counter() - started

    def close(self) -> None:
        """Stop the threads and let go of all memory; call it again where it was interrupted."""
        self._takers.shutdown(wait=False, cancel_futures=True)
        self._planner.shutdown(wait=True, cancel_futures=True)
        self._loader.close()
        self._takers.shutdown(wait=True)
        self._queue.clear()
        self._made.clear()
        while self._units:
            self._units.popleft().close()
        self.pool.settle()

    def _fill(self) -> None:
        """Open units and start to gather, as far ahead as allowed."""
        if not self._units:
            self._open_next()
        self._begin_groups()
        while self._may_open() and self._open_next():
            self._begin_groups()

    def _begin_groups(self) -> None:
        for unit in self._units:
            while unit.groups and len(self._queue) <= self.resources.threads:
                group = unit.groups.popleft()
                future = self._takers.submit(self._gather, unit, group)
                self._queue.append((unit, group, future))

    def _may_open(self) -> bool:
        """Return whether to load further ahead, without delaying the first batch or waiting."""
        if not self._is_begun or not self._is_planned:
            return False
        held = sum(unit.nbytes for unit in self._units)
        return len(self._units) < 2 or held < self.resources.ahead_nbytes

    @property
    def _is_planned(self) -> bool:
        """Whether there is another unit, and it is known, or will be soon, what it consists of."""
        if self._upcoming is None:
            return False
        work, positions = self._upcoming
        return work.rows <= QUICK_ROWS or positions.done()

    def _open_next(self) -> bool:
        """Open the next unit; return whether there was one, and room for it."""
        upcoming = self._upcoming or self._plan_next()
        if upcoming is None:
            return False
        work, positions = upcoming
        parts = self._open_parts(positions.result())
        if parts is None:
            return False
        loading = self._loader.submit([r for part in parts.values() for r in part.requests])
        awaited = {each for part in parts.values() for each in part.begin(loading)}
        rows = max(1, int(GROUP_NBYTES / max(1.0, self._row_nbytes)))
        groups = deque(work.groups(rows, GROUP_BATCHES))
        nbytes = work.rows * self._row_nbytes
        self._units.append(
            _Unit(work, positions.result(), parts, frozenset(awaited), nbytes, groups, len(groups))
        )
        self._upcoming = self._plan_next()
        return True

    def _plan_next(self) -> "tuple[Work, Future[Positions]] | None":
        work = next(self.works, None)
        if work is None:
            return None
        self._upcoming = work, self._planner.submit(self.positions, work)
        return self._upcoming

    def _open_parts(self, positions: Positions) -> dict[str, Part] | None:
        parts: dict[str, Part] = {}
        for name, channel in self.channels.items():
            part = channel.open(positions, is_last_resort=not self._units)
            if part is None:
                for opened in parts.values():
                    opened.close()
                return None
            parts[name] = part
        return parts

    def _count_down(self, unit: _Unit) -> None:
        unit.unfinished -= 1
        if not unit.unfinished:
            self._units.remove(unit)
            unit.close()

    def _gather(self, unit: _Unit, group: Group) -> list[Any]:
        """Return the batches of a group; runs on a thread."""
        for loading in unit.awaited:
            loading.wait()
        values = {
            name: self._column(name, channel, unit, group)
            for name, channel in self.channels.items()
        }
        fill_missing(values, self.channels)
        batches: list[Any] = []
        start = 0
        for piece in group.pieces:
            stop = start + piece.size
            batch = {name: value[start:stop] for name, value in values.items()}
            runs = self._runs(unit, piece, group.start + start, group.start + stop)
            batches.append(self.finish(batch, runs) if piece.is_whole else (batch, runs))
            start = stop
        return batches

    def _runs(self, unit: _Unit, piece: Piece, start: int, stop: int) -> Runs:
        if not self.tells_runs:
            return ()
        return (Run(unit.positions[start:stop], unit.work.begin + piece.start, piece.step),)

    def _column(self, name: str, channel: Channel, unit: _Unit, group: Group) -> Any:
        start, stop = group.start, group.start + group.rows
        shape, part = channel.sample_shape, unit.parts[name]
        if shape is not None:
            out = self.pool.lend((stop - start, *shape), channel.dtype)
            part.take(start, stop, out)
            return out
        samples: list[Any] = []
        try:
            if channel.flat and isinstance(part, ObjectPart):
                return part.flat(start, stop)
            part.take(start, stop, samples)
        except Exception:  # noqa: BLE001 - raised again for the sample that has it
            return [self._sample(name, unit, i) for i in range(start, stop)]
        return samples

    def _sample(self, name: str, unit: _Unit, index: int) -> Any:
        """Return one sample of a column, knowing which one it is that cannot be decoded."""
        samples: list[Any] = []
        try:
            unit.parts[name].take(index, index + 1, samples)
        except Exception as error:  # noqa: BLE001 - `fail` raises it
            return self.fail(error, name, int(unit.positions[index]))
        return samples[0]


def fill_missing(values: Batch, channels: Mapping[str, Channel]) -> None:
    """Give missing samples of one shape the elements that they have everywhere."""
    for name, channel in channels.items():
        if channel.fill is not None:
            valid = values[name + VALID_SUFFIX]
            if not valid.all():
                values[name][~valid] = channel.fill


def _joined(parts: list[tuple[Batch, Runs]]) -> Raw:
    """Return a batch from the parts that came from different units."""
    joined = {name: one_behind_the_other([part[name] for part, _ in parts]) for name in parts[0][0]}
    return joined, [run for _, runs in parts for run in runs]


def one_behind_the_other(parts: Sequence[Any]) -> Any:
    """Return several parts of a column as one."""
    kinds = {type(part) for part in parts}
    if len(parts) == 1:
        return parts[0]
    if kinds == {Flat}:
        return Flat.joined(parts)
    # Samples that cannot be decoded may have made a list of one part.
    return list(chain.from_iterable(parts)) if kinds <= {Flat, list} else np.concatenate(parts)
