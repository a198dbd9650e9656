"""What is read and how, as a value that pickles; and carrying it out in this process."""

import math
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vstore.errors import FormatError, InvalidInputError
from vstore.faces import internals, pickled
from vstore.format.digest import digest_of
from vstore.format.numbers import Positions
from vstore.reader.load.channel import Channel
from vstore.reader.load.engine import Batch, Finish, Pass, Resources, Unreadable
from vstore.reader.load.finishing import Finisher
from vstore.reader.load.loading import fetch_all
from vstore.reader.load.randomness import Draws
from vstore.reader.load.session import Memory, open_channels, stored_array
from vstore.reader.load.transforming import Transforming
from vstore.reader.load.trial import Setting
from vstore.reader.plan.cursor import Cursor, Identity
from vstore.reader.plan.deal import Deal
from vstore.reader.plan.mixing import RepeatedOrder
from vstore.reader.plan.planner import (
    Layout,
    Order,
    Work,
    blocks_of,
    order_of,
    works,
)
from vstore.reader.plan.progress import Progress
from vstore.reader.plan.runs import Run, Runs
from vstore.reader.plan.sample_deal import InterleavedOrder, SampleDeal
from vstore.reader.settings import Options, group_of
from vstore.reader.source import Source
from vstore.reader.statistics import Costs, ReaderStatistics
from vstore.reading.buffers import BufferPool
from vstore.reading.disk_cache import DiskCache

WINDOW_NBYTES = 64 * 2**20
"""How much a window holds when it is not given: at least four global batches."""

BLOCKS = 48
"""Of how many blocks a window consists at least, where chunks are small enough."""

BLOCK_NBYTES = 4 * 2**20
"""How much neighbouring chunks of a window have at most: they come with one request."""

SEQUENCE_NBYTES = 4 * 2**20
"""How much is read at a time in order."""

RANGE_NBYTES = 2 * 2**20
"""How much is asked of a remote store at a time; a local file is read chunk by chunk."""

AHEAD_NBYTES = 32 * 2**20
"""How much is loaded ahead at least, where memory allows."""

KEEP_NBYTES = 64 * 2**20
"""How much memory for batches and requests waits to be used again at most."""

LEAST_KEPT_NBYTES = 8 * 2**20
"""How much of it there is however little memory decoded chunks may take."""

REMOTE_REQUESTS = 32
"""How many requests a store that is not on this machine gets at a time."""


@dataclass(slots=True, eq=False)
class _Session:
    """What this process has open."""

    pid: int
    channels: dict[str, Channel]
    pool: BufferPool


def as_read(batch: Batch, runs: Runs) -> Any:
    """Leave a batch to be finished elsewhere."""
    return batch, runs


def finished(finisher: Finisher) -> Finish:
    """Return what makes of a batch what the user gets, where no function of the user is called."""
    return lambda batch, _: finisher(batch)


