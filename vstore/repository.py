"""The front door: create, open and check out repositories."""

import getpass
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from vstore.diffing.diff import Diff
from vstore.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from vstore.fetch import Fetcher
from vstore.format import commit as commits
from vstore.format import keys
from vstore.format.commit import (
    FORMAT,
    Author,
    RepositoryDocument,
    TagDocument,
    format_time,
)
from vstore.format.digest import Digest, is_digest
from vstore.history.commits import Commit, as_of, describe, history
from vstore.history.refs import Branch, Refs
from vstore.history.revisions import Resolver
from vstore.merging.conflicts import Resolution
from vstore.merging.merge import Merged
from vstore.publishing import BranchMerge, Publisher
from vstore.snapshot import Snapshot
from vstore.storage.open import open_store
from vstore.storage.store import ObjectStore
from vstore.transaction import CommitOptions, Transaction

DEFAULT_BRANCH = "main"
_AUTHOR = re.compile(r"(?P<name>[^<>\n]+?)\s*(<(?P<email>[^<>\s]+)>)?")


class Repository:
    """A repository in an object store.

    Opening one makes no request; the first use does. Safe to use from several threads,
    and pickles.
    """

    def __init__(self, store: ObjectStore, *, author: Author | None = None) -> None:
        self._store = store
        self._author = author
        self._fetcher = Fetcher(store)
        self._refs = Refs(store)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._store, self._author)

    @property
    def url(self) -> str:
        """The repository's address, with any secret left out."""
        return self._store.url

    @property
    def store(self) -> ObjectStore:
        """The object store that holds the repository."""
        return self._store

    @property
    def description(self) -> RepositoryDocument:
        """The document that marks the repository, or `NotFoundError` where there is none."""
        try:
            data = self._store.get(keys.REPOSITORY)
        except NotFoundError:
            raise NotFoundError(
                f"there is no vstore repository at {self.url}: check the address, or make one "
                "with vstore.create()"
            ) from None
        return commits.decode(data, RepositoryDocument, what=f"{keys.REPOSITORY} in {self.url}")

    @property
    def default_branch(self) -> str:
        """The branch that is meant where none is named."""
        return self.description.default_branch

    @property
    def branches(self) -> "Branches":
        """The branches, by name."""
        return Branches(self)

    @property
    def tags(self) -> "Tags":
        """The tags, by name."""
        return Tags(self)

    @property
    def refs(self) -> Refs:
        """Branches and tags as they are stored."""
        return self._refs

    @property
    def fetcher(self) -> Fetcher:
        """What reads the repository's objects."""
        return self._fetcher

    @property
    def author(self) -> Author:
        """Who commits: as given when the repository was opened, else the user's login name."""
        return self._author or _login_name()

    def resolve(self, revision: str | None = None, *, as_of: datetime | None = None) -> Digest:
        """Return the id of the commit that a revision names; see `checkout`."""
        name = self.default_branch if revision is None else revision
        resolver = Resolver(self._refs, self._fetcher.commit, self._commits_with_prefix)
        try:
            digest = resolver.resolve(name)
        except NotFoundError:
            self._explain_missing(name)
            raise
        return digest if as_of is None else _as_of(digest, as_of, self._fetcher)

    def _explain_missing(self, name: str) -> None:
        """Raise a better error where there is no repository, or nothing was committed yet."""
        if name == self.default_branch:
            raise NotFoundError(f"nothing was committed to {name!r} in {self.url} yet")

    def _commits_with_prefix(self, prefix: str) -> Iterator[Digest]:
        for info in self._store.list_prefix(f"{keys.COMMITS}{prefix}"):
            digest = info.key.removeprefix(keys.COMMITS).removesuffix(".json")
            if is_digest(digest):
                yield Digest(digest)

    def checkout(self, revision: str | None = None, *, as_of: datetime | None = None) -> Snapshot:
        """Return a commit opened for reading.

        Args:
            revision: a branch, a tag, a commit id or its unique prefix, with `~n` or `^n`
                behind it for ancestors; the default branch when None.
            as_of: the state of the revision's first-parent line at this time.

        Raises:
            NotFoundError: nothing is called that, or there is no repository.
            InvalidInputError: the prefix is ambiguous, or the revision malformed.
        """
        digest = self.resolve(revision, as_of=as_of)
        try:
            return Snapshot(self._fetcher, digest)
        except NotFoundError:
            self.description  # noqa: B018 - tells whether there is a repository at all
            raise NotFoundError(f"there is no commit {digest} in {self.url}") from None

    def transaction(
        self,
        branch: str | None = None,
        *,
        message: str,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        time: datetime | None = None,
        allow_empty: bool = False,
    ) -> Transaction:
        """Begin changes that become one commit on `branch`.

        Args:
            branch: the branch to move; the default branch, made by its first commit, when
                None.
            message: what the commit says.
            author: `"Ann Lee <ann@example.org>"`; the repository's author when None.
            metadata: anything JSON can hold.
            time: the commit's time; now when None.
            allow_empty: commit even where nothing was changed.

        Raises:
            NotFoundError: no such branch, or there is no repository.
        """
        options = CommitOptions(
            message=_message(message),
            author=_as_author(author) or self.author,
            metadata=metadata or {},
            time=time,
            allow_empty=allow_empty,
        )
        name = self.default_branch if branch is None else branch
        base = self._refs.find_branch(name)
        if base is None and name != self.default_branch:
            raise NotFoundError(
                f"there is no branch {name!r} in {self.url}: make it with "
                f"repo.branches.create({name!r}, at=...)"
            )
        publish = Publisher(self._fetcher, self._refs, name, base, options)
        start = None if base is None else base.commit
        return Transaction(self._fetcher, start, options, branch=name, publish=publish)

    def merge(
        self,
        revision: str,
        *,
        into: str | None = None,
        message: str | None = None,
        author: Author | str | None = None,
        resolve: Resolution | None = None,
        dry_run: bool = False,
    ) -> Merged:
        """Merge a revision into a branch (the default branch when None), by sample.

        Where the branch has nothing that the revision lacks it moves forward without a
        commit; where it has all of it nothing happens.

        Args:
            revision: what is merged.
            into: the branch that moves.
            message: what the merge commit says.
            author: who merges.
            resolve: `ours`, `theirs`, a function of the `Conflict`, or a mapping of paths
                to these.
            dry_run: tell what would happen, conflicts included, and change nothing.

        Raises:
            ConflictError: conflicts that `resolve` leaves, in `conflicts`; nothing changed.
        """
        name = self.default_branch if into is None else into
        options = CommitOptions(
            message=_message(message or f"Merge {revision} into {name}"),
            author=_as_author(author) or self.author,
        )
        branch = self._refs.get_branch(name)
        merger = BranchMerge(self._fetcher, self._refs, branch, options)
        theirs = self.resolve(revision)
        if dry_run:
            return merger.preview(theirs, resolve=resolve)
        return merger.run(theirs, resolve=resolve)

    def log(self, revision: str | None = None, *, limit: int | None = None) -> Iterator[Commit]:
        """Yield a commit and all it descends from, newest first."""
        return islice(history(self.resolve(revision), self._fetcher.commit), limit)

    def diff(self, old: str, new: str | None = None) -> Diff:
        """Return what differs between two revisions; `new` is the default branch when None.

        >>> import vstore
        >>> repo = vstore.create("memory://diff-doc")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        ...     table.extend({"x": [1, 2, 3]})
        >>> with repo.transaction("main", message="Change") as tx:
        ...     tx["t"]["x"][1] = 7
        >>> print(repo.diff("main~1", "main"))
        t/x: 1 sample changed (1)
        """
        return Diff(self.checkout(old), self.checkout(new))

    def commit(self, revision: str | None = None) -> Commit:
        """Return what a commit says, its contents left unopened."""
        digest = self.resolve(revision)
        return describe(digest, self._fetcher.commit(digest))

    def __repr__(self) -> str:
        return f"<vstore.Repository {self.url}>"


