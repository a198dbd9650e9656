"""Verifying branches, tags and the repository's own document."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from vstore.errors import FormatError, NotFoundError
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import (
    BranchDocument,
    CommitDocument,
    DeletedDocument,
    RepositoryDocument,
    TagDocument,
    Tombstone,
)
from vstore.format.digest import Digest, read_settled
from vstore.history.deletion_records import read_deleted
from vstore.history.documents import read_document, read_ref
from vstore.history.refs import StoredRef
from vstore.maintenance.digest_set import DigestSet
from vstore.maintenance.fsck.findings import Restorer
from vstore.maintenance.inventory import Inventory
from vstore.storage.store import Key, ObjectStore

_READERS = 32
"""How many branches and tags are read at a time."""

_MOST_LOST = 1000
_SHOWN_LOST = 20


@dataclass(slots=True, eq=False)
class RefsChecked:
    """Where branches and tags point, and where their logs say that branches pointed."""

    count: int = 0
    heads: set[Digest] = field(default_factory=set)
    remembered: set[Digest] = field(default_factory=set)


def check_refs(store: ObjectStore, restorer: Restorer) -> RefsChecked:
    """Read everything that no digest names, report what is damaged and restore what can be."""
    found = RefsChecked()
    default = _check_marker(store, restorer)
    names: set[str] = set()
    listed: list[tuple[Key, str]] = []
    for info in store.list_prefix("refs/"):
        name = object_keys.find_ref_name(info.key)
        if name is not None:
            listed.append((info.key, name))
        elif object_keys.find_deleted(info.key) is not None:
            _check_note(store, restorer, info.key, found)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="vstore-refs") as pool:
        for (key, name), read in zip(listed, pool.map(partial(_tried, store), listed), strict=True):
            if _check_ref(store, restorer, key, name, read, found):
                names.add(key)
                found.count += 1
    if default is not None and object_keys.branch(default) not in names and _has_history(store):
        restorer.findings.report(
            object_keys.branch(default), "missing", "the default branch, though there are commits"
        )
    return found


def _has_history(store: ObjectStore) -> bool:
    """Return whether there is a commit that builds on another one.

    One that does not may be a first commit that never came to make its branch.
    """
    digests = (object_keys.digest_at(info.key) for info in store.list_prefix(object_keys.COMMITS))
    found = _readable(store, (digest for digest in digests if digest is not None))
    return any(document.parents for _, document in found)


def _check_marker(store: ObjectStore, restorer: Restorer) -> str | None:
    """Return the name of the default branch, as far as that can be known."""
    try:
        return _marker(store).default_branch
    except NotFoundError:
        fault, detail = "missing", ""
    except FormatError as exc:
        fault, detail = "damaged", str(exc)
    copy = restorer.copy
    try:
        data = None if copy is None else copy.get(object_keys.REPOSITORY)
        marker = None if copy is None else _marker(copy)
    except (NotFoundError, FormatError):
        data = marker = None
    if data is not None:
        store.put(object_keys.REPOSITORY, data)
    restorer.findings.report(
        object_keys.REPOSITORY,
        "missing" if fault == "missing" else "damaged",
        detail,
        repaired=data is not None,
    )
    return None if marker is None else marker.default_branch


def _marker(store: ObjectStore) -> RepositoryDocument:
    return read_document(
        store, object_keys.REPOSITORY, RepositoryDocument, what=object_keys.REPOSITORY
    )[0]


def _tried(store: ObjectStore, ref: tuple[Key, str]) -> StoredRef | NotFoundError | FormatError:
    """Return a branch or tag, or why it cannot be read."""
    try:
        return _read_ref(store, *ref)
    except (NotFoundError, FormatError) as exc:
        return exc


def _check_ref(
    store: ObjectStore,
    restorer: Restorer,
    key: Key,
    name: str,
    read: StoredRef | NotFoundError | FormatError,
    found: RefsChecked,
) -> bool:
    """Check a branch or tag; return False if it is not there any more."""
    if isinstance(read, NotFoundError):
        return False  # deleted just now
    document = read
    if isinstance(document, FormatError):
        restored = _restored(store, restorer.copy, key, name)
        detail = str(document)
        if isinstance(restored, BranchDocument):
            detail += f"; it is again where the copy has it, at {restored.commit}"
        restorer.findings.report(key, "damaged", detail, repaired=restored is not None)
        if restored is None:
            return True
        document = restored
    if isinstance(document, Tombstone):
        return False
    found.heads.add(Digest(document.commit))
    if isinstance(document, BranchDocument):
        found.remembered |= {Digest(entry.commit) for entry in document.log}
    return True


def _check_note(store: ObjectStore, restorer: Restorer, key: Key, found: RefsChecked) -> None:
    """Check what is kept of a branch or tag that was deleted."""
    try:
        note = read_deleted(store, key)
    except FormatError as exc:
        note = None if restorer.copy is None else _find_note(restorer.copy, key)
        if note is not None:
            store.put(key, commits.encode(note))
        restorer.findings.report(key, "damaged", str(exc), repaired=note is not None)
    if note is not None:
        found.remembered.add(Digest(note.ref.commit))
        if note.branch is not None:
            found.remembered |= {Digest(entry.commit) for entry in note.branch.log}


def _find_note(copy: ObjectStore, key: Key) -> DeletedDocument | None:
    try:
        return read_deleted(copy, key)
    except FormatError:
        return None


def _read_ref(store: ObjectStore, key: Key, name: str) -> StoredRef:
    document: StoredRef
    if key.startswith(object_keys.BRANCHES):
        document, _ = read_ref(store, key, BranchDocument, what=f"branch {name!r}")
    else:
        document, _ = read_ref(store, key, TagDocument, what=f"tag {name!r}")
    if document.name != name:
        raise FormatError(f"what is stored as {name!r} calls itself {document.name!r}")
    return document


def _restored(
    store: ObjectStore, copy: ObjectStore | None, key: Key, name: str
) -> BranchDocument | TagDocument | None:
    """Put back a ref as the copy has it; there is nothing newer that can be read."""
    if copy is None:
        return None
    try:
        document = _read_ref(copy, key, name)
    except (NotFoundError, FormatError):
        return None
    if isinstance(document, Tombstone):
        return None
    store.put(key, commits.encode(document))
    return document


def lost_heads(store: ObjectStore, inventory: Inventory, live: DigestSet) -> tuple[Digest, ...]:
    """Return unreferenced commits from which no other descends, newest first.

    Nothing where there are very many: then they are everyday garbage.
    """
    lost: list[Digest] = []
    for digest in inventory.commits:
        if digest not in live:
            lost.append(digest)
            if len(lost) > _MOST_LOST:
                return ()
    found = dict(_readable(store, lost))
    parents = {parent for document in found.values() for parent in document.parents}
    heads = [digest for digest in found if digest not in parents]
    heads.sort(key=lambda digest: found[digest].time, reverse=True)
    return tuple(heads[:_SHOWN_LOST])


def _readable(
    store: ObjectStore, digests: Iterable[Digest]
) -> Iterable[tuple[Digest, CommitDocument]]:
    for digest in digests:
        try:
            data = read_settled(
                partial(store.get, object_keys.commit(digest)), bytes.fromhex(digest)
            )
            yield digest, commits.decode(data, CommitDocument, what=f"commit {digest}")
        except (NotFoundError, FormatError):
            continue  # garbage may be broken
