"""Branches and tags: the only names that move, and how they move."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from vstore.errors import AlreadyExistsError, ConflictError, FormatError, NotFoundError
from vstore.format import commit as commits
from vstore.format import document, object_keys
from vstore.format.commit import (
    FORMAT,
    HEAD_NBYTES,
    LOG_LENGTH,
    Author,
    BranchDocument,
    CommitDocument,
    Fence,
    LogEntry,
    TagDocument,
    Tombstone,
    format_time,
)
from vstore.format.digest import Digest, digest_of
from vstore.history import fence as fences
from vstore.history.deletion_records import DeletedRefs
from vstore.history.documents import read_ref
from vstore.history.ref_errors import branch_not_found, tag_not_found
from vstore.history.tombstones import Tombstones
from vstore.lazy import lazy
from vstore.storage.store import Key, ObjectInfo, ObjectStore, Version

if TYPE_CHECKING:
    from vstore.history import closure
else:
    closure = lazy("vstore.history.closure")

ACTION_LENGTH = 120
"""How much of what a move says its log keeps: a branch is read and written with every commit."""

StoredRef = BranchDocument | TagDocument | Tombstone


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch as it was read: what it says, and the version a move compares with."""

    document: BranchDocument
    version: Version

    @property
    def name(self) -> str:
        """The branch's name."""
        return self.document.name

    @property
    def commit(self) -> Digest:
        """The commit at its head."""
        return Digest(self.document.commit)


class CommitMemory(Protocol):
    """Keeps commits, so that a branch can carry the one at its head and save reading it."""

    def find_commit(self, digest: Digest) -> CommitDocument | None:
        """Return a commit that is at hand, without a request."""

    def remember_commit(self, digest: Digest, commit: CommitDocument) -> None:
        """Keep a commit whose digest was verified."""

    def note_recent(self, head: Digest, before: Sequence[Digest]) -> None:
        """Note the commits that a branch was at before its head, newest first."""