@pickled
class Stream:
    """Samples of some columns in a plan's order. Pickles without anything that is open."""

    def __init__(self, source: Source, options: Options) -> None:
        self.source = source
        self.options = options
        self._session: _Session | None = None
        cache, nbytes = options.cache_dir, options.cache_nbytes
        self._costs = Costs(
            None if cache is None else DiskCache(cache, nbytes, options.cache_shared)
        )
        if options.samples and not len(source):
            raise InvalidInputError(f"no sample is there to make an epoch of {options.samples:,}")
        self._starts: dict[int, Positions] = {}
        self.layout(Cursor())
        self.deal(Cursor())

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self.source, "options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["source"], state["options"])  # type: ignore[misc]

    def __len__(self) -> int:
        """Return how many batches, or samples, an epoch gives this rank."""
        return len(self.deal(Cursor()))

    @property
    def window(self) -> int:
        """How many samples are shuffled together, or loaded together, at most."""
        if self.options.window is not None:
            return self.options.window
        nbytes = SEQUENCE_NBYTES if self.options.shuffle == "none" else WINDOW_NBYTES
        batches = 1 if self.options.shuffle == "none" else 4
        return max(int(nbytes / max(1.0, self.source.sample_nbytes)), batches * self.global_batch)

    @property
    def samples(self) -> int:
        """How many samples an epoch has, over all ranks."""
        return self.options.samples or len(self.source)

    @property
    def global_batch(self) -> int:
        """How many samples all ranks together take at a time."""
        return self.options.batch_size * self.options.world_size

    @property
    def makes_batches(self) -> bool:
        """Whether batches are given, not single samples."""
        return not self.options.as_samples

    @property
    def may_have_gaps(self) -> bool:
        """Whether single samples are given, and may be left out."""
        return self.options.as_samples and self.options.finish.on_error == "skip"

    def at_rank(self, rank: int, world_size: int) -> None:
        """Become the part of another rank; epochs that begin from now on follow it."""
        self.at_group(*group_of(rank, world_size, self.options.replication))

    def at_group(self, rank: int, world_size: int) -> None:
        """Become the part of another group of ranks that get the same samples."""
        options = self.options
        if (rank, world_size) == (options.rank, options.world_size):
            return
        if world_size != options.world_size:
            self._keep(None)
        self.options = replace(options, rank=rank, world_size=world_size)
        self.deal(Cursor())

    @property
    def identity(self) -> Identity:
        """What the order was made from."""
        options = self.options
        window = options.window or 0
        return Identity(
            data=self.source.fingerprint(),
            shuffle=options.shuffle,
            window=window,
            seed=options.seed,
            epoch_samples=options.samples or 0,
            weights="" if options.weights is None else options.weights.digest,
            lengths="" if options.lengths is None else digest_of(options.lengths.tobytes()),
        )

    def layout(self, cursor: Cursor) -> Layout:
        """Return what the order of an epoch follows from."""
        window = cursor.window_samples or self.window
        rows_per_block = self._rows_per_block(window)
        if rows_per_block not in self._starts:
            selection = self.source.selections[self.source.geometry.largest]
            starts = blocks_of(selection.stored(), len(selection), rows_per_block)
            self._starts[rows_per_block] = starts
        return Layout(
            samples=self.samples if self.options.weights else len(self.source),
            starts=self._starts[rows_per_block],
            shuffle=self.options.shuffle,
            window=window,
            seed=self.options.seed,
            global_batch=cursor.global_batch or self.global_batch,
            weights=self.options.weights,
            lengths=self.options.lengths,
        )

    def _rows_per_block(self, window: int) -> int:
        """Return how many rows that are side by side a window gets together."""
        geometry = self.source.geometry
        rows = int(window * self.source.rows_per_sample)
        most = min(rows // BLOCKS, int(BLOCK_NBYTES / max(1.0, geometry.row_nbytes)))
        return max(1, most // geometry.rows_per_chunk) * geometry.rows_per_chunk

    def deal(self, cursor: Cursor) -> Deal | SampleDeal:
        """Return how samples are dealt to ranks from a place on."""
        options = self.options
        kind = SampleDeal if options.as_samples else Deal
        return kind(
            self.samples,
            options.batch_size,
            world_size=options.world_size,
            rank=options.rank,
            drop_last=options.drop_last,
            start=cursor.samples,
        )

    def epoch_order(self, progress: Progress) -> Order:
        """Return the order that an epoch is read in."""
        layout, epoch = progress.layout, progress.begin.epoch
        order: Order = order_of(layout, epoch)
        if layout.samples != self.samples:
            order = RepeatedOrder(layout, epoch * self.samples, (epoch + 1) * self.samples)
        if progress.ranks > 1:
            order = InterleavedOrder(order, progress.ranks, global_batch=layout.global_batch)
        return order

    def iterate(self, progress: Progress) -> Generator[Any, None, None]:
        """Yield what is given from a place in an epoch to its end; closing it stops all threads."""
        with closing(self.batches(progress)) as batches:
            yield from progress.follow(batches)

    def batches(self, progress: Progress) -> Generator[Any, None, None]:
        """Yield the batches from a place in an epoch to its end, also where samples are given."""
        options, epoch = self.options, progress.begin.epoch
        order, workers = self.epoch_order(progress), progress.begin.workers
        parts = works(order.edges, progress.deal.spans, progress.mine, step=progress.deal.step)
        if not options.finish.calls:
            with self.reading(order, parts, finished(options.finish), workers=workers) as run:
                run.tells_runs = False
                yield from run
            return
        threads = self.threads(workers)
        setting = Setting(options.finish, Draws(options.seed, epoch), threads, self.describe)
        with self.reading(order, parts, as_read, workers=workers) as run:
            yield from self.transformed(setting, iter(run), lambda: run.is_ready)

    def transformed(
        self, setting: Setting, raw: Iterator[Any], is_ready: Callable[[], bool]
    ) -> Generator[Any, None, None]:
        """Yield what the user's functions make of batches."""
        with closing(Transforming(setting, self._costs.count_skipped)) as made:
            try:
                yield from made.batches(raw, is_ready)
            finally:
                self._costs.waited_seconds += made.waited_seconds

    def describe(self, run: Run, index: int, column: str | None) -> str:
        """Return words for a sample: its position in the table, and its key if it has one."""
        return self.source.describe(int(run.positions[index]), column)

    def _fail(self, error: Exception, column: str, position: int) -> Any:
        """Raise an error for a sample that cannot be decoded; unless those are left out."""
        if self.options.finish.on_error == "skip":
            return Unreadable(error)
        words = self.source.describe(position, column)
        if not isinstance(error, FormatError):
            error.add_note(f"This happened while decoding {words}.")
            raise error
        code, hint = error.code, error.hint
        raise type(error)(f"{words}: {error}", code=code, hint=hint, **error.fields) from error

    @contextmanager
    def reading(
        self, order: Order, parts: Iterator[Work], finish: Finish, *, workers: int
    ) -> Generator[Pass, None, None]:
        """Lend a pass that yields what `finish` makes of the batches of some units of an order."""

        def positions(work: Work) -> Positions:
            return work.pick(order.positions(work.unit))

        session = self._take_session()
        resources = self._resources(workers)
        run = Pass(session.channels, parts, positions, session.pool, resources, finish, self._fail)
        is_sound = False
        try:
            yield run
            is_sound = True
        except GeneratorExit:
            is_sound = True
            raise
        finally:
            try:
                run.close()
            except KeyboardInterrupt:
                is_sound = False
                run.close()
                raise
            self._costs.waited_seconds += run.waited_seconds
            if is_sound:
                self._keep(session)

    def order(self, epoch: int) -> Positions:
        """Return the positions of the samples that an epoch gives this rank, without reading."""
        progress = self.begin(Cursor(epoch))
        order, deal = self.epoch_order(progress), progress.deal
        parts = works(order.edges, deal.spans, range(deal.batches), step=deal.step)
        found = [work.pick(order.positions(work.unit)) for work in parts]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def begin(self, cursor: Cursor) -> Progress:
        """Return a place in an epoch that moves on with the batches."""
        options = self.options
        ranks = cursor.ranks if cursor.samples else options.world_size * options.as_samples
        each = options.batch_size if options.as_samples else 0
        return Progress(cursor, self.deal(cursor), self.layout(cursor), ranks, each)

    def statistics(self) -> ReaderStatistics:
        """Return what reading has cost this process so far."""
        return self._costs.statistics()

    def prefetch(self, progress: Callable[[int, int], None]) -> int:
        """Bring all chunks that the samples are in to the cache on disk.

        `progress` is called with how many chunks are done, and how many there are. Returns
        how many bytes were fetched.

        Raises:
            InvalidInputError: there is no cache.
        """
        if self._costs.disk is None:
            raise InvalidInputError(
                "there is no cache to fill",
                code="no-cache",
                hint="give the reader a cache, as in "
                "`vstore.reader.Reader(table, batch_size=256, cache_dir='cache')`",
            )
        session = self._take_session()
        try:
            positions = np.arange(len(self.source), dtype=np.int64)
            wanted = [
                each
                for channel in session.channels.values()
                for each in channel.chunks_of(positions)
            ]
            resources = self._resources(1)
            return fetch_all(
                wanted,
                threads=resources.requests,
                run_nbytes=resources.run_nbytes,
                progress=progress,
            )
        finally:
            self._keep(session)

    def _keep(self, session: _Session | None) -> None:
        """Keep what is open for the next pass, and let go of what was kept before."""
        before, self._session = self._session, session
        if before is not None:
            self._costs.count_closed(before.channels)

    def _take_session(self) -> _Session:
        """Return what is open in this process, for one user at a time."""
        session, self._session = self._session, None
        if session is not None and session.pid == os.getpid():
            return session
        keep = min(KEEP_NBYTES, max(LEAST_KEPT_NBYTES, self.options.memory_nbytes // 8))
        pool = BufferPool(keep_nbytes=keep, allocate=self.options.allocate)
        costs = self._costs
        costs.settle()
        share = -(-self.window // self.options.world_size)
        channels = open_channels(
            self.source.wanted(flat=self.options.finish.flat),
            Memory(pool, self.options.memory_nbytes, costs.meter, costs.disk),
            unit_rows=math.ceil(share * self.source.rows_per_sample),
            rows_per_block=self._rows_per_block(self.window),
        )
        costs.count_opened(channels)
        return _Session(os.getpid(), channels, pool)

    def threads(self, workers: int) -> int:
        """Return how many threads one of this many workers uses."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.options.threads or max(1, (cores or 1) // workers)

    def _resources(self, workers: int) -> Resources:
        """Return how much of the machine one of this many workers uses."""
        threads = self.threads(workers)
        window_nbytes = int(self.window * self.source.sample_nbytes)
        ahead = max(AHEAD_NBYTES, 2 * window_nbytes // self.options.world_size)
        ahead = min(ahead, self.options.memory_nbytes)
        if self._is_local:
            return Resources(threads, self.options.requests or threads, 1, ahead)
        return Resources(threads, self.options.requests or REMOTE_REQUESTS, RANGE_NBYTES, ahead)

    @property
    def _is_local(self) -> bool:
        columns = self.source.columns.items()
        sources = {name: internals(each).source for name, each in columns}
        return all(
            stored_array(each, name).fetcher.store.is_local for name, each in sources.items()
        )
