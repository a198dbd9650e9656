"""Stores whose clocks tests can set, and that stop where a test wants them to."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version

OBJECTS = ("commits/", "index/", "packs/")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def age(store: ObjectStore, by: timedelta, *, prefixes: tuple[str, ...] = OBJECTS) -> None:
    """Let objects look as if they had been stored earlier."""
    for prefix in prefixes:
        for info in list(store.list_prefix(prefix)):
            if isinstance(store, MemoryStore):
                found = store._space.objects[info.key]
                store._space.objects[info.key] = replace(found, modified=found.modified - by)
            elif isinstance(store, LocalStore):
                then = (info.modified - by).timestamp()
                os.utime(os.path.join(store.url, info.key), (then, then))
            else:
                raise TypeError(store)


def pass_grace(store: ObjectStore, by: timedelta = timedelta(days=1, hours=1)) -> None:
    """Let a collection look as if it had been published earlier."""
    age(store, by, prefixes=("gc/",))


def contents(store: ObjectStore) -> dict[Key, bytes]:
    return {info.key: store.get(info.key) for info in store.list_prefix("")}


def orphans(store: ObjectStore) -> set[Key]:
    return {info.key for prefix in OBJECTS for info in store.list_prefix(prefix)}


class Killed(BaseException):
    """The process was killed here."""


class MortalStore:
    """Any store, used by a process that dies before its n-th change of it."""

    def __init__(self, inner: ObjectStore, changes: int | None = None) -> None:
        self.inner = inner
        self.left = changes
        self.changes = 0
        self.before: Callable[[str, Key], None] = lambda *_: None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def is_local(self) -> bool:
        return self.inner.is_local

    def _change(self, verb: str, key: Key) -> None:
        self.before(verb, key)
        with self._lock:
            self.changes += 1
            if self.left is not None:
                if self.left <= 0:
                    raise Killed
                self.left -= 1

    def get(self, key: Key) -> bytes:
        return self.inner.get(key)

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        return self.inner.get_versioned(key)

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        return self.inner.get_range(key, start, nbytes)

    def put(self, key: Key, data: bytes) -> None:
        self._change("put", key)
        self.inner.put(key, data)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        self._change("put_if_absent", key)
        return self.inner.put_if_absent(key, data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        self._change("compare_and_swap", key)
        return self.inner.compare_and_swap(key, data, expected)

    def delete(self, key: Key) -> None:
        self._change("delete", key)
        self.inner.delete(key)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        self._change("delete", key)
        return self.inner.delete_if_version(key, expected)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.inner.list_prefix(prefix)
