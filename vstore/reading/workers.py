"""Threads that run many small tasks whose results nobody asks for."""

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

Step = Callable[[Any], None]


class Workers:
    """At most this many threads, started as tasks come; tasks run in the order they came.

    An executor makes a future, with a lock and a condition, for every task. Where a task
    takes half a millisecond, that and its kin are a fifth of the time.
    """

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._tasks: SimpleQueue[tuple[Step, Any] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_closed = False
        # Threads that nobody has stopped must not keep the interpreter from ending.
        self._finalize = weakref.finalize(self, _stop, self._tasks, self._threads)

    def submit(self, step: Step, task: Any) -> None:
        """Run `step(task)`, which must not raise, on a thread; not at all once it is closed."""
        if self._is_closed:
            return
        self._tasks.put((step, task))
        if len(self._threads) < self._most:
            self._start_one()

    def _start_one(self) -> None:
        with self._lock:
            if len(self._threads) == self._most or self._is_closed:
                return
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(target=_work, args=(self._tasks,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop the threads once they have gone through all tasks; may be called again.

        What a task that was running meanwhile submitted is dropped.
        """
        with self._lock:
            self._is_closed = True
        _stop(self._tasks, self._threads)
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()
        if threading.current_thread() in self._threads:
            self._tasks.put(None)
        self._finalize.detach()


def _work(tasks: "SimpleQueue[tuple[Step, Any] | None]") -> None:
    while (task := tasks.get()) is not None:
        task[0](task[1])
        del task


def _stop(tasks: "SimpleQueue[tuple[Step, Any] | None]", threads: list[threading.Thread]) -> None:
    for _ in threads:
        tasks.put(None)
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join()
