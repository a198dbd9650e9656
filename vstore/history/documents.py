"""Reading the documents that no digest names: refs and the repository's own."""

from vstore.errors import FormatError
from vstore.format import commit as commits
from vstore.format.commit import Stored
from vstore.format.digest import READS
from vstore.storage.store import Key, ObjectStore, Version


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
    seen: set[bytes] = set()
    while True:
        data, version = store.get_versioned(key)
        try:
            return commits.decode(data, kind, what=what), version
        except FormatError:
            if data in seen or len(seen) == READS - 1:
                raise
            seen.add(data)
