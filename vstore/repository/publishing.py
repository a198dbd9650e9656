"""Publishing what a transaction or a merge comes to, on the branch that it began at."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vstore.errors import ConflictError, InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format import object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.history.branch_update import Sleep, update_branch
from vstore.history.commits import Commit, describe
from vstore.history.fence import Asked, ask
from vstore.history.merge_base import is_ancestor
from vstore.history.refs import Branch, Refs
from vstore.history.remotes import read_remote
from vstore.lazy import lazy
from vstore.merging.conflicts import Resolution
from vstore.merging.merge import Merged, common_base, replay, write_merge
from vstore.merging.sides import Sides
from vstore.reading.fetch import Fetcher
from vstore.repository.access import Access
from vstore.sharing.forks import Forks
from vstore.writing.commit_options import CommitOptions
from vstore.writing.transaction import Transaction

if TYPE_CHECKING:
    from vstore.transfer import nodes
else:
    nodes = lazy("vstore.transfer.nodes")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Makes a commit on top of `base` the head of its branch.

    If another writer was first, the changes are merged with the new head; only a real
    conflict gives up.
    """

    fetcher: Fetcher
    refs: Refs
    branch: str
    base: Branch | None
    options: CommitOptions
    sleep: Sleep = time.sleep
    _asked: list[Callable[[], Asked]] = field(default_factory=list)

    def prepare(self) -> None:
        """Ask for garbage collection, which a new branch has to know of."""
        if self.base is None:
            self._asked[:] = [self.fetcher.pool().submit(ask, self.fetcher.store).result]

    def __call__(self, digest: Digest, document: CommitDocument) -> Commit:
        """Update the branch and return its new head, which may be the commit redone.

        Raises:
            ConflictError: what others committed excludes these changes, or the branch was
                deleted; it stays as it is.
        """
        onto = None if self.base is None else self.base.commit
        mine = _Publication(self, digest, onto, digest, document)
        made = update_branch(self.refs, self.branch, self.base, mine, sleep=self.sleep)
        return describe(made.digest, made.document)

    def attempt(self, head: Branch | None, digest: Digest) -> Branch | None:
        """Try to make a commit the head of the branch, or the first one of a new branch."""
        first = self.options.message.splitlines()[:1]
        action = f"commit: {first[0] if first else ''}"
        if head is None:
            asked = self._asked.pop()() if self._asked else None
            return self.refs.create_branch(
                self.branch, digest, action=action, written=True, asked=asked
            )
        begun = None if self.base is None else self.base.document.fence
        return self.refs.move_branch(head, digest, action=action, begun=begun)

    def redo(self, digest: Digest, onto: Digest | None) -> tuple[Digest, CommitDocument]:
        """Make the changes of a commit again, on top of another head.

        If others made the very same changes the commit is empty: what it says is kept.
        """
        base = None if self.base is None else self.base.commit
        time = self.options.time if onto is None else None
        options = replace(self.options, time=time, allow_empty=True)
        what = f"the branch {self.branch!r} moved, and the new head excludes these changes"
        transaction, conflicts = replay(self.fetcher, Sides(base, onto, digest), options)
        if conflicts.unresolved:
            transaction.discard()
            conflicts.check(what)
        written = internals(transaction).write()
        if written is None:
            raise AssertionError
        return written


@dataclass(frozen=True, slots=True)
class _Publication:
    """A commit on top of the head `onto`, with the changes of the commit first made."""

    publisher: Publisher
    first: Digest
    onto: Digest | None
    digest: Digest
    document: CommitDocument

    def attempt(self, head: Branch | None) -> Branch | None:
        return self.publisher.attempt(head, self.digest)

    def is_in(self, head: Branch) -> bool:
        return is_ancestor(self.digest, head.commit, self.publisher.fetcher.commit)

    def redo(self, head: Branch | None) -> "_Publication":
        onto = None if head is None else head.commit
        if onto == self.onto:
            return self
        self.publisher.options.require_head(onto)
        digest, document = self.publisher.redo(self.first, onto)
        return replace(self, onto=onto, digest=digest, document=document)


def require_own(access: Access, name: str) -> None:
    """Make sure that a branch that is to be moved does not say where one of a remote is.

    One request where its name has a slash, none elsewhere.

    Raises:
        InvalidInputError: it does.
    """
    object_keys.check_ref_name(name, what="branch")
    remote, slash, branch = name.partition("/")
    if not slash:
        return
    try:
        read_remote(access.store, remote)
    except (NotFoundError, InvalidInputError):
        return
    raise InvalidInputError(
        f"{name!r} says where the branch {branch!r} of the remote {remote!r} is: only fetching "
        "and pushing move it",
        code="branch-of-remote",
        hint=f"commit to a branch of your own, made with `repo.branches.create({branch!r}, "
        f"at={name!r})`",
        name=name,
    )


