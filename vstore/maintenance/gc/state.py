"""The one document through which garbage collections exclude each other."""

import secrets
from dataclasses import dataclass
from datetime import datetime

import msgspec

from vstore.errors import ConflictError, NotFoundError
from vstore.format import collection, object_keys
from vstore.format.collection import CollectionDocument, Phase
from vstore.history.documents import read_collection
from vstore.history.fence import Stopwatch
from vstore.storage.store import ObjectStore, Version

TAKE_OVER_SECONDS = 600.0
"""How long a collection that deletes may be silent before another one takes it over."""

BEAT_SECONDS = 20.0
"""How long a collection goes on before it makes sure that nobody took it over."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of garbage collection as it was read, and its version; None before the first."""

    store: ObjectStore
    document: CollectionDocument | None
    version: Version | None

    @classmethod
    def read(cls, store: ObjectStore) -> "State":
        """Read the state."""
        try:
            found, version = read_collection(
                store, object_keys.COLLECTION_STATE, CollectionDocument
            )
        except NotFoundError:
            return cls(store, None, None)
        return cls(store, found, version)

    @property
    def pending(self) -> CollectionDocument | None:
        """The collection whose deletion is pending, None if there is none."""
        found = self.document
        return found if found is not None and found.is_pending else None

    def modified(self) -> datetime:
        """Return when the state was written, by the store's clock."""
        for info in self.store.list_prefix(object_keys.COLLECTION_STATE):
            if info.key == object_keys.COLLECTION_STATE:
                return info.modified
        raise ConflictError("the state of garbage collection was removed", code="gc-interrupted")

    def replace(self, document: CollectionDocument) -> "State":
        """Write another state in place of this one.

        Raises:
            ConflictError: somebody else wrote one first.
        """
        data = collection.encode(document)
        if self.version is None:
            version = self.store.put_if_absent(object_keys.COLLECTION_STATE, data)
        else:
            version = self.store.compare_and_swap(object_keys.COLLECTION_STATE, data, self.version)
        if version is None:
            raise ConflictError(
                "another garbage collection of the same repository is running, so this one ended",
                code="gc-interrupted",
            )
        return State(self.store, document, version)

    def entering(self, phase: Phase) -> "State":
        """Write the same state in another phase, or again in the same one."""
        if self.document is None:
            raise AssertionError
        token = secrets.token_hex(16)
        return self.replace(msgspec.structs.replace(self.document, phase=phase, token=token))


class Heartbeat:
    """Says that a collection is alive, and makes sure that it is the only one."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._since = Stopwatch()

    def beat(self) -> None:
        """Make sure that nobody took over, if that was not done just now.

        Raises:
            ConflictError: somebody did.
        """
        if self._since.seconds > BEAT_SECONDS:
            since = Stopwatch()
            self.state = self.state.entering("sweeping")
            self._since = since

    def require_fresh(self) -> None:
        """Refuse to delete after a pause in which somebody may have taken over.

        Raises:
            ConflictError: the process was stopped, or the store took minutes to answer.
        """
        if self._since.seconds > TAKE_OVER_SECONDS / 2:
            raise ConflictError(
                "garbage collection was stopped for minutes while it deleted objects, so another "
                "one may have taken over",
                code="gc-interrupted",
                hint="try again",
            )
