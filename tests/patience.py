"""Waiting for what another thread or process does, however slow the machine is.

A test that waits goes on as soon as what it waits for is there, so that the time allowed costs
nothing where all is well, and can be long.
"""

import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
READING = ("vstore-load", "vstore-plan", "vstore-take", "vstore-transform")
"""How the names of the threads begin that a reader starts, and ends."""


def wait_until(is_so: Callable[[], object]) -> None:
    """Return once something is so."""
    if not comes_true(is_so):
        raise AssertionError(f"this did not come true in {PATIENCE_SECONDS:.0f} seconds")


def comes_true(is_so: Callable[[], object]) -> bool:
    """Wait until something is so; return whether it came."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.0005
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return True


class NewThreads:
    """The threads of readers that begin after this was made: what others left does not count."""

    def __init__(self, *prefixes: str) -> None:
        self._prefixes = prefixes or READING
        self._before = set(threading.enumerate())

    def running(self) -> list[str]:
        """Return the names of those that run now."""
        now = set(threading.enumerate()) - self._before
        return sorted(thread.name for thread in now if thread.name.startswith(self._prefixes))

    def left(self) -> list[str]:
        """Return the names of those that do not end, however long one waits."""
        comes_true(lambda: not self.running())
        return self.running()
