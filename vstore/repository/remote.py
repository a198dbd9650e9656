"""Another repository, with which this one exchanges commits."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format import remote as stored
from vstore.history.read_ahead import ReadAhead
from vstore.history.remotes import (
    read_remotes,
)
from vstore.maintenance.progress import Progress, silent
from vstore.repository import held
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
    from collections.abc import Mapping, Sequence

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
class Remote:
    """Another repository, as this one sees it. Making one makes no request.

    >>> import vstore
    >>> repo = vstore.create("memory://remote-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [1, 2, 3]
    >>> backup = repo.remotes.add("backup", "memory://remote-doc-backup")
    >>> report = backup.push("main")
    >>> [(ref.name, ref.outcome) for ref in report.refs], backup.ahead_behind("main")
    ([('main', 'created')], AheadBehind(ahead=0, behind=0))
    """

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
        signatures: bool = False,
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
            signatures: send signatures also of commits that are there already. Those of commits
                that are sent go along anyway.
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
            signatures=signatures,
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
            own = (name for name in names if not object_keys.is_pin(name))
            return [name for name in own if name.partition("/")[0] not in remotes]
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
        signatures: bool = False,
        dry_run: bool = False,
        progress: Progress = silent,
    ) -> TransferReport:
        """Bring commits from there; a branch `main` there is `<name>/main` here afterwards.

        Args:
            branches: the branches; all if none is named.
            tags: whether to bring the tags. Default: only if no branch is named.
            prune: delete branches `<name>/...` here that are gone there.
            signatures: bring signatures also of commits that are here already. Those of commits
                that are brought come along anyway.
            dry_run: change nothing, and report what would be done.
            progress: receives the state of the work.

        Raises:
            NotFoundError: there is no such branch there, or no repository.
            InvalidInputError: there is another repository than there was.
            AlreadyExistsError: a tag of that name here is at another commit; the rest was
                fetched.
            SignatureError: heads must be signed here, and one is not; the rest was fetched.
        """
        about = self._about
        if about is None:
            raise InvalidInputError(
                "fetching needs a remote with a name, which its branches get here",
                code="remote-without-name",
                hint="add it with `repo.remotes.add(name, url)`",
            )
        options = TransferOptions(
            packs=not (about.metadata_only or about.only),
            signatures=signatures,
            believe=self._access.require_head,
            dry_run=dry_run,
            progress=progress,
        )
        plan = FetchPlan(
            f"{self.name}/",
            branches or None,
            tags=not branches if tags is None else tags,
            prune=prune,
            id=about.id,
            fork=self._fork_id(about),
            options=options,
        )
        report = fetch(self._access.store, self.store, plan)
        if not dry_run:
            for path in about.only:
                self._fetch_data(path, report, progress)
        return replace(report, remote=self.name)

    def _fork_id(self, about: stored.Remote) -> str | None:
        """Return the id of this repository if it pins what it borrows there.

        Whoever may not write there said so when forking, and pushes nothing there either.
        """
        if not about.promises or about.read_only or about.id is None:
            return None
        own = self._access.description.id
        return None if own == about.id else own

    def _fetch_data(self, path: str, report: TransferReport, progress: Progress) -> None:
        """Bring what belongs here of the commits that were fetched."""
        selection = held.Selection(path=path, with_keys=True)
        for ref in report.refs:
            if ref.kind == "branch" and ref.outcome in {"created", "updated", "forced"}:
                with suppress(NotFoundError):  # this branch has nothing there
                    held.fetch_data(
                        self._access,
                        selection,
                        ref.name,
                        all_history=False,
                        limit=None,
                        progress=progress,
                    )

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
