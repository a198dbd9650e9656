"""The seam between vstore and where objects are kept.

Everything above this floor sees only the verbs of `ObjectStore`. Keys are relative,
slash-separated and already checked by `vstore.format.object_keys`; the store adds its root.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol, TypeAlias, runtime_checkable

from vstore.faces import exported_from

Key = NewType("Key", str)
"""An object's name below the store's root."""

Version = NewType("Version", str)
"""What a compare-and-swap compares: an ETag, a generation or a content digest. Opaque."""

exported_from("vstore.storage")(Key)
exported_from("vstore.storage")(Version)

Data: TypeAlias = bytes | memoryview
"""Bytes that were read; what another library holds is shown instead of being copied."""


@exported_from("vstore.storage")
@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One listed object: its key below the root, size in bytes and the store's timestamp."""

    key: Key
    nbytes: int
    modified: datetime


@exported_from("vstore.storage")
@runtime_checkable
class ObjectStore(Protocol):
    """A flat space of objects with atomic, read-your-writes operations.

    Every method may be called from several threads at once. A store pickles: the copy
    opens its own connections. A store may be used in a forked child. Transient failures
    are retried inside; what is raised is final: `NotFoundError`, `StorageError`,
    `UnknownOutcomeError`, `ReadOnlyError`.
    """

    @property
    def url(self) -> str:
        """Where the store is, with any secret left out."""

    @property
    def is_local(self) -> bool:
        """Whether this machine answers requests itself, so that none waits for a network."""

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the object and its version, read in one request, or raise `NotFoundError`."""

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return exactly `nbytes` bytes from `start`.

        Raises:
            NotFoundError: the object does not exist.
            CorruptionError: the object ends before `start + nbytes`.
        """

    def put(self, key: Key, data: bytes) -> None:
        """Store an object whole or not at all, replacing what is there.

        For immutable objects named by their content only: writing one twice is harmless.
        """

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version; return None, changing nothing, if it exists.

        Raises:
            UnknownOutcomeError: the write may or may not have taken effect.
        """

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version.

        Returns None, changing nothing, when the object has another version or is gone.

        Raises:
            UnknownOutcomeError: the write may or may not have taken effect.
        """

    def delete(self, key: Key) -> None:
        """Delete the object; deleting what is not there is not an error."""

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was.

        Stores without a conditional delete check first and say so in their documentation.
        """

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the objects whose keys start with `prefix`, at any depth, in key order."""


def opened_as(store: ObjectStore) -> str:
    """Return what a user passes to `vstore.open` for a store, in Python.

    That is its address, or `store` where it is of a class of the user's own, which has no address.
    """
    return repr(store.url) if type(store).__module__.startswith("vstore.") else "store"
