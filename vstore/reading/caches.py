"""Keeping what was read for the next reader: one kind of cache, and how much each one keeps."""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from vstore.storage.forking import ForkSafeLock

COMMITS = 1024
NODES = 256
PAGES = 1024
"""How many commits, documents of nodes and pages of the chunk index a fetcher keeps."""

ENCODED_NBYTES = 16 * 2**20
"""How much of encoded chunks a transaction leaves with its fetcher."""

DECODED_NBYTES = 64 * 2**20
"""How much of decoded chunks a fetcher keeps for the next read of a few of their elements."""

PARTLY_READ_NBYTES = 64 * 2**20
"""How much of the chunks that Zarr reads in parts, such as shards, one of its stores keeps."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Values by name, those used last, whose weights add up to a limit at most.

    Safe to use from several threads, and in a child that was forked at any moment. A value
    must not change while it is kept, since everybody gets the same.

    >>> cache = LruCache[str, bytes](10, len)
    >>> cache.put("a", b"1234"), cache.put("b", b"1234"), cache.find("a")
    (True, True, b'1234')
    >>> cache.put("c", b"1234"), cache.find("b"), cache.weight
    (True, None, 8)
    """

    def __init__(
        self, limit: int, weigh: Callable[[V], int], *, largest: int | None = None
    ) -> None:
        """Keep nothing yet.

        Args:
            limit: what all values weigh at most.
            weigh: returns what a value weighs, such as its bytes.
            largest: what a value may weigh to be kept. If None, whatever came last is kept,
                even if it alone is beyond the limit.
        """
        self._limit = limit
        self._weigh = weigh
        self._largest = largest
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0
        self._pid = os.getpid()
        self._lock = ForkSafeLock()
        self.hits = 0
        self.misses = 0

    def find(self, name: K) -> V | None:
        """Return a value if it is kept, which makes it the one used last."""
        with self._lock:
            found = self._entries.get(name)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(name)
            return found[0]

    def __contains__(self, name: object) -> bool:
        """Return whether a value is kept, without using it."""
        return name in self._entries

    def put(self, name: K, value: V) -> bool:
        """Keep a value instead of those used longest ago; return whether it is kept."""
        weight = self._weigh(value)
        if self._largest is not None and weight > self._largest:
            return False
        with self._lock:
            self._recount_in_child()
            self._forget(name)
            self._entries[name] = value, weight
            self._weight += weight
            while self._weight > self._limit and len(self._entries) > 1:
                self._forget(next(iter(self._entries)))
        return True

    def add(self, name: K, value: V) -> bool:
        """Keep a value if there is room besides the others; return whether it is kept.

        What came first stays: for use in a cycle, where the value used longest ago is always
        the next that is wanted.
        """
        weight = self._weigh(value)
        with self._lock:
            self._recount_in_child()
            if name in self._entries:
                return True
            if self._weight + weight > self._limit:
                return False
            self._entries[name] = value, weight
            self._weight += weight
        return True

    def _forget(self, name: K) -> None:
        _, weight = self._entries.pop(name, (None, 0))
        self._weight -= weight

    def _recount_in_child(self) -> None:
        """Weigh again what a fork copied, maybe while a thread of the parent was in between."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._weight = sum(weight for _, weight in self._entries.values())

    @property
    def weight(self) -> int:
        """What all values weigh."""
        with self._lock:
            self._recount_in_child()
            return self._weight

    def __len__(self) -> int:
        return len(self._entries)
