"""Doing together what an event loop asks for at one time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

Give = Callable[[int, R], None]
"""Hand over the result for the i-th item; may be called on any thread."""


class Gathering(Generic[T, R]):
    """Calls a function, on a thread, for all that was asked for since the loop came round.

    A caller has its result as soon as the function gives it, not when all are there.
    """

    def __init__(
        self, run: Callable[[Sequence[T], Give[R]], None], *, single_is_quick: bool = False
    ) -> None:
        """Take the function: it gives a result for each item, or raises for those it did not.

        With `single_is_quick` one item alone is not worth a thread: handing it over takes
        longer.
        """
        self._run = run
        self._single_is_quick = single_is_quick
        self._next: dict[int, list[tuple[T, asyncio.Future[R]]]] = {}

    async def ask(self, item: T) -> R:
        """Return the result for an item."""
        loop = asyncio.get_running_loop()
        waiting = self._next.setdefault(id(loop), [])
        future: asyncio.Future[R] = loop.create_future()
        waiting.append((item, future))
        if len(waiting) == 1:
            loop.call_soon(self._start, loop)
        return await future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._next.pop(id(loop))
        items, futures = [item for item, _ in waiting], [future for _, future in waiting]
        if len(items) == 1 and self._single_is_quick:
            self._do(items, lambda i, result: _set(futures[i], result), futures, _at_once)
            return

        def give(i: int, result: R) -> None:
            loop.call_soon_threadsafe(_set, futures[i], result)

        loop.run_in_executor(None, self._do, items, give, futures, loop.call_soon_threadsafe)

    def _do(
        self,
        items: Sequence[T],
        give: Give[R],
        futures: Sequence["asyncio.Future[R]"],
        call: Callable[..., object],
    ) -> None:
        try:
            self._run(items, give)
        except BaseException as exc:  # noqa: BLE001 - its caller gets it
            call(_fail, futures, exc)


def _at_once(function: Callable[..., None], *arguments: object) -> None:
    function(*arguments)


def _set(future: "asyncio.Future[R]", result: R) -> None:
    if not future.done():
        future.set_result(result)


def _fail(futures: Sequence["asyncio.Future[R]"], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
