"""What the last collection saw of branches and tags: none of them vanishes without a note."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vstore.errors import FormatError, NotFoundError
from vstore.format import collection, object_keys
from vstore.format.collection import LeftCommit, SeenDocument, SeenRef
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest
from vstore.history.documents import read_collection
from vstore.storage.store import Key, ObjectStore


@dataclass(frozen=True, slots=True)
class SeenRefs:
    """The refs that a collection saw, and when branches left commits if their logs say less.

    `is_first` is true before the first collection.
    """

    refs: Mapping[Key, SeenRef] = field(default_factory=dict)
    left: Mapping[Digest, datetime] = field(default_factory=dict)
    is_first: bool = True

    @classmethod
    def read(cls, store: ObjectStore) -> "SeenRefs":
        """Return what the last collection saw; damage counts as nothing."""
        try:
            found, _ = read_collection(store, object_keys.COLLECTION_REFS, SeenDocument)
            left = {Digest(each.commit): datetime.fromisoformat(each.time) for each in found.left}
        except (NotFoundError, FormatError, ValueError):
            return cls()
        return cls({Key(ref.key): ref for ref in found.refs}, left, is_first=False)

    @staticmethod
    def write(store: ObjectStore, refs: Iterable[SeenRef], left: Mapping[Digest, datetime]) -> None:
        """Store what this collection saw."""
        listed = [LeftCommit(digest, time.isoformat()) for digest, time in sorted(left.items())]
        document = SeenDocument(FORMAT, sorted(refs, key=lambda ref: ref.key), listed)
        store.put(object_keys.COLLECTION_REFS, collection.encode(document))