class Branches:
    """The branches of a repository: iterate over names, index by name for the head's id."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._refs = repository.refs

    def __iter__(self) -> Iterator[str]:
        return iter(self._refs.branch_names())

    def __len__(self) -> int:
        return len(self._refs.branch_names())

    def __contains__(self, name: str) -> bool:
        return self._refs.find_branch(name) is not None

    def __getitem__(self, name: str) -> Digest:
        return self._refs.get_branch(name).commit

    def create(self, name: str, *, at: str | None = None) -> Digest:
        """Create a branch at a revision (the default branch when None); return its commit.

        Raises:
            AlreadyExistsError: there is a branch of that name.
        """
        keys.check_ref_name(name, what="branch")
        digest = self._repository.resolve(at)
        self._repository.fetcher.commit(digest)
        made = self._refs.create_branch(name, digest, action=f"created at {at or 'the default'}")
        if made is None:
            raise AlreadyExistsError(f"there is a branch {name!r} already")
        return digest

    def delete(self, name: str, *, force: bool = False) -> Digest:
        """Delete a branch and return where it pointed; its commits stay until gc.

        Raises:
            NotFoundError: there is no such branch.
            ConflictError: its head is on no other branch or tag (unless `force`), or it
                moved just now.
        """
        branch = self._refs.get_branch(name)
        if not force and not self._is_reachable_elsewhere(branch):
            raise ConflictError(
                f"the branch {name!r} has commits that are on no other branch or tag: merge or "
                "tag them first, or delete it with force=True"
            )
        if not self._refs.delete_branch(branch):
            raise ConflictError(f"the branch {name!r} moved just now; nothing was deleted")
        return branch.commit

    def _is_reachable_elsewhere(self, branch: Branch) -> bool:
        read = self._repository.fetcher.commit
        others = {self[name] for name in self if name != branch.name}
        others |= {Digest(tag.commit) for tag in self._repository.tags.documents()}
        floor = read(branch.commit).generation
        for start in others:
            for commit in history(start, read):
                if commit.id == branch.commit:
                    return True
                if read(commit.id).generation < floor:
                    break
        return False

    def __repr__(self) -> str:
        return f"<branches {', '.join(self) or 'none'}>"


class Tags:
    """The tags of a repository: iterate over names, index by name for the commit's id."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._refs = repository.refs

    def __iter__(self) -> Iterator[str]:
        return iter(self._refs.tag_names())

    def __len__(self) -> int:
        return len(self._refs.tag_names())

    def __contains__(self, name: str) -> bool:
        return self._refs.find_tag(name) is not None

    def __getitem__(self, name: str) -> Digest:
        return Digest(self.get(name).commit)

    def get(self, name: str) -> TagDocument:
        """Return a tag with its author, time and message, or raise `NotFoundError`."""
        found = self._refs.find_tag(name)
        if found is None:
            raise NotFoundError(f"there is no tag {name!r} in {self._repository.url}")
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
    ) -> Digest:
        """Create a tag at a revision (the default branch when None); return its commit.

        Raises:
            AlreadyExistsError: there is a tag of that name; tags do not move.
        """
        keys.check_ref_name(name, what="tag")
        digest = self._repository.resolve(at)
        who = _as_author(author) or self._repository.author
        self._refs.create_tag(name, digest, author=who, message=message)
        return digest

    def delete(self, name: str) -> None:
        """Delete a tag, or raise `NotFoundError`."""
        self._refs.delete_tag(name)

    def __repr__(self) -> str:
        return f"<tags {', '.join(self) or 'none'}>"


