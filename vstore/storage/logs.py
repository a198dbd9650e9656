"""What is logged of requests to a server, below `vstore.storage`."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

logger = logging.getLogger("vstore.storage")


def timed(action: str, call: Callable[[], T]) -> T:
    """Send a request, and log what it did, how long it took and what came back, if anyone asks."""
    if not logger.isEnabledFor(logging.DEBUG):
        return call()
    start = time.perf_counter()
    found = call()
    data = found[0] if isinstance(found, tuple) else found
    received = f", {len(data):,} bytes" if isinstance(data, bytes | memoryview) else ""
    logger.debug("%s: %.3f s%s", action, time.perf_counter() - start, received)
    return found
