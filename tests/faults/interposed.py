"""A store with something between it and its caller: faults, crashes, a scheduler."""

from collections.abc import Callable, Iterator
from typing import Any

from vstore.storage.store import Key, ObjectInfo, ObjectStore, Version

WRITES = frozenset({"put", "put_if_absent", "compare_and_swap", "delete", "delete_if_version"})
CONDITIONAL = frozenset({"put_if_absent", "compare_and_swap"})

Interpose = Callable[[str, Key, Callable[[], Any]], Any]
"""Carry out a request, or not: the verb, the key and what sends it."""


class InterposedStore:
    """Any store, each request of which goes through a function."""

    def __init__(self, inner: ObjectStore, interpose: Interpose) -> None:
        self.inner = inner
        self._interpose = interpose

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def is_local(self) -> bool:
        return self.inner.is_local

    def get(self, key: Key) -> bytes:
        found: bytes = self._interpose("get", key, lambda: self.inner.get(key))
        return found

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        found: tuple[bytes, Version] = self._interpose(
            "get_versioned", key, lambda: self.inner.get_versioned(key)
        )
        return found

    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        found: bytes = self._interpose(
            "get_range", key, lambda: self.inner.get_range(key, start, nbytes)
        )
        return found

    def put(self, key: Key, data: bytes) -> None:
        self._interpose("put", key, lambda: self.inner.put(key, data))

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        made: Version | None = self._interpose(
            "put_if_absent", key, lambda: self.inner.put_if_absent(key, data)
        )
        return made

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        made: Version | None = self._interpose(
            "compare_and_swap", key, lambda: self.inner.compare_and_swap(key, data, expected)
        )
        return made

    def delete(self, key: Key) -> None:
        self._interpose("delete", key, lambda: self.inner.delete(key))

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        gone: bool = self._interpose(
            "delete_if_version", key, lambda: self.inner.delete_if_version(key, expected)
        )
        return gone

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        found: list[ObjectInfo] = self._interpose(
            "list_prefix", Key(prefix), lambda: list(self.inner.list_prefix(prefix))
        )
        yield from found
