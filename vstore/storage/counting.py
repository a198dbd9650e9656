"""Counting requests: how many, how large, and how many of them had to wait for another."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from vstore.faces import exported_from
from vstore.storage.forking import ForkSafeLock
from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version

T = TypeVar("T")


@exported_from("vstore.storage")
@dataclass(frozen=True, slots=True)
class Request:
    """One request: what it asked, what it moved and how deep in the chain of waits it was.

    `depth` is one more than the deepest request that had finished before this one started.
    `error` names the class of the exception it ended with, or is None.
    """

    verb: str
    key: str
    depth: int
    nbytes_sent: int = 0
    nbytes_received: int = 0
    error: str | None = None


@exported_from("vstore.storage")
class CountingStore:
    """Any store, with each request recorded.

    With `delay_seconds`, each request takes at least that long. Requests issued together then
    overlap even on a store that answers at once, so that `depth` shows which had to wait.

    >>> from vstore.storage.memory import MemoryStore
    >>> store = CountingStore(MemoryStore())
    >>> store.put("a", b"12345"); _ = store.get("a")
    >>> print(store.summary())
    2 requests (1 get, 1 put), depth 2, 5 bytes sent, 5 received
    """

    def __init__(self, inner: ObjectStore, *, delay_seconds: float = 0.0) -> None:
        self.inner = inner
        self._delay_seconds = delay_seconds
        self._lock = ForkSafeLock()
        self._requests: list[Request] = []
        self._finished_depth = 0

    def __reduce__(self) -> tuple[object, tuple[ObjectStore]]:
        return partial(CountingStore, delay_seconds=self._delay_seconds), (self.inner,)

    def __repr__(self) -> str:
        return f"CountingStore({self.inner!r})"

    @property
    def url(self) -> str:
        """The inner store's URL."""
        return self.inner.url

    @property
    def is_local(self) -> bool:
        """False: what is counted are the requests that a store on a network would get."""
        return False

    @property
    def requests(self) -> tuple[Request, ...]:
        """The finished requests, in the order in which they finished."""
        with self._lock:
            return tuple(self._requests)

    @property
    def depth(self) -> int:
        """How many request rounds followed one another."""
        return max((request.depth for request in self.requests), default=0)

    @property
    def nbytes_sent(self) -> int:
        """Bytes written to the store."""
        return sum(request.nbytes_sent for request in self.requests)

    @property
    def nbytes_received(self) -> int:
        """Bytes read from the store."""
        return sum(request.nbytes_received for request in self.requests)

    def count(self, *verbs: str) -> int:
        """Return how many requests of these verbs there were; of any verb if none is named."""
        return sum(1 for request in self.requests if not verbs or request.verb in verbs)

    def reset(self) -> None:
        """Forget everything recorded so far."""
        with self._lock:
            self._requests.clear()
            self._finished_depth = 0

    def summary(self) -> str:
        """Return one line for users."""
        requests = self.requests
        verbs = Counter(request.verb for request in requests)
        parts = ", ".join(f"{n} {verb}" for verb, n in sorted(verbs.items()))
        noun = "request" if len(requests) == 1 else "requests"
        return (
            f"{len(requests)} {noun}{f' ({parts})' if parts else ''}, depth {self.depth}, "
            f"{self.nbytes_sent:,} bytes sent, {self.nbytes_received:,} received"
        )

    def get(self, key: Key) -> bytes:
        """Read an object."""
        return self._record("get", key, lambda: self.inner.get(key), received=len)

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Read an object and its version."""
        return self._record(
            "get_versioned",
            key,
            lambda: self.inner.get_versioned(key),
            received=lambda found: len(found[0]),
        )

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Read a range."""
        return self._record(
            "get_range", key, lambda: self.inner.get_range(key, start, nbytes), received=len
        )

    def put(self, key: Key, data: bytes) -> None:
        """Store an object."""
        self._record("put", key, lambda: self.inner.put(key, data), sent=len(data))

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create an object."""
        return self._record(
            "put_if_absent", key, lambda: self.inner.put_if_absent(key, data), sent=len(data)
        )

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace an object."""
        return self._record(
            "compare_and_swap",
            key,
            lambda: self.inner.compare_and_swap(key, data, expected),
            sent=len(data),
        )

    def delete(self, key: Key) -> None:
        """Delete an object."""
        self._record("delete", key, lambda: self.inner.delete(key))

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete an object at a version."""
        return self._record(
            "delete_if_version", key, lambda: self.inner.delete_if_version(key, expected)
        )

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects; counted once, as finished when the first page is there."""
        listing = self.inner.list_prefix(prefix)
        first = self._record("list_prefix", prefix, lambda: next(listing, None))
        if first is not None:
            yield first
            yield from listing

    def _record(
        self,
        verb: str,
        key: str,
        call: Callable[[], T],
        *,
        sent: int = 0,
        received: Callable[[T], int] = lambda _: 0,
    ) -> T:
        with self._lock:
            depth = self._finished_depth + 1
        nbytes_received, error = 0, None
        try:
            if self._delay_seconds:
                time.sleep(self._delay_seconds)
            result = call()
            nbytes_received = received(result)
        except BaseException as failure:
            error = type(failure).__name__
            raise
        else:
            return result
        finally:
            with self._lock:
                self._finished_depth = max(self._finished_depth, depth)
                self._requests.append(Request(verb, key, depth, sent, nbytes_received, error))
