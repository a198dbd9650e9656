"""Copies of what other repositories hold, and bringing them up to date with where they are from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from vstore.errors import ConflictError, InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.commit import FORMAT
from vstore.format.remote import Remote
from vstore.reading.elsewhere import may_follow
from vstore.repository import browsing
from vstore.repository.access import Access
from vstore.storage.open import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from vstore.format.commit import Author
    from vstore.history.commits import Commit
    from vstore.reading.snapshot import Snapshot
    from vstore.repository.repository import Repository

_METADATA = "copy"
"""Where the metadata of a commit says from where something was copied."""


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """From where something was copied, as the metadata of a commit says it.

    Attributes:
        url: the repository.
        commit: the commit.
        path: where it was in that commit.
        to: where it is here.
        revision: what named the commit; None for the default branch.
    """

    url: str
    commit: str
    path: str
    to: str
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """How something is copied.

    Attributes:
        branch: the branch that is updated; None for the default one.
        message: the message of the commit; None for one that names the source.
        author: who commits.
        metadata: what the metadata of the commit say besides the source.
        storage_options: passed to the client of the source's store.
    """

    branch: str | None = None
    message: str | None = None
    author: Author | str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    storage_options: Mapping[str, Any] | None = None

    def open_source(
        self, repo: Repository, url: str | PathLike[str], revision: str | None
    ) -> Snapshot:
        """Open the commit to copy from, which has to be signed where the repository's have to."""
        signatures = internals(repo).signature_settings
        store = open_store(url, storage_options=self.storage_options)
        access = Access(store, signatures=signatures)
        return browsing.snapshot(access, access.resolve(revision))


def copy(
    repo: Repository, there: Snapshot, origin: Origin, options: CopyOptions, *, replaces: bool
) -> Commit:
    """Copy from a commit of another repository, and say so in the metadata."""
    name = repo.default_branch if options.branch is None else options.branch
    with repo.transaction(
        name,
        message=options.message or f"Copy {origin.path} from {origin.url}",
        author=options.author,
        metadata={**options.metadata, _METADATA: msgspec.to_builtins(origin)},
    ) as tx:
        if replaces and origin.to in tx:
            tx.delete(origin.to)
        tx.copy_from(there, origin.path, origin.to)
    return repo.commit(name)


def copy_from(  # noqa: PLR0913 - what, from where, and to where
    repo: Repository,
    url: str | PathLike[str],
    path: str,
    to: str,
    options: CopyOptions,
    *,
    revision: str | None,
    replaces: bool,
) -> Commit:
    """Copy a table, array or group out of another repository."""
    there = options.open_source(repo, url, revision)
    origin = Origin(there.url, there.commit.id, path.strip("/"), to.strip("/"), revision)
    return copy(repo, there, origin, options, replaces=replaces)


def update(
    repo: Repository,
    path: str,
    options: CopyOptions,
    *,
    revision: str | None,
    discards_changes: bool,
) -> Commit | None:
    """Bring a copy up to date with where it was copied from; None if it is.

    Raises:
        NotFoundError: nothing is at the path, or it was not copied.
        ConflictError: the copy was changed here.
    """
    path = path.strip("/")
    copied, origin = _find_origin(repo, path, options.branch)
    known = Remote(FORMAT, "source", origin.url)
    if not may_follow(repo.store, known):
        raise InvalidInputError(
            f"{path!r} was copied from {origin.url}, where {repo.url} must not send its readers"
        )
    wanted = origin.revision if revision is None else revision
    there = options.open_source(repo, origin.url, wanted)
    fresh = Origin(origin.url, there.commit.id, origin.path, path, wanted)
    if there.commit.id == origin.commit:
        return None
    if not discards_changes and not _is_as_it_was(repo, path, copied, options.branch):
        raise ConflictError(
            f"{path!r} was changed since it was copied in {copied.id[:12]}; nothing was changed",
            code="changed-since-copied",
            hint="discard the changes with "
            f"`repo.update({path!r}, discard_changes=True)`, or copy it to another path",
            path=path,
        )
    return copy(repo, there, fresh, options, replaces=True)


def _find_origin(repo: Repository, path: str, branch: str | None) -> tuple[Commit, Origin]:
    """Return the last commit that copied something to a path, and from where."""
    repo.checkout(branch).get(path)
    for commit in repo.log(branch, path=path):
        found = commit.metadata.get(_METADATA)
        try:
            origin = msgspec.convert(found, Origin)
        except msgspec.ValidationError:
            continue
        if origin.to == path:
            return commit, origin
    raise NotFoundError(
        f"no commit says where {path!r} was copied from",
        code="not-copied",
        hint=f"copy it with `repo.copy(url, {path!r}, replace=True)`",
        path=path,
    )


def _is_as_it_was(repo: Repository, path: str, copied: Commit, branch: str | None) -> bool:
    """Return whether a path holds what it held after it was copied."""
    now, then = (internals(repo.checkout(revision)).tree for revision in (branch, copied.id))
    return now.find(path) == then.find(path)
