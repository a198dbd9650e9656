"""Calling the user's functions: on threads as cost demands, or on the thread that iterates.

The first samples of a pass are transformed on the thread that iterates, under watch. Functions
that draw from the global generators of Python, NumPy or torch stay there, since those are the
program's own: they are lent, seeded for each sample, and put back. So do functions that cannot
be copied for every thread, or whose results depend on the samples before. All others run on
threads: costly batches divided among them, cheap ones several at a time.

A function may draw seldom, so threads look whether a global generator has changed meanwhile. It
may have been the program: such a batch is made again under watch, which settles it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vstore.reader.load.engine import GROUP_BATCHES, Raw
from vstore.reader.load.finishing import SKIPPED
from vstore.reader.load.hands import Hand
from vstore.reader.load.randomness import drawn_since, own_generators, trace
from vstore.reader.load.trial import Samples, Setting, Stop, Trial, watched
from vstore.reader.plan.runs import count

PART_SECONDS = 0.005
"""How long a thread works at a time, about: less, and passing work on would cost as much."""

CHEAP_SECONDS = 0.001
"""What takes less for several batches together is done where they are asked for."""

TRUSTED = 256
"""After how many samples that were suspected in vain the watch ends."""


@dataclass(slots=True, eq=False)
class _Job:
    """A batch on its way. Of its samples the first may have been tried; threads do the others.

    It is `done` together with others, or once its last part is.
    """

    samples: Samples
    results: list[Any]
    tried: int = 0
    done: threading.Event | None = None
    unfinished: int = 1
    seconds: float = 0.0
    is_suspect: bool = False
    error: tuple[int, BaseException] | None = None
    made: Any = None


class Transforming:
    """The functions of a user at work in one pass. Iterate over `batches` once, then close it."""

    def __init__(self, setting: Setting, count_skipped: Callable[[int], None]) -> None:
        """Begin; `count_skipped` is told of samples that are left out, batch by batch."""
        self._setting = setting
        self._count_skipped = count_skipped
        self._hands: list[Hand] = []
        self._trial: Trial | None = None
        self._drawn: frozenset[int] = frozenset()
        self._is_alone = False
        self._stop = Stop()
        self._is_watched = True
        self._vain = 0
        self._seconds = 0.0
        self._batch_seconds = PART_SECONDS
        self._weigh(PART_SECONDS)
        self._queue: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(setting.threads, thread_name_prefix="vstore-transform")
        self.waited_seconds = 0.0

    def close(self) -> None:
        """Stop, once threads are done with the samples that they are at."""
        self._stop.is_set = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._queue.clear()

    def batches(
        self, raw: Iterator[Raw], is_ready: Callable[[], bool]
    ) -> Generator[Any, None, None]:
        """Yield what becomes of batches; `is_ready` tells whether there is one without waiting."""
        finisher = self._setting.finisher
        is_each = bool(finisher.transforms) or finisher.on_error == "skip"
        jobs = (
            _Job(Samples(self._setting, batch, runs), [None] * (count(runs) if is_each else 0))
            for batch, runs in raw
        )
        while True:
            if not self._queue and not self._begin_next(jobs):
                return
            self._begin_ready(jobs, is_ready)
            job = self._queue.popleft()
            started = time.perf_counter()
            self._finish(job)
            self.waited_seconds += time.perf_counter() - started
            if finisher.on_error == "skip":
                self._count_skipped(sum(result is SKIPPED for result in job.results))
            self._begin_ready(jobs, is_ready)
            made = [job.made]
            del job
            yield made.pop()

    def _begin_next(self, jobs: Iterator[_Job]) -> bool:
        """Begin one batch, as soon as it is read; return whether there was one."""
        job = next(jobs, None)
        if job is None:
            return False
        self._queue.append(job)
        if self._trial is None:
            self._try(job)
        if not self._is_alone:
            # What is waited for, and not divided, is nowhere made sooner.
            self._begin([job], here=len(self._parts(job)) <= 1)
        return True

    def _try(self, job: _Job) -> None:
        started = time.perf_counter()
        self._trial = trial = Trial(job.samples, len(job.results))
        job.tried = len(trial.results)
        job.results[: job.tried] = trial.results
        self._is_alone, self._drawn, self._seconds = trial.is_alone, trial.drawn, trial.seconds
        self._hands.append(trial.hand)
        self.waited_seconds += time.perf_counter() - started

    def _begin_ready(self, jobs: Iterator[_Job], is_ready: Callable[[], bool]) -> None:
        """Begin as many batches that are read as threads have use for."""
        while not self._is_alone:
            together, is_cheap = self._together, self._is_cheap
            if len(self._queue) > (0 if is_cheap else self._setting.threads * together):
                return
            group: list[_Job] = []
            while len(group) < together and is_ready():
                job = next(jobs, None)
                if job is None:
                    break
                group.append(job)
            if not group:
                return
            self._queue += group
            self._begin(group, here=is_cheap)

    def _begin(self, group: list[_Job], *, here: bool) -> None:
        """Have threads make some batches: several of them at a time, or parts of a single one.

        Cheap ones are made `here`: to pass them on would take longer.
        """
        done = threading.Event()
        for job in group:
            job.done = done
        parts = self._parts(group[0])
        if here:
            self._make(group)
        elif len(group) > 1 or len(parts) <= 1:
            self._threads.submit(self._make, group)
        else:
            group[0].unfinished = len(parts)
            for part in parts:
                self._threads.submit(self._make_part, group[0], *part)

    def _parts(self, job: _Job) -> list[tuple[int, int]]:
        """Return from where to where the samples of a batch are divided among threads."""
        stop, step = len(job.results), max(1, int(PART_SECONDS / max(1e-9, self._seconds)))
        return [(at, min(at + step, stop)) for at in range(job.tried, stop, step)]

    def _make(self, group: list[_Job]) -> None:
        """Make whole batches; runs on a thread."""
        with self._watching(group), self._hand() as hand:
            for job in group:
                if len(job.results) > job.tried:
                    self._transform(job, hand, range(job.tried, len(job.results)))
                self._put_together(job, hand)
        self._set_done(group[0])

    def _make_part(self, job: _Job, start: int, stop: int) -> None:
        """Make a part of a batch, and the batch if it is the last part; runs on a thread."""
        with self._watching([job]), self._hand() as hand:
            self._transform(job, hand, range(start, stop))
        with self._lock:
            job.unfinished -= 1
        if not job.unfinished:
            with self._watching([job]), self._hand() as hand:
                self._put_together(job, hand)
            self._set_done(job)

    def _set_done(self, job: _Job) -> None:
        if job.done is not None:
            job.done.set()

    def _transform(self, job: _Job, hand: Hand, indices: range) -> None:
        started = time.perf_counter()
        index = indices.start
        try:
            made = job.samples.transform(hand, indices, stop=self._stop)
            for index, result in enumerate(made, index):  # noqa: B020 - goes on from the first
                job.results[index] = result
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is awaited
            self._fail(job, index, error)
        with self._lock:
            job.seconds += time.perf_counter() - started

    def _put_together(self, job: _Job, hand: Hand) -> None:
        if job.error is not None or self._stop.is_set:
            return
        started = time.perf_counter()
        try:
            job.made = job.samples.put_together(hand, job.results)
        except BaseException as error:  # noqa: BLE001 - as above
            self._fail(job, len(job.results), error)
        job.seconds += time.perf_counter() - started

    def _fail(self, job: _Job, index: int, error: BaseException) -> None:
        """Remember an error, that of the first sample that has one."""
        with self._lock:
            if job.error is None or index < job.error[0]:
                job.error = index, error

    @contextmanager
    def _hand(self) -> Generator[Hand, None, None]:
        """Lend transforms that no other thread works with meanwhile."""
        try:
            hand = self._hands.pop()
        except IndexError:
            hand = Hand.with_copies(self._setting.finisher)
            hand.spares = self._trial is not None and self._trial.hand.spares
        try:
            yield hand
        finally:
            self._hands.append(hand)

    @contextmanager
    def _watching(self, jobs: list[_Job]) -> Generator[None, None, None]:
        """Suspect jobs if a global generator changes meanwhile."""
        before = trace() if self._is_watched else None
        yield
        if before is not None and drawn_since(before):
            for job in jobs:
                job.is_suspect = True

    def _finish(self, job: _Job) -> None:
        """Wait for a batch, or make it here."""
        if job.done is None:
            self._make_here(job)
            return
        if not job.done.is_set():
            job.done.wait()
        if job.is_suspect and self._is_watched:
            self._settle(job)
        if job.error is not None:
            raise job.error[1]
        made = len(job.results) - job.tried
        if made:
            self._seconds = (self._seconds + job.seconds / made) / 2
        self._weigh(job.seconds + job.tried * self._seconds)

    def _weigh(self, seconds: float) -> None:
        """Decide how batches are made from how long one took."""
        # A thread that had to wait for the interpreter took longer than its work does.
        self._batch_seconds = max(1e-9, min(seconds, 2 * self._batch_seconds))
        self._together = max(1, min(GROUP_BATCHES, int(PART_SECONDS / self._batch_seconds)))
        self._is_cheap = self._together * self._batch_seconds < CHEAP_SECONDS

    def _make_here(self, job: _Job) -> None:
        """Make a batch on this thread; once more if functions draw from what is not lent yet."""
        before = trace()
        has_drawn: frozenset[int] = frozenset()
        while True:
            with own_generators(self._drawn) as lent, self._hand() as hand:
                indices = range(job.tried, len(job.results))
                job.results[job.tried :] = job.samples.transform(hand, indices, lent=lent)
                job.made = job.samples.put_together(hand, job.results, lent)
            has_drawn = drawn_since(before) - self._drawn
            if not has_drawn:
                return
            self._drawn |= has_drawn

    def _settle(self, job: _Job) -> None:
        """Make a batch again, to learn whether the functions draw from global generators."""
        for other in self._queue:
            if other.done is not None:
                other.done.wait()
        results = []
        drawn: frozenset[int] = frozenset()
        with own_generators() as lent, self._hand() as hand:
            for index in range(len(job.results)):
                seen = watched(job.samples, hand, index, lent)
                results.append(seen.result)
                drawn |= seen.drawn
            before = trace()
            made = job.samples.put_together(hand, results, lent)
            drawn |= drawn_since(before)
        self._vain += len(results)
        self._is_watched = bool(drawn) or self._vain < TRUSTED
        if drawn:
            self._drawn |= drawn
            self._is_alone = True
            job.made, job.error = made, None
