"""Reading the documents that no digest names: refs and the repository's own."""

from collections.abc import Callable
from typing import TypeVar

from vstore.errors import FormatError, NotFoundError
from vstore.format import collection
from vstore.format import commit as commits
from vstore.format.commit import Stored
from vstore.format.digest import READS
from vstore.storage.store import Key, ObjectStore, Version

T = TypeVar("T")


def repository_not_found(url: str) -> NotFoundError:
    """Return the error for a place that has no repository file."""
    return NotFoundError(
        f"there is no vstore repository at {url}",
        code="repository-not-found",
        hint=f"check the address, or create a repository with `vstore.create({url!r})`",
        url=url,
    )


def read_document(
    store: ObjectStore, key: Key, kind: type[Stored], *, what: str
) -> tuple[Stored, Version]:
    """Return a document and its version by one request, or raise `NotFoundError`.

    One that does not fit its own check is read again until it does, or comes the same
    twice: it may have been damaged on its way here, which no client notices.

    Raises:
        FormatError: malformed, a newer format version, or an unknown required feature.
        CorruptionError: damaged.
    """
    return read_again(
        lambda: store.get_versioned(key), lambda data: commits.decode(data, kind, what=what)
    )


def read_ref(
    store: ObjectStore, key: Key, kind: type[commits.Ref], *, what: str
) -> tuple[commits.Ref | commits.Tombstone, Version]:
    """Return a branch or tag, or what says that it was deleted; see `read_document`."""
    return read_again(
        lambda: store.get_versioned(key), lambda data: commits.decode_ref(data, kind, what=what)
    )


def read_again(
    read: Callable[[], tuple[bytes, Version]], decode: Callable[[bytes], T]
) -> tuple[T, Version]:
    """Return what is read, decoded, and its version; read again while it is refused.

    At most until the same bytes came twice: what is damaged comes the same every time.
    """
    seen: set[bytes] = set()
    while True:
        data, version = read()
        try:
            return decode(data), version
        except FormatError:
            if data in seen or len(seen) == READS - 1:
                raise
            seen.add(data)


def read_collection(
    store: ObjectStore, key: Key, kind: type[collection.Kind]
) -> tuple[collection.Kind, Version]:
    """Return a document of garbage collection and its version, or raise `NotFoundError`.

    Raises:
        FormatError: malformed, or of a newer format version.
        CorruptionError: damaged.
    """
    return read_again(
        lambda: store.get_versioned(key), lambda data: collection.decode(data, kind, what=key)
    )
