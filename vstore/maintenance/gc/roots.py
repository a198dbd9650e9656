"""Where reachability begins: branches, what their logs still remember, and tags."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vstore.errors import ConflictError, FormatError
from vstore.format import object_keys
from vstore.format.commit import BranchDocument, DeletedDocument, TagDocument, Tombstone, parse_time
from vstore.format.digest import Digest
from vstore.history.deletion_records import read_deleted
from vstore.history.refs import Branch, Refs, StoredRef
from vstore.storage.store import Key, ObjectStore, Version

_SCANS = 20
_TOMBSTONE_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RefsFound:
    """All branches and tags, as they stood together at one moment.

    `tombstones` are where those are that say that they are deleted, and in which version.
    """

    branches: tuple[Branch, ...]
    tags: tuple[TagDocument, ...]
    deleted: Mapping[Key, DeletedDocument] = field(default_factory=dict)
    tombstones: tuple[tuple[Key, Version], ...] = ()

    def commits(self) -> set[Digest]:
        """Return where branches and tags point."""
        heads = {branch.commit for branch in self.branches}
        return heads | {Digest(tag.commit) for tag in self.tags}

    def remembered(self, since: datetime) -> set[Digest]:
        """Return where branches, and tags that are gone, pointed at some time after `since`."""
        found = {digest for b in self.branches for digest in remembered(b.document, since)}
        for note in self.deleted.values():
            if parse_time(note.time) >= since:
                found.add(Digest(note.ref.commit))
            if note.branch is not None:
                found.update(remembered(note.branch, since))
        return found

    def forgotten(self, since: datetime) -> list[Key]:
        """Return the notes of what was deleted before `since`."""
        return [key for key, note in self.deleted.items() if parse_time(note.time) < since]


def remembered(branch: BranchDocument, since: datetime) -> Iterator[Digest]:
    """Yield the commits that a branch left after `since`: newest first."""
    for entry, newer in zip(branch.log[1:], branch.log, strict=False):
        if parse_time(newer.time) >= since:
            yield Digest(entry.commit)


def read_refs(store: ObjectStore) -> RefsFound:
    """Return all branches and tags, and the notes of those that were deleted.

    Reads again while names come and go, so that a ref that is renamed is not missed under
    both of its names, and one that is deleted neither itself nor in its note.

    Raises:
        FormatError: something below `refs/` is not a ref that this version knows; nobody
            can say then what is referred to.
    """
    refs = Refs(store)
    names = ref_names(store)
    for _ in range(_SCANS):
        found = {key: refs.stored(key) for key in names if object_keys.find_deleted(key) is None}
        notes = {
            key: read_deleted(store, key)
            for key in names
            if object_keys.find_deleted(key) is not None
        }
        before, names = names, ref_names(store)
        if names == before and None not in [*found.values(), *notes.values()]:
            living = {key: ref for key, ref in found.items() if ref is not None}
            return _sorted(living, {key: note for key, note in notes.items() if note is not None})
    raise ConflictError(
        f"branches and tags kept changing in {store.url}", code="ref-moved", hint="try again"
    )


def _sorted(
    found: Mapping[Key, tuple[StoredRef, Version]], notes: Mapping[Key, DeletedDocument]
) -> RefsFound:
    return RefsFound(
        tuple(Branch(ref, at) for ref, at in found.values() if isinstance(ref, BranchDocument)),
        tuple(ref for ref, _ in found.values() if isinstance(ref, TagDocument)),
        notes,
        tuple((key, at) for key, (ref, at) in found.items() if isinstance(ref, Tombstone)),
    )


def remove_tombstones(store: ObjectStore, refs: RefsFound, now: datetime) -> None:
    """Remove deleted refs whose deleters did not come to it, long after they gave up."""
    if not refs.tombstones:
        return
    written = {info.key: info.modified for info in store.list_prefix("refs/")}
    for key, version in refs.tombstones:
        if key in written and written[key] < now - _TOMBSTONE_AGE:
            store.delete_if_version(key, version)


def ref_names(store: ObjectStore) -> dict[Key, str]:
    """Return the names of all branches and tags, deleted ones included, by key.

    Raises:
        FormatError: something else is among them.
    """
    found: dict[Key, str] = {}
    for info in store.list_prefix("refs/"):
        name = object_keys.find_ref_name(object_keys.find_deleted(info.key) or info.key)
        if name is None:
            raise FormatError(
                f"{info.key} in {store.url} is neither a branch nor a tag",
                code="unknown-object",
                hint="install a newer vstore, which may have made it, or remove it if it does "
                "not belong there",
            )
        found[info.key] = name
    return found


def log_horizon(now: datetime, expire: timedelta) -> datetime:
    """Return the time after which a branch must have left a commit for its log to keep it."""
    try:
        return now - expire
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
