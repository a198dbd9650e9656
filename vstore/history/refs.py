"""Branches and tags: the only names that move, and how they move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from vstore.errors import NotFoundError, PolicyError
from vstore.faces import pickled
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
)
from vstore.format.digest import Digest, digest_of
from vstore.history import fence as fences
from vstore.history.documents import read_ref
from vstore.history.ref_errors import branch_not_found
from vstore.history.tag_refs import (
    CommitMemory,
    TagRefs,
    Verify,
    cannot_verify,
    check_name,
    new_token,
    now,
)
from vstore.history.tombstones import Tombstones
from vstore.lazy import lazy
from vstore.storage.store import Key, ObjectStore, Version

if TYPE_CHECKING:
    from vstore.history import closure, policies
else:
    closure = lazy("vstore.history.closure")
    policies = lazy("vstore.history.policies")

_SOME_HEADS = 64
"""How many branches are looked at to find what a new one has in common with them."""

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


@pickled
class Refs(TagRefs):
    """The branches and tags of one repository."""

    def __init__(
        self,
        store: ObjectStore,
        memory: CommitMemory | None = None,
        objects: Callable[[], ObjectStore] | None = None,
        verify: Verify = cannot_verify,
    ) -> None:
        super().__init__(store, memory, objects, verify)
        self._dead_branches = Tombstones(store, self._find_branch)

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
        check_name(found[0].name, name, "branch")
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
            PolicyError: the policies do not allow it.
        """
        asked = asked or fences.ask(self._store)
        since = asked.since
        objects = self._objects()
        new_head = fences.NewHead(commit, written=written, base=base)
        state, fence = fences.fence_to_create(objects, asked.state, new_head)
        policy = self._policy_of_new(name, commit)
        new = _moved(name, log, commit, action, fence)
        new = msgspec.structs.replace(new, head=self._copy(commit), policy=policy)
        key, data = object_keys.branch(name), commits.encode(new)
        version = self._store.put_if_absent(key, data)
        if version is None and self._dead_branches.is_cleared(name, key):
            version = self._store.put_if_absent(key, data)
        if version is None:
            return None
        made = Branch(new, version)
        if since.is_slow and fences.find_collection(self._store) != state:
            with self._undone(lambda: self.withdraw_branch(made)):
                later = fences.find_collection(self._store)
                fences.fence_to_create(objects, later, new_head)
        return self._follow_newer(made)

    def _policy_of_new(self, name: str, commit: Digest) -> int:
        """Return which policies a new branch follows, or raise `PolicyError` if it may not be."""
        return self.policies.check_new_branch(name, commit, self._some_heads)

    def _some_heads(self) -> list[Digest]:
        """Return the heads of some branches: what they have was checked when they got it."""
        found = map(self.find_branch, self.branch_names()[:_SOME_HEADS])
        return [branch.commit for branch in found if branch is not None]

    def _follow_newer(self, made: Branch) -> Branch:
        """Make a branch that was just created follow policies that were set meanwhile.

        Whoever set them looked for branches after storing them, perhaps before this one was
        there.

        Raises:
            PolicyError: they do not allow it; it is gone again.
        """
        numbers = policies.policy_numbers(self._store)
        if not numbers or numbers[-1] <= made.document.policy:
            return made
        with self._undone(lambda: self.withdraw_branch(made)):
            number = self._policy_of_new(made.name, made.commit)
        return self.follow_policy(made, number) or made

    def follow_policy(self, branch: Branch, number: int) -> Branch | None:
        """Write only which policies a branch follows; None if it was updated meanwhile."""
        return self._rewritten(branch, policy=number)

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
            PolicyError: the policies do not allow it.
        """
        self.policies.check_move(branch.document, commit)
        here = branch.document.fence
        objects = self._objects()
        fence = fences.fence_to_move(
            objects,
            here,
            here if begun is msgspec.UNSET else begun,
            closure.fresh_objects(objects, commit, branch.commit),
        )
        new = _moved(branch.name, branch.document.log, commit, action, fence)
        policy = branch.document.policy
        new = msgspec.structs.replace(new, head=self._copy(commit), policy=policy)
        key, data = object_keys.branch(branch.name), commits.encode(new)
        version = self._store.compare_and_swap(key, data, branch.version)
        return None if version is None else Branch(new, version)

    def rewrite_branch(
        self, branch: Branch, commit: Digest, log: Sequence[LogEntry], *, author: Author
    ) -> Branch | None:
        """Replace what a branch says, its log included; None, changing nothing, if it moved.

        Only a purge does this, of which `author` is the author.

        The first entry of the log names the commit. `branch` was read before anything of
        `commit` was written.

        Raises:
            ConflictError: garbage collection deleted what the commit needs meanwhile.
            PolicyError: the policies do not allow it.
        """
        self.policies.check_rewrite(branch.document, commit, author)
        here, objects = branch.document.fence, self._objects()
        fresh = closure.fresh_objects(objects, commit, None)
        fence = fences.fence_to_move(objects, here, here, fresh)
        new = BranchDocument(
            FORMAT,
            branch.name,
            commit,
            new_token(),
            list(log),
            fence,
            self._copy(commit),
            branch.document.policy,
        )
        key, data = object_keys.branch(branch.name), commits.encode(new)
        version = self._store.compare_and_swap(key, data, branch.version)
        return None if version is None else Branch(new, version)

    def fence_branch(self, branch: Branch, fence: Fence | None) -> Branch | None:
        """Write only a collection's fence; None if the branch was updated meanwhile."""
        return self._rewritten(branch, fence=fence)

    def _rewritten(self, branch: Branch, **members: Any) -> Branch | None:
        new = msgspec.structs.replace(branch.document, token=new_token(), **members)
        key, data = object_keys.branch(branch.name), commits.encode(new)
        version = self._store.compare_and_swap(key, data, branch.version)
        return None if version is None else Branch(new, version)

    def find_marked(self, branch: Branch) -> Branch | None:
        """Return a branch that changed, if all that changed is a fence, or policies it follows."""
        here = self.find_branch(branch.name)
        if here is None or here.version == branch.version:
            return None
        as_read = (branch.commit, branch.document.log)
        return here if (here.commit, here.document.log) == as_read else None

    def delete_branch(self, branch: Branch) -> bool:
        """Delete a branch as it was read; return False, changing nothing, if it moved.

        True also where it is gone for another reason: a store may not know that it was this
        request, answered a second time, that deleted it.

        Raises:
            PolicyError: it is protected.
        """
        return self._bury_branch(branch, self.policies.check_deleted_branch)

    def delete_noted(self, branch: Branch) -> bool:
        """Delete a branch as `delete_branch` does, so that it can be restored."""
        self.policies.check_deleted_branch(branch.document)
        note = self.deleted.note(branch.document)
        try:
            is_deleted = self.delete_branch(branch)
        except PolicyError:
            self.deleted.withdraw(note)
            raise
        if not is_deleted:
            self.deleted.withdraw(note)
        return is_deleted

    def withdraw_branch(self, branch: Branch) -> bool:
        """Delete a branch whatever the policies say: one just made, or of a remote."""
        return self._bury_branch(branch, lambda _: None)

    def _bury_branch(self, branch: Branch, check: Callable[[BranchDocument], None]) -> bool:
        key, here = object_keys.branch(branch.name), branch
        check(here.document)
        while not self._dead_branches.bury(branch.name, key, here.version):
            marked = self.find_marked(here)
            if marked is None:
                return self.find_branch(branch.name) is None
            here = marked
            check(here.document)
        return True

    def branch_names(self) -> list[str]:
        """Return the names of all branches, sorted."""
        return sorted(self._dead_branches.names(self._names(object_keys.BRANCHES)))


def _moved(
    name: str, log: Sequence[LogEntry], commit: Digest, action: str, fence: Fence | None
) -> BranchDocument:
    entries = [LogEntry(commit, now(), action[:ACTION_LENGTH]), *log][:LOG_LENGTH]
    return BranchDocument(FORMAT, name, commit, new_token(), entries, fence)


def is_entry(entry: LogEntry, commit: Digest, action: str) -> bool:
    """Return whether an entry of a branch's log is what moving to a commit wrote there."""
    return (entry.commit, entry.action) == (commit, action[:ACTION_LENGTH])
