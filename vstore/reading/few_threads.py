"""Running many items on a few threads."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

OnThreads = Callable[[Callable[[int], None], Sequence[int]], Iterator[None]]
"""Apply a function to numbers, side by side."""


def on_few_threads(
    run: Callable[[T], None], items: Sequence[T], on_threads: OnThreads, *, most: int
) -> None:
    """Run the items on `most` threads, so that no more are started."""
    waiting = deque(items)

    def work(_: int) -> None:
        while waiting:
            try:
                item = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                run(item)
            except BaseException:
                waiting.clear()
                raise

    for _ in on_threads(work, range(min(most, len(items)))):
        pass
