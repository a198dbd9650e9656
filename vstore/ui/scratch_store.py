"""A store that is only read: what is written stays in memory, and is forgotten."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from vstore.errors import NotFoundError, ReadOnlyError
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version


class Cost(NamedTuple):
    """What was asked of a store: how many requests, and how many bytes it answered."""

    requests: int
    nbytes: int

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.requests - other.requests, self.nbytes - other.nbytes)


class Meter:
    """Adds up what several scratch stores ask of one store; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cost = Cost(0, 0)

    @property
    def cost(self) -> Cost:
        """What was asked so far."""
        return self._cost

    def count(self, nbytes: int) -> None:
        """Add a request that was answered with some bytes."""
        with self._lock:
            self._cost = Cost(self._cost.requests + 1, self._cost.nbytes + nbytes)


class ScratchStore:
    """Any store, of which nothing is changed, and whose requests are counted.

    Immutable objects that a dry run makes are kept in memory and found there. Whatever would
    change an object is refused.
    """

    def __init__(self, inner: ObjectStore, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter
        self._made = MemoryStore()

    @property
    def url(self) -> str:
        """The inner store's URL."""
        return self._inner.url

    @property
    def is_local(self) -> bool:
        """Whether the inner store is on this machine."""
        return self._inner.is_local

    def get(self, key: Key) -> bytes:
        """Return the object that was made here, else the stored one."""
        with suppress(NotFoundError):
            return self._made.get(key)
        found = self._inner.get(key)
        self._meter.count(len(found))
        return found

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the stored object and its version."""
        found = self._inner.get_versioned(key)
        self._meter.count(len(found[0]))
        return found

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return bytes of the object that was made here, else of the stored one."""
        with suppress(NotFoundError):
            return self._made.get_range(key, start, nbytes)
        found = self._inner.get_range(key, start, nbytes)
        self._meter.count(len(found))
        return found

    def put(self, key: Key, data: bytes) -> None:
        """Keep an immutable object in memory."""
        self._made.put(key, data)

    def put_if_absent(self, key: Key, _: bytes) -> Version | None:
        """Refuse: this is how refs are made."""
        raise _refused(key)

    def compare_and_swap(self, key: Key, *_: bytes | Version) -> Version | None:
        """Refuse: this is how refs are moved."""
        raise _refused(key)

    def delete(self, key: Key) -> None:
        """Forget an object that was made here; a stored one stays."""
        self._made.delete(key)

    def delete_if_version(self, key: Key, _: Version) -> bool:
        """Refuse: this is how refs are deleted."""
        raise _refused(key)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the stored objects; counted as one request."""
        self._meter.count(0)
        return self._inner.list_prefix(prefix)


def _refused(key: Key) -> ReadOnlyError:
    return ReadOnlyError(f"{key} is not changed: this process only reads")
