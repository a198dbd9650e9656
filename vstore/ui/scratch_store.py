"""A store that is only read: what is written stays in memory, and is forgotten."""

from collections.abc import Iterator
from contextlib import suppress

from vstore.errors import NotFoundError, ReadOnlyError
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version


class ScratchStore:
    """Any store, of which nothing is changed.

    Immutable objects that a dry run makes are kept in memory and found there. Whatever would
    change an object is refused.
    """

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
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
        return self._inner.get(key)

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the stored object and its version."""
        return self._inner.get_versioned(key)

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return bytes of the object that was made here, else of the stored one."""
        with suppress(NotFoundError):
            return self._made.get_range(key, start, nbytes)
        return self._inner.get_range(key, start, nbytes)

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
        """List the stored objects."""
        return self._inner.list_prefix(prefix)


def _refused(key: Key) -> ReadOnlyError:
    return ReadOnlyError(f"{key} is not changed: this process only reads")
