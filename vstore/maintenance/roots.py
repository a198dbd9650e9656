"""Where reachability begins: branches, what their logs still remember, and tags."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vstore.errors import ConflictError, FormatError
from vstore.format import keys
from vstore.format.commit import BranchDocument, DeletedDocument, TagDocument, parse_time
from vstore.format.digest import Digest
from vstore.history.deleted import read_deleted
from vstore.history.refs import Branch, Refs
from vstore.storage.store import Key, ObjectStore

_SCANS = 20


@dataclass(frozen=True, slots=True)
class RefsFound:
    """All branches and tags, as they stood together at one moment."""

    branches: tuple[Branch, ...]
    tags: tuple[TagDocument, ...]
    deleted: Mapping[Key, DeletedDocument] = field(default_factory=dict)

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
        branches = [refs.find_branch(name) for key, name in names.items() if _is_branch(key)]
        tags = [refs.find_tag(name) for key, name in names.items() if key.startswith(keys.TAGS)]
        notes = {
            key: read_deleted(store, key) for key in names if keys.find_deleted(key) is not None
        }
        before, names = names, ref_names(store)
        if names == before and None not in [*branches, *tags, *notes.values()]:
            return RefsFound(
                tuple(branch for branch in branches if branch is not None),
                tuple(tag for tag in tags if tag is not None),
                {key: note for key, note in notes.items() if note is not None},
            )
    raise ConflictError(f"branches and tags kept coming and going in {store.url}: try again")


def ref_names(store: ObjectStore) -> dict[Key, str]:
    """Return the names of all branches and tags, deleted ones included, by key.

    Raises:
        FormatError: something else lies among them.
    """
    found: dict[Key, str] = {}
    for info in store.list_prefix("refs/"):
        name = keys.find_ref_name(keys.find_deleted(info.key) or info.key)
        if name is None:
            raise FormatError(
                f"{info.key} in {store.url} is neither a branch nor a tag; a newer vstore may "
                "have made it: upgrade, or remove it if it does not belong there"
            )
        found[info.key] = name
    return found


def _is_branch(key: Key) -> bool:
    return key.startswith(keys.BRANCHES)


def log_horizon(now: datetime, expire: timedelta) -> datetime:
    """Return the time after which a branch must have left a commit for its log to keep it."""
    try:
        return now - expire
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
