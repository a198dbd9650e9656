"""Asking a live store whether it keeps its promises."""

from contextlib import suppress
from uuid import uuid4

from vstore.errors import StorageError, UnsupportedStoreError
from vstore.storage.store import Key, ObjectStore


def check_conditional_writes(store: ObjectStore, prefix: str = "probe/") -> None:
    """Raise `UnsupportedStoreError` if the store ignores the conditions of conditional writes.

    Some servers of S3's kind accept the headers and overwrite regardless, so that commits would be
    lost without an error. Sends five requests and leaves nothing behind.
    """
    key = Key(f"{prefix}{uuid4().hex}")
    bodies = [uuid4().bytes for _ in range(4)]
    try:
        first = store.put_if_absent(key, bodies[0])
        if first is None or store.put_if_absent(key, bodies[1]) is not None:
            raise _ignored(store, "an object that exists was created again")
        if store.compare_and_swap(key, bodies[2], first) is None:
            raise _ignored(store, "an object at the expected version was not replaced")
        if store.compare_and_swap(key, bodies[3], first) is not None:
            raise _ignored(store, "an object at another version was replaced")
    finally:
        with suppress(StorageError):
            store.delete(key)


def _ignored(store: ObjectStore, what: str) -> UnsupportedStoreError:
    return UnsupportedStoreError(
        f"{store.url} does not keep the conditions of conditional writes ({what}), so that two "
        f"writers would destroy each other's commits; use another server or a newer version of it"
    )
