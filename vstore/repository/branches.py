"""The branches and tags of a repository, by name."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vstore.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PolicyError,
)
from vstore.faces import exported_from
from vstore.format import document, object_keys
from vstore.format.commit import Author, DeletedDocument, LogEntry, TagDocument
from vstore.format.digest import Digest, is_digest
from vstore.history.fence import Stopwatch
from vstore.history.merge_base import is_ancestor
from vstore.history.ref_errors import tag_not_found
from vstore.history.refs import Branch
from vstore.repository.access import Access
from vstore.wording import listed

_AT_ONCE = 256
"""How many refs are read before it is looked whether they are enough."""


@exported_from("vstore")
class Branches:
    """The branches of a repository: iterate over names, index by name for the head's id."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._refs = access.refs

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        return self._access.there(self._refs.branch_names())

    def __contains__(self, name: str) -> bool:
        return self._refs.find_branch(name) is not None

    def __getitem__(self, name: str) -> Digest:
        return self._refs.get_branch(name).commit

    def create(self, name: str, *, at: str | None = None) -> Digest:
        """Create a branch at a revision (the default branch when None); return its commit.

        Raises:
            AlreadyExistsError: there is a branch of that name.
        """
        object_keys.check_ref_name(name, what="branch")
        digest = self._access.resolve(at)
        self._access.fetcher.commit(digest)
        made = self._refs.create_branch(name, digest, action=f"created at {at or 'the default'}")
        if made is None:
            raise _branch_exists(name)
        return digest

    def log(self, name: str) -> list[LogEntry]:
        """Return the last moves of a branch, newest first: where to, when and why."""
        return list(self._refs.get_branch(name).document.log)

    def rename(self, name: str, new_name: str) -> Digest:
        """Give a branch another name and return its commit; its log goes along.

        Raises:
            NotFoundError: there is no branch `name`.
            AlreadyExistsError: there is a branch `new_name`.
            InvalidInputError: it is the default branch.
            ConflictError: the branch moved just now; it keeps its old name.
            PolicyError: it is protected.
        """
        branch = self._refs.get_branch(name)
        self._refuse_default(name, "renamed")
        self._refs.policies.check_deleted_branch(branch.document)
        action = f"renamed from {name}"
        log = branch.document.log
        made = self._refs.create_branch(new_name, branch.commit, action=action, log=log)
        if made is None:
            raise _branch_exists(new_name)
        try:
            is_deleted = self._refs.delete_branch(branch)
        except PolicyError:
            self._refs.withdraw_branch(made)
            raise
        if not is_deleted:
            self._refs.withdraw_branch(made)
            raise ConflictError(
                f"the branch {name!r} was updated just now; it keeps its name",
                code="ref-moved",
                hint="try again",
                name=name,
            )
        return branch.commit

    def delete(self, name: str, *, force: bool = False) -> Digest:
        """Delete a branch and return where it pointed.

        `restore` brings it back; its commits stay for as long as garbage collection keeps
        what branches left, 30 days by default.

        Raises:
            NotFoundError: there is no such branch.
            InvalidInputError: it is the default branch.
            ConflictError: its head is on no other branch or tag (unless `force`), or it
                moved just now.
            PolicyError: it is protected.
        """
        branch = self._refs.get_branch(name)
        self._refuse_default(name, "deleted")
        if not force and not self._is_reachable_elsewhere(branch):
            raise ConflictError(
                f"the branch {name!r} has commits that are on no other branch or tag",
                code="branch-not-merged",
                hint="merge or tag them first, or delete it anyway with "
                f"`repo.branches.delete({name!r}, force=True)`",
                name=name,
            )
        if not self._refs.delete_noted(branch):
            raise ConflictError(
                f"the branch {name!r} was updated just now; nothing was deleted",
                code="ref-moved",
                hint="try again",
                name=name,
            )
        return branch.commit

    def deleted(self) -> list[DeletedDocument]:
        """Return the notes of deleted branches that are still kept, oldest first."""
        return [note for note in self._refs.deleted if note.branch is not None]

    def restore(self, name: str) -> Digest:
        """Bring back a deleted branch, log and all, where it was; return its commit.

        Raises:
            NotFoundError: no branch of that name was deleted, or too long ago.
            AlreadyExistsError: there is a branch of that name.
        """
        note = self._refs.deleted.find_latest(object_keys.branch(name))
        if note is None or note.branch is None:
            raise _not_deleted("branch", name)
        commit = Digest(note.branch.commit)
        action = f"undo: deleted on {note.time[:10]}"
        log = note.branch.log
        if self._refs.create_branch(name, commit, action=action, log=log) is None:
            raise _branch_exists(name)
        return commit

    def _refuse_default(self, name: str, what: str) -> None:
        """Raise for the branch that is used where none is named: there is always one."""
        if name == self._access.default_branch:
            raise InvalidInputError(
                f"{name!r} is the default branch, which cannot be {what}",
                code="default-branch",
                hint="set it to another commit instead",
                name=name,
            )

    def _is_reachable_elsewhere(self, branch: Branch) -> bool:
        """Return whether another branch, or a tag, descends from a branch's head.

        The default branch is asked first, since most were merged there; the others are read
        side by side, some at a time.
        """
        default = self._access.default_branch
        names = sorted(self, key=lambda name: (name != default, name))
        find: list[tuple[Callable[[str], Digest | None], list[str]]] = [
            (self._find, [name for name in names[:1] if name != branch.name]),
            (self._find, [name for name in names[1:] if name != branch.name]),
            (self._find_tagged, self._refs.tag_names()),
        ]
        seen: set[Digest | None] = {None}
        for find_head, some in find:
            for start in range(0, len(some), _AT_ONCE):
                heads = {*self._access.fetcher.map(find_head, some[start : start + _AT_ONCE])}
                fresh = {head for head in heads - seen if head is not None}
                if self._is_below_any(branch.commit, fresh):
                    return True
                seen |= fresh
        return False

    def _is_below_any(self, commit: Digest, heads: set[Digest]) -> bool:
        fetcher = self._access.fetcher
        fetcher.prefetch_commits(sorted(heads))
        return any(is_ancestor(commit, head, fetcher.commit) for head in sorted(heads))

    def _find_tagged(self, name: str) -> Digest | None:
        found = self._refs.find_tag(name)
        return None if found is None else Digest(found.commit)

    def _find(self, name: str) -> Digest | None:
        found = self._refs.find_branch(name)
        return None if found is None else found.commit

    def __repr__(self) -> str:
        return f"<branches {listed(self._refs.branch_names()) or 'none'}>"


