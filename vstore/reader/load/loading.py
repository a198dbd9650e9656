"""Bringing chunks into memory on threads: fetch, verify, decode."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from vstore.reader.load.chunks import SampleChunks, Spot
from vstore.reading.assembly import Load
from vstore.reading.coalescing import MAX_GAP_NBYTES
from vstore.reading.workers import Workers

Receive = Callable[[Load], None]
"""Take one chunk: call what is given to decode it, where the caller wants it."""


class Loading:
    """A number of chunks on their way; waiting raises the first error that any met.

    The `last` of them are on their way when nothing else is.
    """

    def __init__(self, chunks: int, *, last: int = 0) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._nearly_done = threading.Event()
        self._left = chunks
        self._last = last
        self._error: BaseException | None = None
        if not chunks:
            self._nearly_done.set()
            self._done.set()

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it any longer."""
        return self._done.is_set()

    @property
    def is_good(self) -> bool:
        """Whether every chunk has arrived."""
        return self._done.is_set() and self._error is None

    def arrive(self) -> None:
        """Count one chunk as loaded."""
        with self._lock:
            self._left -= 1
            left = self._left
        if left <= self._last:
            self._nearly_done.set()
        if not left:
            self._done.set()

    def fail(self, error: BaseException) -> None:
        """End the wait of everyone with this error."""
        with self._lock:
            self._error = self._error or error
        self._nearly_done.set()
        self._done.set()

    def wait_for_most(self) -> None:
        """Return when only the last chunks are missing, or when there was an error."""
        self._nearly_done.wait()

    def wait(self) -> None:
        """Return when all chunks are there."""
        self._done.wait()
        if self._error is not None:
            raise self._error


@dataclass(frozen=True, slots=True)
class Request:
    """The chunks of one array that are wanted, in ascending order, and who takes each.

    `targets` is the memory that each goes to, if a chunk may as well be shown there.
    """

    source: SampleChunks
    numbers: Sequence[int]
    receive: Sequence[Receive]
    targets: Sequence[NDArray[Any]] | None = None


_Part = tuple[SampleChunks, Sequence[Spot], Sequence[Receive], Sequence[NDArray[Any]] | None]


class StoppedError(Exception):
    """The reader was closed while this was waiting; nobody sees it."""


@dataclass(slots=True, eq=False)
class Loader:
    """Threads that load chunks, several requests at a time, decoding on `decoders` of them.

    Neighbouring chunks come with one request, up to about `run_nbytes`.
    """

    threads: int
    decoders: int
    run_nbytes: int
    _workers: Workers = field(init=False)
    _cores: AbstractContextManager[Any] = field(init=False)
    _stopped: bool = field(init=False, default=False)
    _under_way: set[Loading] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._workers = Workers(self.threads, name="vstore-load")
        is_free = self.threads <= self.decoders
        self._cores = nullcontext() if is_free else threading.BoundedSemaphore(self.decoders)

    def submit(self, requests: Sequence[Request]) -> Loading:
        """Begin to load; the oldest requests come first."""
        chunks = sum(len(request.numbers) for request in requests)
        loading = Loading(chunks, last=self.decoders)
        if requests:
            self._under_way.add(loading)
        for request in requests:
            self._workers.submit(self._guarded, (self._begin, loading, request))
        return loading

    def _begin(self, loading: Loading, request: Request) -> None:
        """Find out where the chunks are, then load them run by run."""
        spots = request.source.locate(request.numbers)
        for run in _runs(spots, self.run_nbytes):
            receive = [request.receive[i] for i in run]
            targets = request.targets and [request.targets[i] for i in run]
            part = (request.source, [spots[i] for i in run], receive, targets)
            self._workers.submit(self._guarded, (self._load, loading, part))

    def _guarded(self, task: tuple[Callable[[Loading, Any], None], Loading, Any]) -> None:
        step, loading, part = task
        try:
            self._go_on()
            step(loading, part)
        except BaseException as error:  # noqa: BLE001 - raised again where the chunks are awaited
            loading.fail(error)
        if loading.is_over:
            self._under_way.discard(loading)

    def _load(self, loading: Loading, part: _Part) -> None:
        source, spots, receive, targets = part
        if targets and all(map(source.show, spots, targets)):
            for _ in spots:
                loading.arrive()
            return

        def take(i: int, load: Load) -> None:
            with self._cores:
                self._go_on()
                receive[i](load)
            loading.arrive()

        source.visit(spots, take)

    def _go_on(self) -> None:
        if self._stopped:
            raise StoppedError

    def close(self) -> None:
        """Stop soon: wait for requests under way only, and let nobody wait for the others."""
        self._stopped = True
        self._workers.close()
        for loading in list(self._under_way):
            loading.fail(StoppedError())


def _runs(spots: Sequence[Spot], run_nbytes: int) -> Iterator[list[int]]:
    """Yield runs of chunks that are near each other in one pack, each worth one request.

    A run is given by places in `spots`; a chunk without a reference is a run of its own.
    """
    if run_nbytes <= 1:
        yield from ([i] for i in range(len(spots)))
        return
    run: list[int] = []
    low = high = 0
    for i in sorted(range(len(spots)), key=lambda i: _position(spots[i])):
        ref = spots[i].whole
        before = spots[run[-1]].whole if run else None
        if (
            ref is None
            or before is None
            or ref.pack != before.pack
            or ref.offset - high > MAX_GAP_NBYTES
            or ref.offset + ref.nbytes - low > run_nbytes
        ):
            if run:
                yield run
            run = []
            low = high = 0 if ref is None else ref.offset
        run.append(i)
        high = max(high, 0 if ref is None else ref.offset + ref.nbytes)
    if run:
        yield run


def _position(spot: Spot) -> tuple[str, int, int]:
    ref = spot.whole
    return ("", 0, spot.number) if ref is None else (ref.pack.digest, ref.offset, spot.number)


def fetch_all(
    wanted: Sequence[tuple[SampleChunks, Sequence[int]]],
    *,
    threads: int,
    run_nbytes: int,
    progress: Callable[[int, int], None],
) -> int:
    """Bring chunks to the cache on disk; return how many bytes were not there yet.

    `progress` is called, on this thread, with how many chunks are done and how many there are.
    """
    total = sum(len(numbers) for _, numbers in wanted)
    done = fetched = 0
    progress(done, total)
    with ThreadPoolExecutor(threads, thread_name_prefix="vstore-load") as pool:
        try:
            for chunks, numbers in wanted:
                spots = chunks.locate(numbers)
                runs = [[spots[i] for i in run] for run in _runs(spots, run_nbytes)]
                for run, nbytes in zip(runs, pool.map(chunks.fetch, runs), strict=True):
                    done += len(run)
                    fetched += nbytes
                    progress(done, total)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return fetched
