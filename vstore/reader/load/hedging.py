"""Counting requests, and asking a second time for what takes much longer than its like.

Of many requests to an object store a few take many times longer than the others, and
everybody waits for those. A second request for the same range usually comes back at once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, cast

from numpy.typing import NDArray

from vstore.format.page import ChunkRef
from vstore.reading.buffers import BufferPool
from vstore.reading.scratch import ScratchStore, with_scratch
from vstore.storage.store import Data, Key, ObjectStore

_REMEMBERED = 64
_ENOUGH = 8
"""After how many answers it is known how long one takes."""

_LONGER = 4.0
"""How many times longer than nine of ten others a request takes when it is sent again."""

_LEAST_SECONDS = 0.3
_SHARE = 20
"""At most one request of this many is sent again."""

_IDLE_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Meter:
    """How much was asked of a store. Safe to use from several threads."""

    requests: int = 0
    nbytes: int = 0
    hedged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, nbytes: int) -> None:
        """Count one request and what it brought."""
        with self._lock:
            self.requests += 1
            self.nbytes += nbytes

    def may_hedge(self) -> bool:
        """Count one request more for what was asked already, unless there were too many."""
        with self._lock:
            is_allowed = self.hedged <= self.requests // _SHARE
            self.hedged += is_allowed
        return is_allowed


@dataclass(frozen=True, slots=True)
class MeteredStore:
    """The reading half of a store, counted."""

    inner: ObjectStore
    meter: Meter

    @property
    def url(self) -> str:
        """Where the store is."""
        return self.inner.url

    @property
    def is_local(self) -> bool:
        """Whether it never waits for a network."""
        return self.inner.is_local

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        data = self.inner.get(key)
        self.meter.count(len(data))
        return data

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return exactly `nbytes` bytes from `start`."""
        data = self.inner.get_range(key, start, nbytes)
        self.meter.count(nbytes)
        return data

    def show(self, ref: ChunkRef, target: NDArray[Any]) -> bool:
        """Show a chunk's bytes in place of an array's memory, if the store can do that."""
        inner: object = self.inner
        if not isinstance(inner, ScratchStore) or not inner.show(ref, target):
            return False
        self.meter.count(ref.nbytes)
        return True


class _Answer(NamedTuple):
    value: Any
    error: BaseException | None


@dataclass(slots=True, eq=False)
class HedgedStore:
    """The reading half of a store of which an answer may be late.

    A request that takes much longer than most before it is sent a second time, and the first
    good answer counts. At most one in `_SHARE` is. What is still under way then is left to a
    thread that nobody waits for; threads without work end by themselves.
    """

    inner: ObjectStore
    meter: Meter
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _threads: "_Threads" = field(default_factory=lambda: _Threads())

    @property
    def url(self) -> str:
        """Where the store is."""
        return self.inner.url

    @property
    def is_local(self) -> bool:
        """Whether it never waits for a network."""
        return self.inner.is_local

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        data: bytes = self._first(lambda: self.inner.get(key))
        return data

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return exactly `nbytes` bytes from `start`."""
        data: Data = self._first(lambda: self.inner.get_range(key, start, nbytes))
        return data

    def _first(self, ask: Callable[[], Any]) -> Any:
        """Return the first good answer of one request, or of two; else the error of the first."""
        seconds = sorted(self._seconds)
        if len(seconds) < _ENOUGH:
            return self._timed(ask)
        patience = max(_LEAST_SECONDS, _LONGER * seconds[len(seconds) * 9 // 10])
        answers: SimpleQueue[_Answer] = SimpleQueue()
        self._threads.start(lambda: answers.put(self._answer(ask)))
        try:
            answer = answers.get(timeout=patience)
        except Empty:
            is_hedged = self.meter.may_hedge()
            if is_hedged:
                self._threads.start(lambda: answers.put(self._answer(ask)))
            answer = answers.get()
            if answer.error is not None and is_hedged:
                second = answers.get()
                answer = answer if second.error is not None else second
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _answer(self, ask: Callable[[], Any]) -> _Answer:
        try:
            return _Answer(self._timed(ask), None)
        except BaseException as error:  # noqa: BLE001 - raised again for its caller
            return _Answer(None, error)

    def _timed(self, ask: Callable[[], Any]) -> Any:
        started = time.monotonic()
        value = ask()
        self._seconds.append(time.monotonic() - started)
        return value


@dataclass(slots=True, eq=False)
class _Threads:
    """Threads that nobody needs to wait for: as many as are busy, and idle ones for a while."""

    _idle: "list[SimpleQueue[Callable[[], None]]]" = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, task: Callable[[], None]) -> None:
        """Run a task at once, on a thread that is idle or on a new one."""
        with self._lock:
            if self._idle:
                self._idle.pop().put(task)
                return
        tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        tasks.put(task)
        threading.Thread(target=self._run, args=[tasks], name="vstore-ask", daemon=True).start()

    def _run(self, tasks: "SimpleQueue[Callable[[], None]]") -> None:
        while True:
            try:
                task = tasks.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if tasks in self._idle:
                        self._idle.remove(tasks)
                        return
                continue  # a task was put there just now
            task()
            del task
            with self._lock:
                self._idle.append(tasks)


def reading(store: ObjectStore, pool: BufferPool, meter: Meter) -> ObjectStore:
    """Return a store to read from: into lent memory if that is possible, or with patience."""
    if store.is_local:
        inner = with_scratch(store, pool)
    else:
        inner = cast("ObjectStore", HedgedStore(store, meter))
    return cast("ObjectStore", MeteredStore(inner, meter))