def begin(access: Access, branch: str | None, options: CommitOptions) -> Transaction:
    """Begin a transaction on a branch, the default one, which it makes, where None is named.

    Raises:
        NotFoundError: no such branch, or there is no repository.
        PolicyError: the policies require other metadata.
    """
    name = access.default_branch if branch is None else branch
    require_own(access, name)
    base = access.refs.find_branch(name)
    if base is None and name != access.default_branch:
        raise access.refs.branch_missing(name)
    onto = None if base is None else base.commit
    options.require_head(onto)
    if base is not None:
        access.refs.policies.check_metadata(base.document, options.metadata)
    return Transaction(
        access.fetcher,
        onto,
        options,
        label=f"on {name!r}",
        publish=Publisher(access.fetcher, access.refs, name, base, options),
        forking=Forks(access.fetcher, replace(options, signatures=None)),
        bring=lambda snapshot, node: nodes.copy_node(
            internals(snapshot).fetcher, node, access.store
        ),
    )


@dataclass(frozen=True, slots=True)
class BranchMerge:
    """Merges commits into a branch as it was read."""

    fetcher: Fetcher
    refs: Refs
    branch: Branch
    options: CommitOptions
    sleep: Sleep = time.sleep

    def run(self, theirs: Digest, *, resolve: Resolution | None) -> Merged:
        """Merge and update the branch; again on its new head if it moved meanwhile."""
        self.options.require_head(self.branch.commit)
        mine = self.merge(self.branch.commit, theirs, resolve)
        made = update_branch(self.refs, self.branch.name, self.branch, mine, sleep=self.sleep)
        return made.found

    def attempt(self, head: Branch, digest: Digest, kind: str) -> Branch | None:
        """Try to make a commit the head of the branch."""
        action = f"{kind}: {self.options.message.splitlines()[0]}"
        begun = self.branch.document.fence
        return self.refs.move_branch(head, digest, action=action, begun=begun)

    def preview(self, theirs: Digest, *, resolve: Resolution | None) -> Merged:
        """Return what `run` would do, with every conflict, and change nothing."""
        ours = self.branch.commit
        simple = self._without_merge(ours, theirs)
        if simple is not None:
            return simple
        base = common_base(self.fetcher, ours, theirs, self.options)
        options = replace(self.options, merged=(theirs,))
        transaction, conflicts = replay(
            self.fetcher, Sides(base, ours, theirs), options, resolve=resolve
        )
        transaction.discard()
        return Merged("merge", None, tuple(conflicts.found), tuple(conflicts.unresolved))

    def _without_merge(self, ours: Digest, theirs: Digest) -> Merged | None:
        read = self.fetcher.commit
        if is_ancestor(theirs, ours, read):
            return Merged("up-to-date", describe(ours, read(ours)))
        if is_ancestor(ours, theirs, read):
            return Merged("fast-forward", describe(theirs, read(theirs)))
        return None

    def merge(self, ours: Digest, theirs: Digest, resolve: Resolution | None) -> "_Merge":
        """Return the merge of two commits, which is one of them if it has all of the other."""
        simple = self._without_merge(ours, theirs)
        if simple is not None and simple.commit is not None:
            return _Merge(self, ours, theirs, resolve, simple.commit.id, simple)
        what = f"cannot merge into {self.branch.name!r}"
        written, conflicts = write_merge(
            self.fetcher, ours, theirs, self.options, resolve=resolve, what=what
        )
        if written is None:
            raise ConflictError(f"{what}: there is nothing to merge", code="nothing-to-do")
        found = Merged("merge", describe(*written), tuple(conflicts.found))
        return _Merge(self, ours, theirs, resolve, written[0], found)


@dataclass(frozen=True, slots=True)
class _Merge:
    """A commit that merges `theirs` into the head `ours`, and what it came to."""

    merger: BranchMerge
    ours: Digest
    theirs: Digest
    resolve: Resolution | None
    digest: Digest
    found: Merged

    def attempt(self, head: Branch | None) -> Branch | None:
        assert head is not None
        if head.commit == self.digest:
            return head
        return self.merger.attempt(head, self.digest, self.found.kind)

    def is_in(self, head: Branch) -> bool:
        return is_ancestor(self.digest, head.commit, self.merger.fetcher.commit)

    def redo(self, head: Branch | None) -> "_Merge":
        assert head is not None
        if head.commit == self.ours:
            return self
        self.merger.options.require_head(head.commit)
        return self.merger.merge(head.commit, self.theirs, self.resolve)
