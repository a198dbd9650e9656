"""Doing together what an event loop asks for at one time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Gathering(Generic[T, R]):
    """Calls a function, on a thread, for all that was asked for since the loop came round."""

    def __init__(
        self, run: Callable[[Sequence[T]], Sequence[R]], *, single_is_quick: bool = False
    ) -> None:
        """Take the function: it returns a result for each item, or raises for all.

        With `single_is_quick` one item alone is not worth a thread: handing it over takes
        longer.
        """
        self._run = run
        self._single_is_quick = single_is_quick
        self._next: dict[int, list[tuple[T, asyncio.Future[R]]]] = {}

    async def ask(self, item: T) -> R:
        """Return the result for an item."""
        return await asyncio.shield(self.submit(item))

    def submit(self, item: T) -> "asyncio.Future[R]":
        """Ask for an item without waiting; to be called in the loop."""
        loop = asyncio.get_running_loop()
        waiting = self._next.setdefault(id(loop), [])
        future: asyncio.Future[R] = loop.create_future()
        waiting.append((item, future))
        if len(waiting) == 1:
            loop.call_soon(self._start, loop)
        return future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._next.pop(id(loop))
        if len(waiting) == 1 and self._single_is_quick:
            self._do_here(*waiting[0])
            return
        task = loop.run_in_executor(None, self._run, [item for item, _ in waiting])

        def done(task: "asyncio.Future[Sequence[R]]") -> None:
            for i, (_, future) in enumerate(waiting):
                _pass_on(task, i, future)

        task.add_done_callback(done)

    def _do_here(self, item: T, future: "asyncio.Future[R]") -> None:
        if future.cancelled():
            return
        try:
            future.set_result(self._run([item])[0])
        except Exception as exc:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(exc)


def _pass_on(task: "asyncio.Future[Sequence[R]]", i: int, future: "asyncio.Future[R]") -> None:
    """Give whoever waits the result, or what went wrong."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if future.cancelled():
        return
    if error is None:
        future.set_result(task.result()[i])
    else:
        future.set_exception(error)
