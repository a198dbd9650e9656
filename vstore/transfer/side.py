"""One of the two repositories of a transfer."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from vstore.history.refs import Refs
from vstore.reading.fetch import Fetcher
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.reading.through_store import ThroughStore
from vstore.signing.settings import UNSIGNED
from vstore.signing.signatures import Signatures
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


def _side(
    store: ObjectStore, known: KnownCommits, requests: ThreadPoolExecutor, settings: RemoteSettings
) -> Side:
    fetcher = Fetcher(store, settings)
    whole = ThroughStore(fetcher)
    signed = Signatures(fetcher, UNSIGNED)
    refs = Refs(store, known, lambda: whole, signed.verify_by)
    return Side(store, refs, Documents(whole, known, requests))


@contextmanager
def between(
    here: ObjectStore, there: ObjectStore, settings: RemoteSettings = BY_DEFAULT
) -> Iterator[Sides]:
    """Open both sides of a transfer; every thread has ended when this does.

    What is missing at a side is read from the remotes that promise it there; `settings` says
    how those of `here` are reached.
    """
    known = KnownCommits()
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="vstore-transfer") as requests:
        try:
            yield Sides(
                _side(here, known, requests, settings),
                _side(there, known, requests, BY_DEFAULT),
                requests,
            )
        except BaseException:
            requests.shutdown(wait=True, cancel_futures=True)
            raise
