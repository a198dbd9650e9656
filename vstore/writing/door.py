"""The way into a transaction: what users hold of it goes through here, to read and to change."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Others(Protocol):
    """The other processes that write for a transaction while it is open."""

    def take(self, *, last: bool = False) -> None:
        """Put into the transaction what they have written; after the last time they may not."""

    def tell(self) -> None:
        """Let them see what the transaction holds now."""

    def release(self) -> None:
        """Remove what is left of it; the transaction is over."""


class Door:
    """Brings a transaction up to date before anybody looks, and tells others after a change.

    So whatever was done through the objects that users hold, however long they held them, is
    done as if all who write had come one after another. Nothing is taken in the midst of a
    change.
    """

    def __init__(self, require_open: Callable[[], None]) -> None:
        self.require_open = require_open
        self.others: Others | None = None
        self._depth = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Bring what is there up to date, or refuse to show it."""
        self.require_open()
        self.update()

    def update(self) -> None:
        """Bring what is there up to date."""
        if self.others is not None and not self._depth:
            self.others.take()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change what is there."""
        self.enter()
        with self.busy():
            yield
        if self.others is not None and not self._depth:
            self.others.tell()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let nothing be taken meanwhile."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, step: int) -> None:
        with self._lock:
            self._depth += step


class HasDoor(Protocol):
    """An object that users hold of a transaction."""

    @property
    def _door(self) -> Door: ...


S = TypeVar("S", bound=HasDoor)


def changes(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make a method of what users hold one that changes the transaction."""

    def through(self: S, /, *args: P.args, **options: P.kwargs) -> R:
        with self._door.changing():
            return method(self, *args, **options)

    update_wrapper(through, method)
    return through
