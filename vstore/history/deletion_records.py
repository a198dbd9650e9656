"""Notes of deleted branches and tags, which bring them back."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from vstore.errors import FormatError, NotFoundError
from vstore.faces import pickled
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import (
    FORMAT,
    BranchDocument,
    DeletedDocument,
    TagDocument,
    format_time,
)
from vstore.history.documents import read_document
from vstore.storage.store import Key, ObjectStore


@pickled
class DeletedRefs:
    """The notes of one repository. Each is written before its ref is deleted, and never changed.

    So a reader that looks for refs first and for notes afterwards finds a deleted ref among
    one or the other. Garbage collection keeps what a note names, and removes notes when the
    time is over for which logs keep what branches left.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def note(self, ref: BranchDocument | TagDocument) -> Key:
        """Write that a branch or tag is about to be deleted; one request."""
        now = datetime.now(UTC)
        is_branch = isinstance(ref, BranchDocument)
        place = object_keys.branch(ref.name) if is_branch else object_keys.tag(ref.name)
        key = object_keys.deletion(place, f"{now:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(8)}")
        document = DeletedDocument(
            FORMAT,
            format_time(now),
            branch=replace(ref, head=None) if isinstance(ref, BranchDocument) else None,
            tag=ref if isinstance(ref, TagDocument) else None,
        )
        self._store.put(key, commits.encode(document))
        return key

    def withdraw(self, note: Key) -> None:
        """Remove a note: its ref was not deleted."""
        self._store.delete(note)

    def find_latest(self, ref: Key) -> DeletedDocument | None:
        """Return what the last note on a branch or tag says; None where there is none."""
        for note in reversed(self._notes(object_keys.deletions(ref))):
            found = (
                read_deleted(self._store, note) if object_keys.find_deleted(note) == ref else None
            )
            if found is not None:
                return found
        return None

    def __iter__(self) -> Iterator[DeletedDocument]:
        for note in self._notes(object_keys.DELETED):
            found = read_deleted(self._store, note)
            if found is not None:
                yield found

    def _notes(self, prefix: str) -> list[Key]:
        """Return notes in the order in which they were stored, by the store's clock.

        Not by the times in their names: those are from the clocks of their writers.
        """
        listed = self._store.list_prefix(prefix)
        found = [info for info in listed if object_keys.find_deleted(info.key) is not None]
        found.sort(key=lambda info: (info.modified, _stamp(info.key)))
        return [info.key for info in found]


def read_deleted(store: ObjectStore, note: Key) -> DeletedDocument | None:
    """Return what a note says; None where it was removed just now.

    Raises:
        FormatError: malformed, or on another ref than its name says.
        CorruptionError: damaged.
    """
    try:
        found, _ = read_document(store, note, DeletedDocument, what=f"the note {note}")
    except NotFoundError:
        return None
    place = object_keys.branch if found.branch is not None else object_keys.tag
    if place(found.ref.name) != object_keys.find_deleted(note):
        raise FormatError(f"the note {note} is on {found.ref.name!r}")
    return found


def _stamp(note: Key) -> str:
    return note.rpartition("/")[2]