class Refs:
    """The branches and tags of one repository."""

    def __init__(
        self,
        store: ObjectStore,
        memory: CommitMemory | None = None,
        objects: Callable[[], ObjectStore] | None = None,
    ) -> None:
        """Take where refs are, what keeps commits, and where the objects are that refs need."""
        self._store = store
        self._objects = objects or (lambda: store)
        self.deleted = DeletedRefs(store)
        self._memory = memory
        self._dead_branches = Tombstones(store, self._find_branch)
        self._dead_tags = Tombstones(store, self._find_tag)

    def find_branch(self, name: str) -> Branch | None:
        """Return the branch, or None where there is none; one request."""
        found = self._find_branch(name)
        if found is None or isinstance(found[0], Tombstone):
            return None
        self._learn(found[0])
        return Branch(found[0], found[1])

    def stored(self, key: Key) -> tuple[StoredRef, Version] | None:
        """Return the branch or tag that is at a key, or what says that it was deleted."""
        name = object_keys.find_ref_name(key)
        if name is None:
            return None
        return (
            self._find_branch(name)
            if key.startswith(object_keys.BRANCHES)
            else self._find_tag(name)
        )

    def _find_branch(self, name: str) -> tuple[BranchDocument | Tombstone, Version] | None:
        what = f"branch {name!r}"
        try:
            found = read_ref(self._store, object_keys.branch(name), BranchDocument, what=what)
        except NotFoundError:
            return None
        _check_name(found[0].name, name, "branch")
        return found

    def _learn(self, found: BranchDocument) -> None:
        """Keep the commit that a branch carries, if it was not known, and where it was before."""
        digest, memory = Digest(found.commit), self._memory
        if memory is not None:
            before = [Digest(move.commit) for move in found.log[1:]]
            memory.note_recent(digest, before)
        if found.head is not None and memory and memory.find_commit(digest) is None:
            what = f"commit {digest} in branch {found.name!r}"
            commit = commits.decode(found.head.encode(), CommitDocument, what=what)
            memory.remember_commit(digest, commit)

    def _copy(self, digest: Digest) -> str | None:
        """Return the bytes of a commit for its branch to carry, if they are few and at hand."""
        commit = None if self._memory is None else self._memory.find_commit(digest)
        data = b"" if commit is None else document.dumps(commit)
        is_same = digest_of(data) == digest  # another program may write another form
        return data.decode() if is_same and len(data) <= HEAD_NBYTES else None

    def get_branch(self, name: str) -> Branch:
        """Return the branch, or raise `NotFoundError`."""
        found = self.find_branch(name)
        if found is None:
            raise self.branch_missing(name)
        return found

    def branch_missing(self, name: str) -> NotFoundError:
        """Return the error for a branch that is not there: since it was deleted, or never was."""
        note = self.deleted.find_latest(object_keys.branch(name))
        if note is None:
            return branch_not_found(name, self._store.url)
        return NotFoundError(
            f"the branch {name!r} was deleted on {note.time[:10]}",
            code="branch-was-deleted",
            hint=f"restore it with `repo.branches.restore({name!r})`",
            name=name,
            url=self._store.url,
        )

    def create_branch(  # noqa: PLR0913 - the last three are for who wrote the commit
        self,
        name: str,
        commit: Digest,
        *,
        action: str,
        written: bool = False,
        log: Sequence[LogEntry] = (),
        asked: fences.Asked | None = None,
        base: Digest | None = None,
    ) -> Branch | None:
        """Create a branch; return None, changing nothing, if it exists.

        `written` says that the caller wrote the commit, and did not find it in the repository.
        `log` is what the branch did under another name, or before it was deleted.
        `asked` was asked while it was being written. `base` is a commit on another ref whose
        objects were not written.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
        """
        asked = asked or fences.ask(self._store)
        since = asked.since
        objects = self._objects()
        new_head = fences.NewHead(commit, written=written, base=base)
        state, fence = fences.fence_to_create(objects, asked.state, new_head)
        new = _moved(name, log, commit, action, fence)
        new = msgspec.structs.replace(new, head=self._copy(commit))
        key, data = object_keys.branch(name), commits.encode(new)
        version = self._store.put_if_absent(key, data)
        if version is None and self._dead_branches.is_cleared(name, key):
            version = self._store.put_if_absent(key, data)
        if version is None:
            return None
        made = Branch(new, version)
        if since.is_slow and fences.find_collection(self._store) != state:
            with self._undone(lambda: self.delete_branch(made)):
                now = fences.find_collection(self._store)
                fences.fence_to_create(objects, now, new_head)
        return made

    def move_branch(
        self,
        branch: Branch,
        commit: Digest,
        *,
        action: str,
        begun: Fence | msgspec.UnsetType | None = msgspec.UNSET,
    ) -> Branch | None:
        """Move a branch from where it was read; return None, changing nothing, if it moved.

        `begun` is the branch's fence as it was before anything of `commit` was written, None
        if there was no branch; left out, it is that of `branch`.

        Raises:
            ConflictError: garbage collection deleted what the commit needs meanwhile.
        """
        here = branch.document.fence
        objects = self._objects()
        fence = fences.fence_to_move(
            objects,
            here,
            here if begun is msgspec.UNSET else begun,
            closure.fresh_objects(objects, commit, branch.commit),
        )
        new = _moved(branch.name, branch.document.log, commit, action, fence)
        new = msgspec.structs.replace(new, head=self._copy(commit))
        key, data = object_keys.branch(branch.name), commits.encode(new)
        version = self._store.compare_and_swap(key, data, branch.version)
        return None if version is None else Branch(new, version)

    def rewrite_branch(
        self, branch: Branch, commit: Digest, log: Sequence[LogEntry]
    ) -> Branch | None:
        """Replace what a branch says, its log included; None, changing nothing, if it moved.

        The first entry of the log names the commit. `branch` was read before anything of
        `commit` was written.

        Raises:
            ConflictError: garbage collection deleted what the commit needs meanwhile.
        """
        here, objects = branch.document.fence, self._objects()
        fresh = closure.fresh_objects(objects, commit, None)
        fence = fences.fence_to_move(objects, here, here, fresh)
        new = BranchDocument(
            FORMAT, branch.name, commit, _token(), list(log), fence, head=self._copy(commit)
        )
        key, data = object_keys.branch(branch.name), commits.encode(new)
        version = self._store.compare_and_swap(key, data, branch.version)
        return None if version is None else Branch(new, version)

    def replace_tag(self, tag: TagDocument, version: Version) -> bool:
        """Replace what a tag says, which only a purge does; return False if it changed."""
        new = msgspec.structs.replace(tag, token=_token())
        key, data = object_keys.tag(tag.name), commits.encode(new)
        return self._store.compare_and_swap(key, data, version) is not None

    def require_kept(self, commit: Digest) -> None:
        """Make sure that a commit that was found by its hash is not about to be deleted.

        One request, more where garbage was ever collected. Call it after the branch was read
        that is to have the commit, and before that moves.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
        """
        fences.require_kept(self._objects(), fences.find_collection(self._store), commit)

    def fence_branch(self, branch: Branch, fence: Fence | None) -> Branch | None:
        """Write only a collection's fence; None if the branch was updated meanwhile."""
        new = msgspec.structs.replace(branch.document, token=_token(), fence=fence)
        key, data = object_keys.branch(branch.name), commits.encode(new)
        version = self._store.compare_and_swap(key, data, branch.version)
        return None if version is None else Branch(new, version)

    @contextmanager
    def _undone(self, undo: Callable[[], object]) -> Iterator[None]:
        """Take back a ref that was just made if what it points to turns out to be gone."""
        try:
            yield
        except ConflictError:
            undo()
            raise

    def find_marked(self, branch: Branch) -> Branch | None:
        """Return a branch that changed, if all that changed is a collection's mark."""
        now = self.find_branch(branch.name)
        if now is None or now.version == branch.version:
            return None
        as_read = (branch.commit, branch.document.log)
        return now if (now.commit, now.document.log) == as_read else None

    def delete_branch(self, branch: Branch) -> bool:
        """Delete a branch as it was read; return False, changing nothing, if it moved.

        True also where it is gone for another reason: a store may not know that it was this
        request, answered a second time, that deleted it.
        """
        key, here = object_keys.branch(branch.name), branch
        while not self._dead_branches.bury(branch.name, key, here.version):
            marked = self.find_marked(here)
            if marked is None:
                return self.find_branch(branch.name) is None
            here = marked
        return True

    def branch_names(self) -> list[str]:
        """Return the names of all branches, sorted."""
        return sorted(self._dead_branches.names(self._names(object_keys.BRANCHES)))

    def find_tag(self, name: str) -> TagDocument | None:
        """Return the tag, or None where there is none."""
        found = self._find_tag(name)
        return None if found is None or isinstance(found[0], Tombstone) else found[0]

    def _find_tag(self, name: str) -> tuple[TagDocument | Tombstone, Version] | None:
        try:
            found, version = read_ref(
                self._store, object_keys.tag(name), TagDocument, what=f"tag {name!r}"
            )
        except NotFoundError:
            return None
        _check_name(found.name, name, "tag")
        return found, version

    def create_tag(
        self,
        name: str,
        commit: Digest,
        *,
        author: Author,
        message: str = "",
        named: fences.Stopwatch | None = None,
    ) -> TagDocument:
        """Create a tag, or raise `AlreadyExistsError`; one request.

        `named` was started before the commit was looked up.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
        """
        since = named or fences.Stopwatch()
        new = TagDocument(FORMAT, name, commit, _token(), author, _now(), message)
        key, data = object_keys.tag(name), commits.encode(new)
        version = self._store.put_if_absent(key, data)
        if version is None and self._dead_tags.is_cleared(name, key):
            version = self._store.put_if_absent(key, data)
        if version is None:
            raise AlreadyExistsError(
                f"there is a tag {name!r} already, and tags do not move",
                code="tag-exists",
                hint=f"choose another name, or delete it first with `repo.tags.delete({name!r})`",
                name=name,
            )
        if since.is_slow:
            with self._undone(lambda: self._bury_tag(name, version)):
                self.require_kept(commit)
        return new

    def restore_tag(self, tag: TagDocument) -> bool:
        """Store a tag again as it was; return False, changing nothing, if there is one.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
        """
        self.require_kept(Digest(tag.commit))
        key, data = object_keys.tag(tag.name), commits.encode(tag)
        is_stored = self._store.put_if_absent(key, data) is not None
        if not is_stored and self._dead_tags.is_cleared(tag.name, key):
            is_stored = self._store.put_if_absent(key, data) is not None
        return is_stored

    def delete_tag(self, name: str) -> None:
        """Delete a tag, noting what it was, or raise `NotFoundError`.

        Raises:
            ConflictError: it was deleted and made again just now.
        """
        found = self._find_tag(name)
        if found is None or isinstance(found[0], Tombstone):
            raise tag_not_found(name, self._store.url)
        note = self.deleted.note(found[0])
        if not self._bury_tag(name, found[1]) and self.find_tag(name) is not None:
            self.deleted.withdraw(note)
            raise ConflictError(
                f"the tag {name!r} was created again just now; it was not deleted",
                code="ref-moved",
                hint="try again",
                name=name,
            )

    def _bury_tag(self, name: str, version: Version) -> bool:
        return self._dead_tags.bury(name, object_keys.tag(name), version)

    def tag_names(self) -> list[str]:
        """Return the names of all tags, sorted."""
        return sorted(self._dead_tags.names(self._names(object_keys.TAGS)))

    def _names(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        for info in self._store.list_prefix(prefix):
            name = object_keys.find_ref_name(Key(info.key))
            if name is not None:
                yield name, info


def _check_name(found: str, wanted: str, what: str) -> None:
    """Refuse a ref that a case-folding filesystem returned for another one's name."""
    if found != wanted:
        raise FormatError(f"the {what} stored as {wanted!r} calls itself {found!r}")


def _moved(
    name: str, log: Sequence[LogEntry], commit: Digest, action: str, fence: Fence | None
) -> BranchDocument:
    entries = [LogEntry(commit, _now(), action[:ACTION_LENGTH]), *log][:LOG_LENGTH]
    return BranchDocument(FORMAT, name, commit, _token(), entries, fence)


def is_entry(entry: LogEntry, commit: Digest, action: str) -> bool:
    """Return whether an entry of a branch's log is what moving to a commit wrote there."""
    return (entry.commit, entry.action) == (commit, action[:ACTION_LENGTH])


def _token() -> str:
    return secrets.token_hex(16)


def _now() -> str:
    return format_time(datetime.now(UTC))
