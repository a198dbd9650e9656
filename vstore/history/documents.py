"""Reading the documents that no digest names: refs and the repository's own."""

from vstore.errors import FormatError
from vstore.format import commit as commits
from vstore.format.commit import Stored
from vstore.storage.store import Key, ObjectStore, Version


def read_document(
    store: ObjectStore, key: Key, kind: type[Stored], *, what: str
) -> tuple[Stored, Version]:
    """Return a document and its version by one request, or raise `NotFoundError`.

    One that does not fit its own check is read once more: it may have been damaged on its
    way here, which no client notices.

    Raises:
        FormatError: malformed, a newer format version, or an unknown required feature.
        CorruptionError: damaged.
    """
    data, version = store.get_versioned(key)
    try:
        return commits.decode(data, kind, what=what), version
    except FormatError:
        data, version = store.get_versioned(key)
        return commits.decode(data, kind, what=what), version
