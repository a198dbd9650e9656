"""Surviving a fork: locks that are free in the child, and connections that it leaves alone."""

import os
from threading import Lock
from types import TracebackType
from weakref import WeakSet

_open: WeakSet[object] = WeakSet()
_inherited: list[object] = []


class ForkSafeLock:
    """A lock that is free in a forked child, whatever other threads of the parent were doing.

    An ordinary lock that some thread holds at the moment of the fork stays locked in the child
    for ever, since that thread is not there to release it.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Forget who holds it."""
        self._lock = Lock()


_locks: WeakSet[ForkSafeLock] = WeakSet()


def never_close_in_child(client: object) -> None:
    """Keep a client from being collected in forked children.

    Closing an inherited connection there takes it out of the event queue that parent and child
    share, so that the parent would wait for ever for its next answer.
    """
    _open.add(client)


def _in_child() -> None:
    _inherited.extend(_open)
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