@exported_from("vstore")
class Tags:
    """The tags of a repository: iterate over names, index by name for the commit's id."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._refs = access.refs

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        return self._access.there(self._refs.tag_names())

    def __contains__(self, name: str) -> bool:
        return self._refs.find_tag(name) is not None

    def __getitem__(self, name: str) -> Digest:
        return Digest(self.get(name).commit)

    def get(self, name: str) -> TagDocument:
        """Return a tag with its author, time and message, or raise `NotFoundError`."""
        found = self._refs.find_tag(name)
        if found is None:
            raise tag_not_found(name, self._access.store.url)
        return found

    def documents(self) -> Iterator[TagDocument]:
        """Yield every tag."""
        for name in self:
            yield self.get(name)

    def create(
        self,
        name: str,
        *,
        at: str | None = None,
        message: str = "",
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Digest:
        """Create a tag at a revision (the default branch when None); return its commit.

        `metadata` are any values that JSON can represent, as those of commits: an approval, say.

        Raises:
            AlreadyExistsError: there is a tag of that name; tags do not move.
            NotFoundError: there is no such commit.
            PolicyError: the policies require a signed commit.
        """
        object_keys.check_ref_name(name, what="tag")
        since = Stopwatch()
        digest = self._access.resolve_kept(at)
        if at is not None and is_digest(at):
            self._access.fetcher.commit(digest)
        who = self._access.author(author)
        about = document.plain_object(metadata or {}, what="metadata")
        self._refs.create_tag(
            name, digest, author=who, message=message, metadata=about, named=since
        )
        return digest

    def delete(self, name: str) -> None:
        """Delete a tag; `restore` brings it back.

        Raises:
            NotFoundError: there is no such tag.
            PolicyError: it is protected.
        """
        self._refs.delete_tag(name)

    def deleted(self) -> list[DeletedDocument]:
        """Return the notes of deleted tags that are still kept, oldest first."""
        return [note for note in self._refs.deleted if note.tag is not None]

    def restore(self, name: str) -> Digest:
        """Bring back a deleted tag, exactly as it was; return its commit.

        Raises:
            NotFoundError: no tag of that name was deleted, or too long ago.
            AlreadyExistsError: there is a tag of that name.
        """
        note = self._refs.deleted.find_latest(object_keys.tag(name))
        if note is None or note.tag is None:
            raise _not_deleted("tag", name)
        if not self._refs.restore_tag(note.tag):
            raise AlreadyExistsError(
                f"there is a tag {name!r} already",
                code="tag-exists",
                hint=f"delete it first with `repo.tags.delete({name!r})`",
                name=name,
            )
        return Digest(note.tag.commit)

    def __repr__(self) -> str:
        return f"<tags {listed(self._refs.tag_names()) or 'none'}>"


def restore(access: Access, name: str) -> Digest:
    """Bring back the branch or the tag of a name, whichever was deleted last.

    Raises:
        NotFoundError: neither was deleted, or too long ago.
    """
    deleted = access.refs.deleted
    branch = deleted.find_latest(object_keys.branch(name))
    tag = deleted.find_latest(object_keys.tag(name))
    if branch is None and tag is None:
        raise NotFoundError(
            f"there is no branch {name!r}, and none of that name was deleted",
            code="not-deleted",
        )
    if tag is None or (branch is not None and branch.time > tag.time):
        return Branches(access).restore(name)
    return Tags(access).restore(name)


def _branch_exists(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(f"there is a branch {name!r} already", code="branch-exists")


def _not_deleted(what: str, name: str) -> NotFoundError:
    return NotFoundError(
        f"no {what} {name!r} was deleted, or so long ago that garbage collection forgot it",
        code="not-deleted",
        hint=f"if you know its commit, create the {what} there",
    )