def create(
    url: str | Path,
    *,
    storage_options: Mapping[str, Any] | None = None,
    default_branch: str = DEFAULT_BRANCH,
    author: Author | str | None = None,
    unsafe_single_writer: bool = False,
) -> Repository:
    """Create a repository and return it.

    Args:
        url: a path, or any fsspec URL: `s3://bucket/name`, `gs://`, `az://`, `memory://`.
        storage_options: passed to the filesystem, in fsspec's words.
        default_branch: the branch that the first commit makes.
        author: who commits through this handle, `"Ann Lee <ann@example.org>"`.
        unsafe_single_writer: write to a filesystem without conditional writes, promising
            that nobody else does at the same time.

    Raises:
        AlreadyExistsError: there is a repository already.

    >>> create("memory://create-doc").url
    'memory://create-doc'
    """
    keys.check_ref_name(default_branch, what="branch")
    store = open_store(
        url, storage_options=storage_options, unsafe_single_writer=unsafe_single_writer
    )
    marker = RepositoryDocument(
        format=FORMAT,
        features=[],
        id=secrets.token_hex(16),
        default_branch=default_branch,
        created=format_time(datetime.now(UTC)),
    )
    if store.put_if_absent(keys.REPOSITORY, commits.encode(marker)) is None:
        raise AlreadyExistsError(
            f"there is a repository at {store.url} already: open it with vstore.open()"
        )
    return Repository(store, author=_as_author(author))


def open_repository(
    url: str | Path,
    *,
    storage_options: Mapping[str, Any] | None = None,
    author: Author | str | None = None,
    unsafe_single_writer: bool = False,
) -> Repository:
    """Open a repository; the arguments are those of `create`. No request is made yet.

    >>> _ = create("memory://open-doc")
    >>> open_repository("memory://open-doc")
    <vstore.Repository memory://open-doc>
    """
    store = open_store(
        url, storage_options=storage_options, unsafe_single_writer=unsafe_single_writer
    )
    return Repository(store, author=_as_author(author))


def checkout(
    url: str | Path,
    revision: str | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
    as_of: datetime | None = None,
) -> Snapshot:
    """Open a commit for reading in the fewest requests: one by id, two by branch.

    The revision may stand behind the address: `s3://bucket/fashion@v1`.

    >>> repo = create("memory://checkout-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [1, 2, 3]
    >>> checkout("memory://checkout-doc@main")["x"][1]
    np.int64(2)
    """
    if revision is None:
        url, revision = _split_revision(str(url))
    repository = open_repository(url, storage_options=storage_options)
    return repository.checkout(revision, as_of=as_of)


def _split_revision(url: str) -> tuple[str, str | None]:
    address, at, revision = url.rpartition("@")
    if not at or not address or "://" in revision or address.endswith("/"):
        return url, None
    host = address.partition("://")[2]
    if "://" in url and "/" not in host and "/" in revision:
        return url, None
    return address, revision


def _reopened(store: ObjectStore, author: Author | None) -> Repository:
    return Repository(store, author=author)


def _as_of(digest: Digest, time: datetime, fetcher: Fetcher) -> Digest:
    return as_of(digest, time, fetcher.commit)


def _message(message: Any) -> str:
    if not isinstance(message, str):
        raise InvalidInputError(f"a commit's message is a string, not {message!r}")
    return message


def _as_author(author: Author | str | None) -> Author | None:
    if author is None or isinstance(author, Author):
        return author
    match = _AUTHOR.fullmatch(author.strip())
    if match is None:
        raise InvalidInputError(f"an author reads 'Name' or 'Name <email>', not {author!r}")
    return Author(match["name"], match["email"])


def _login_name() -> Author:
    try:
        return Author(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return Author("unknown")
