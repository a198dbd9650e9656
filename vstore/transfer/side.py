"""One of the two repositories of a transfer."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from vstore.history.refs import Refs
from vstore.storage.store import ObjectStore
from vstore.transfer.documents import Documents, KnownCommits

T = TypeVar("T")
V = TypeVar("V")

IN_FLIGHT = 64
"""How many requests a transfer has under way at a time, on both sides together."""


@dataclass(frozen=True, slots=True)
class Side:
    """A repository, as a transfer reads and writes it."""

    store: ObjectStore
    refs: Refs
    documents: Documents


@dataclass(frozen=True, slots=True)
class Sides:
    """Both repositories: `here` is the nearer one, whose commits cost least to read."""

    here: Side
    there: Side
    requests: ThreadPoolExecutor

    def both(self, first: Callable[[], T], second: Callable[[], V]) -> tuple[T, V]:
        """Do two things side by side."""
        other = self.requests.submit(second)
        try:
            return first(), other.result()
        finally:
            other.cancel()

    def map(self, function: Callable[[T], V], items: Sequence[T]) -> list[V]:
        """Do one thing for several items, side by side."""
        if len(items) < 2:
            return [function(item) for item in items]
        return list(self.requests.map(function, items))


@contextmanager
def between(here: ObjectStore, there: ObjectStore) -> Iterator[Sides]:
    """Open both sides of a transfer; every thread has ended when this does."""
    known = KnownCommits()
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="vstore-transfer") as requests:
        try:
            yield Sides(
                Side(here, Refs(here, known), Documents(here, known, requests)),
                Side(there, Refs(there, known), Documents(there, known, requests)),
                requests,
            )
        except BaseException:
            requests.shutdown(wait=True, cancel_futures=True)
            raise
