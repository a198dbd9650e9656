"""Bringing chunks into memory on threads: fetch, verify, decode."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from vstore.array import Load
from vstore.fetch import MAX_GAP_NBYTES
from vstore.reader.chunks import SampleChunks

Receive = Callable[[Load], None]
"""Take one chunk: call what is given to decode it, where the caller wants it."""


class Loading:
    """A number of chunks on their way; waiting raises the first error that any met."""

    def __init__(self, chunks: int) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._left = chunks
        self._error: BaseException | None = None
        if not chunks:
            self._done.set()

    @property
    def is_good(self) -> bool:
        """Whether every chunk has arrived."""
        return self._done.is_set() and self._error is None

    def arrive(self) -> None:
        """Count one chunk as loaded."""
        with self._lock:
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self._done.set()

    def fail(self, error: BaseException) -> None:
        """End the wait of everyone with this error."""
        with self._lock:
            self._error = self._error or error
        self._done.set()

    def wait(self) -> None:
        """Return when all chunks are there."""
        self._done.wait()
        if self._error is not None:
            raise self._error


@dataclass(frozen=True, slots=True)
class Request:
    """The chunks of one array that are wanted, in ascending order, and who takes each."""

    source: SampleChunks
    numbers: Sequence[int]
    receive: Sequence[Receive]


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
    _pool: ThreadPoolExecutor = field(init=False)
    _cores: threading.BoundedSemaphore = field(init=False)
    _stopped: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="vstore-load")
        self._cores = threading.BoundedSemaphore(self.decoders)

    def submit(self, requests: Sequence[Request]) -> Loading:
        """Begin to load; the oldest requests come first."""
        loading = Loading(sum(len(request.numbers) for request in requests))
        for request in requests:
            for start, stop in _runs(request, self.run_nbytes):
                self._pool.submit(self._load, request, start, stop, loading)
        return loading

    def _load(self, request: Request, start: int, stop: int, loading: Loading) -> None:
        def take(i: int, load: Load) -> None:
            with self._cores:
                self._go_on()
                request.receive[start + i](load)
            loading.arrive()

        try:
            self._go_on()
            request.source.visit(request.numbers[start:stop], take)
        except BaseException as error:  # noqa: BLE001 - raised again where the chunks are awaited
            loading.fail(error)

    def _go_on(self) -> None:
        if self._stopped:
            raise StoppedError

    def close(self) -> None:
        """Stop soon: wait for requests under way only."""
        self._stopped = True
        self._pool.shutdown(wait=True, cancel_futures=True)


def _runs(request: Request, run_nbytes: int) -> Iterator[tuple[int, int]]:
    """Yield runs of neighbouring chunks, each worth one request to the store."""
    numbers = np.asarray(request.numbers, np.int64)
    mean = request.source.stored_nbytes
    most = max(1, run_nbytes // mean)
    gap = 1 + MAX_GAP_NBYTES // mean
    breaks = [0, *(np.flatnonzero(np.diff(numbers) > gap) + 1).tolist(), len(numbers)]
    for start, stop in itertools.pairwise(breaks):
        for low in range(start, stop, most):
            yield low, min(stop, low + most)
