"""Other repositories that this one exchanges commits with."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as with_members

from vstore.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format import remote as stored
from vstore.format.commit import FORMAT
from vstore.history.read_ahead import ReadAhead
from vstore.history.remotes import (
    delete_remote,
    put_remote,
    read_remote,
    read_remotes,
    rename_remote,
    storable_url,
)
from vstore.maintenance.progress import Progress, silent
from vstore.storage.open import open_store
from vstore.transfer.exchange import TransferOptions
from vstore.transfer.fetching import FetchPlan, fetch
from vstore.transfer.missing import missing_commits
from vstore.transfer.pushing import (
    Lease,
    PushPlan,
    PushSpec,
    find_description,
    push,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vstore.format.digest import Digest
    from vstore.repository.access import Access
    from vstore.storage.store import ObjectStore
    from vstore.transfer.report import TransferReport


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class AheadBehind:
    """How two branches differ: how many commits only one has, and only the other."""

    ahead: int
    behind: int


@exported_from("vstore")
class Remotes:
    """The remotes of a repository: iterate over names, index by name.

    >>> import vstore
    >>> repo = vstore.create("memory://remotes-doc")
    >>> repo.remotes.add("backup", "memory://remotes-doc-backup")
    <vstore.Remote backup memory://remotes-doc-backup>
    >>> list(repo.remotes)
    ['backup']
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._store = access.store

    def __iter__(self) -> Iterator[str]:
        return iter(read_remotes(self._store))

    def __len__(self) -> int:
        return len(read_remotes(self._store))

    def __contains__(self, name: str) -> bool:
        return name in read_remotes(self._store)

    def __getitem__(self, name: str) -> Remote:
        return self.open(name)

    def open(self, name: str, *, storage_options: Mapping[str, Any] | None = None) -> Remote:
        """Return a remote by its name, or any repository by its URL or path.

        Args:
            name: the name of a remote; what has a `/`, or begins with a dot, is an address.
            storage_options: what the store's client is told, as in `vstore.open`; nothing of
                it is ever stored.

        Raises:
            NotFoundError: there is no remote of that name.
        """
        if _is_address(name):
            return Remote(self._access, None, name, storage_options)
        try:
            found, _ = read_remote(self._store, name)
        except NotFoundError as error:
            known = ", ".join(self) or "none"
            raise NotFoundError(
                f"there is no remote {name!r} in {self._store.url}; there is {known}",
                code="remote-not-found",
                hint=f"add it with `repo.remotes.add({name!r}, url)`",
                name=name,
            ) from error
        return Remote(self._access, found, found.url, storage_options)

    def add(
        self,
        name: str,
        url: str,
        *,
        read_only: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Remote:
        """Remember another repository by a name; nothing is read or written there.

        Args:
            name: what it is to be called; its branches here will be `<name>/<branch>`.
            url: its URL or path, without credentials.
            read_only: whether pushing there is refused.
            storage_options: see `open`.

        Raises:
            AlreadyExistsError: there is a remote of that name, or a branch that begins so.
            InvalidUrlError: the URL has a user, a password or a query.
        """
        object_keys.check_remote_name(name)
        prefix = f"{name}/"
        taken = [each for each in self._access.refs.branch_names() if each.startswith(prefix)]
        if taken:
            raise AlreadyExistsError(
                f"the branch {taken[0]!r} begins with {prefix!r}, where branches of the remote go",
                code="branch-exists",
                hint="choose another name for the remote",
                name=name,
            )
        value = stored.Remote(FORMAT, name, storable_url(url), read_only=read_only)
        if name in self:
            raise AlreadyExistsError(
                f"there is a remote {name!r} already",
                code="remote-exists",
                hint=f"change its address with `repo.remotes.set_url({name!r}, url)`",
                name=name,
            )
        put_remote(self._store, value)
        return Remote(self._access, value, value.url, storage_options)

    def remove(self, name: str) -> None:
        """Forget a remote, and where its branches were; nothing changes there.

        Raises:
            NotFoundError: there is no remote of that name.
            InvalidInputError: data of this repository is only there.
        """
        found, _ = read_remote(self._store, name)
        if found.promises:
            raise InvalidInputError(
                f"data of this repository is only at the remote {name!r}",
                code="remote-promises",
                hint=f"get it all first with `repo.remotes[{name!r}].fetch_data()`",
                name=name,
            )
        for branch in self._tracking(name):
            self._delete_branch(branch)
        delete_remote(self._store, name)

    def rename(self, old: str, new: str) -> None:
        """Give a remote another name; what says where its branches were goes along.

        Raises:
            NotFoundError: there is no remote `old`.
            AlreadyExistsError: there is a remote `new`, or a branch that begins so.
        """
        object_keys.check_remote_name(new)
        if list(self._tracking(new)):
            raise AlreadyExistsError(
                f"there are branches that begin with {new + '/'!r} already",
                code="branch-exists",
                hint="choose another name for the remote",
                name=new,
            )
        branches = list(self._tracking(old))
        rename_remote(self._store, old, new)
        for name in branches:
            branch = self._access.refs.get_branch(name)
            self._access.refs.create_branch(
                new + name.removeprefix(old),
                branch.commit,
                action=f"renamed from {name}",
                log=branch.document.log,
            )
            self._delete_branch(name)

    def set_url(self, name: str, url: str) -> None:
        """Give a remote another address.

        Raises:
            NotFoundError: there is no remote of that name.
        """
        found, version = read_remote(self._store, name)
        value = with_members(found, url=storable_url(url))
        put_remote(self._store, value, expected=version)

    def _tracking(self, name: str) -> Iterator[str]:
        return (each for each in self._access.refs.branch_names() if each.startswith(f"{name}/"))

    def _delete_branch(self, name: str) -> None:
        branch = self._access.refs.find_branch(name)
        if branch is not None:
            self._access.refs.deleted.note(branch.document)
            self._access.refs.delete_branch(branch)

    def __repr__(self) -> str:
        return f"<remotes {', '.join(self) or 'none'}>"


@exported_from("vstore")
class Remote:
    """Another repository, as this one sees it. Making one makes no request."""

    def __init__(
        self,
        access: Access,
        about: stored.Remote | None,
        url: str,
        storage_options: Mapping[str, Any] | None,
    ) -> None:
        self._access = access
        self._about = about
        self._url = url
        self._options = storage_options
        self._opened: ObjectStore | None = None

    @property
    def name(self) -> str | None:
        """What it is called here; None for one that was given by its address."""
        return None if self._about is None else self._about.name

    @property
    def url(self) -> str:
        """Its address, with any secret left out."""
        return self.store.url

    @property
    def promises(self) -> bool:
        """Whether data of this repository may be there only."""
        return self._about is not None and self._about.promises

    @property
    def read_only(self) -> bool:
        """Whether nothing may be pushed there."""
        return self._about is not None and self._about.read_only

    @property
    def store(self) -> ObjectStore:
        """The object store that holds it."""
        if self._opened is None:
            self._opened = open_store(self._url, storage_options=self._options)
        return self._opened

    def push(  # noqa: PLR0913 - what to push, and how
        self,
        *branches: str,
        tags: bool | Sequence[str] = False,
        all: bool = False,  # noqa: A002 - as in `git push --all`
        delete: Sequence[str] = (),
        force_with_lease: str | None = None,
        unrelated: bool = False,
        dry_run: bool = False,
        progress: Progress = silent,
    ) -> TransferReport:
        """Send branches and tags there, with all that they need and that is not there.

        Objects are sent first. Then each branch moves by a conditional write of its own; a
        branch that has commits there which are not here is left alone. Where there is no
        repository yet, one is made.

        Args:
            branches: the branches, or `revision:branch` for a branch of another name there.
                Default: the default branch.
            tags: which tags, or True for all.
            all: send all branches of this repository.
            delete: branches to delete there; they can be restored there.
            force_with_lease: move a single branch anywhere, provided that it is at this commit.
            unrelated: push even if the two repositories have no commit in common.
            dry_run: change nothing, and report what would be done.
            progress: receives the state of the work.

        Raises:
            ConflictError: a branch was refused (`non-fast-forward`, `lease-broken`); the
                others were pushed. `fields["report"]` is the report.
            AlreadyExistsError: a tag there is at another commit, likewise.
            NotFoundError: there is no such branch or tag here.
        """
        if self.read_only:
            raise InvalidInputError(
                f"the remote {self.name!r} is read-only", code="remote-read-only", name=self.name
            )
        options = TransferOptions(
            dry_run=dry_run,
            unrelated=unrelated,
            progress=progress,
            remotes=self._access.remote_settings,
        )
        specs = [self._spec(branch, force_with_lease) for branch in self._named(branches, all=all)]
        if (tags or delete) and not branches and not all:
            specs = []
        if force_with_lease is not None and len(specs) != 1:
            raise InvalidInputError("a lease is for one branch: name it")
        plan = PushPlan(
            specs,
            tags=None if tags is True else tags or (),
            delete=delete,
            options=options,
        )
        report = push(self._access.store, self.store, plan)
        self._note_pushed(report)
        return replace(report, remote=self.name)

    def _named(self, branches: Sequence[str], *, all: bool) -> Sequence[str]:  # noqa: A002
        if all:
            remotes = read_remotes(self._access.store)
            names = self._access.refs.branch_names()
            return [name for name in names if name.partition("/")[0] not in remotes]
        return branches or [self._access.default_branch]

    def _spec(self, text: str, lease: str | None) -> PushSpec:
        source, colon, name = text.partition(":")
        if not source:
            raise InvalidInputError(
                f"{text!r} names no branch of this repository",
                hint="to delete a branch there, say so by name",
            )
        name = name if colon else source
        object_keys.check_ref_name(name, what="branch")
        expected = None if lease is None else Lease(self._access.resolve(lease))
        return PushSpec(source, name, self._access.resolve(source) if colon else None, expected)

    def _note_pushed(self, report: TransferReport) -> None:
        """Note where the branches are there now, as a fetch would; no request goes there."""
        if self.name is None or report.dry_run:
            return
        for ref in report.refs:
            if ref.kind != "branch" or ref.outcome == "rejected":
                continue
            name = f"{self.name}/{ref.name}"
            here = self._access.refs.find_branch(name)
            if ref.new is None or (here is not None and here.commit == ref.new):
                continue
            action = f"push to {self.url}"
            if here is None:
                self._access.refs.create_branch(name, ref.new, action=action)
            else:
                self._access.refs.move_branch(here, ref.new, action=action)

    def fetch(
        self,
        *branches: str,
        tags: bool | None = None,
        prune: bool = False,
        dry_run: bool = False,
        progress: Progress = silent,
    ) -> TransferReport:
        """Bring commits from there; a branch `main` there is `<name>/main` here afterwards.

        Args:
            branches: the branches; all if none is named.
            tags: whether to bring the tags. Default: only if no branch is named.
            prune: delete branches `<name>/...` here that are gone there.
            dry_run: change nothing, and report what would be done.
            progress: receives the state of the work.

        Raises:
            NotFoundError: there is no such branch there, or no repository.
            AlreadyExistsError: a tag of that name here is at another commit; the rest was
                fetched.
        """
        if self._about is None:
            raise InvalidInputError(
                "fetching needs a remote with a name, which its branches get here",
                code="remote-without-name",
                hint="add it with `repo.remotes.add(name, url)`",
            )
        options = TransferOptions(packs=not self.promises, dry_run=dry_run, progress=progress)
        plan = FetchPlan(
            f"{self.name}/",
            branches or None,
            tags=not branches if tags is None else tags,
            prune=prune,
            options=options,
        )
        report = fetch(self._access.store, self.store, plan)
        return replace(report, remote=self.name)

    def ahead_behind(self, branch: str | None = None) -> AheadBehind:
        """Return how many commits only the branch here has, and only the one there.

        By what was fetched or pushed last; no request goes there.

        Raises:
            NotFoundError: there is no such branch here, or it was never fetched.
        """
        name = branch or self._access.default_branch
        here = self._access.refs.get_branch(name).commit
        there = self._access.refs.get_branch(f"{self.name}/{name}").commit
        return ahead_behind(self._access, here, there)

    def ping(self) -> dict[str, float]:
        """Return how long it takes there to read, to list, and to read the clock, in seconds.

        Raises:
            NotFoundError: there is no repository.
            StorageError: it cannot be reached, or access is denied.
        """
        took: dict[str, float] = {}
        for what, ask in (
            ("read", lambda: find_description(self.store)),
            ("list", lambda: next(iter(self.store.list_prefix(object_keys.BRANCHES)), None)),
        ):
            started = time.perf_counter()
            found = ask()
            took[what] = time.perf_counter() - started
            if what == "read" and found is None:
                raise NotFoundError(
                    f"there is no vstore repository at {self.url}",
                    code="repository-not-found",
                    url=self.url,
                )
        return took

    def __repr__(self) -> str:
        return f"<vstore.Remote {self.name or ''} {self.url}>"


def ahead_behind(access: Access, one: Digest, other: Digest) -> AheadBehind:
    """Return how many commits only one of two has among its ancestors, and only the other."""
    read = ReadAhead(access.fetcher)
    ahead = sum(1 for _ in missing_commits([one], [other], read, read))
    behind = sum(1 for _ in missing_commits([other], [one], read, read))
    return AheadBehind(ahead, behind)


def _is_address(name: str) -> bool:
    return "/" in name or "\\" in name or name.startswith((".", "~"))
