"""A repository's objects as if all that its remotes promise were here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vstore.errors import NotFoundError
from vstore.format import object_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vstore.reading.elsewhere import Elsewhere
    from vstore.reading.fetch import Fetcher
    from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version


class ThroughStore:
    """A store whose immutable objects are read from remotes where they are missing.

    For what walks objects by name: what copies them to another repository, and what makes sure
    that those exist which a commit needs. Everything else is that of the store itself. A prefix
    that is the whole name of an object lists it wherever it is; other listings tell what is here.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._inner: ObjectStore = fetcher.store
        self._fetcher = fetcher

    @property
    def _elsewhere(self) -> Elsewhere:
        return self._fetcher.elsewhere

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._inner.url

    @property
    def is_local(self) -> bool:
        """Whether what is here is read without a network."""
        return self._inner.is_local

    def get(self, key: Key) -> bytes:
        """Return the whole object, from a remote if it is missing, or raise `NotFoundError`.

        Raises:
            NotHereError: a remote may have it, and cannot or may not be asked.
        """
        try:
            return self._inner.get(key)
        except NotFoundError:
            found = self._find(key)
            if found is None:
                raise
            return found

    def _find(self, key: Key) -> bytes | None:
        digest = object_keys.digest_at(key)
        if digest is not None:
            return self._elsewhere.object(key, digest)
        if object_keys.moved_at(key) is not None:  # it carries its own check
            for _, store in self._elsewhere.stores():
                with suppress(NotFoundError):
                    return store.get(key)
        return None

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the object and its version, or raise `NotFoundError`."""
        return self._inner.get_versioned(key)

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return bytes of an object that is here."""
        return self._inner.get_range(key, start, nbytes)

    def put(self, key: Key, data: bytes) -> None:
        """Store an object whole or not at all."""
        self._inner.put(key, data)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version, None if it exists."""
        return self._inner.put_if_absent(key, data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version."""
        return self._inner.compare_and_swap(key, data, expected)

    def delete(self, key: Key) -> None:
        """Delete the object from the store itself."""
        self._inner.delete(key)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was."""
        return self._inner.delete_if_version(key, expected)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List what is here, and one object by its whole name wherever it is."""
        found = list(self._inner.list_prefix(prefix))
        is_whole = bool(object_keys.digest_at(prefix) or object_keys.moved_at(prefix))
        if found or not is_whole:
            yield from found
            return
        for _, store in self._elsewhere.stores():
            found = list(store.list_prefix(prefix))
            if found:
                yield from found
                return
