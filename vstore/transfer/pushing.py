"""Push: branches and tags of this repository are made to be on the other side."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vstore.errors import ConflictError, InvalidInputError, NotFoundError
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import RepositoryDocument, TagDocument
from vstore.format.digest import Digest
from vstore.history.documents import read_document
from vstore.history.ref_errors import tag_not_found
from vstore.history.refs import Branch
from vstore.maintenance.probe.probe import require_conditions
from vstore.storage.store import ObjectStore
from vstore.transfer.exchange import Exchange, TransferOptions, check
from vstore.transfer.moving import Move, Rule
from vstore.transfer.report import RefUpdate, TransferReport
from vstore.transfer.side import Side, Sides, between


@dataclass(frozen=True, slots=True)
class Lease:
    """Where a branch must be on the other side to be moved anywhere; None for not there."""

    commit: Digest | None


@dataclass(frozen=True, slots=True)
class PushSpec:
    """A branch to push: `commit` where it is known, else that of the branch `source`."""

    source: str
    name: str
    commit: Digest | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What to push.

    Attributes:
        branches: the branches.
        tags: the tags; None for all.
        delete: branches to delete there.
        options: how.
    """

    branches: Sequence[PushSpec]
    tags: Sequence[str] | None = ()
    delete: Sequence[str] = ()
    options: TransferOptions = field(default_factory=TransferOptions)


def push(here: ObjectStore, there: ObjectStore, plan: PushPlan) -> TransferReport:
    """Push; objects first, then every branch and tag on its own.

    Where there is no repository, one is made that has the id of this one.

    Raises:
        ConflictError: a branch there has commits that are not in what was pushed; the others
            were pushed. `fields["report"]` says what was done.
        AlreadyExistsError: a tag there is at another commit, likewise.
        NotFoundError: there is no such branch or tag here.
    """
    with between(here, there, plan.options.remotes) as sides:
        specs = plan.branches
        ours, heads = sides.both(
            lambda: sides.map(lambda spec: _commit(sides.here, spec), specs),
            lambda: sides.map(lambda spec: sides.there.refs.find_branch(spec.name), specs),
        )
        moves = [_move(sides, spec, commit) for spec, commit in zip(specs, ours, strict=True)]
        exchange = Exchange(sides, sides.here, sides.there, plan.options)
        if None in heads or not specs:
            _prepare(sides, exchange)
        tags = [_tag(sides.here, name) for name in _names(sides, plan.tags)]
        report = exchange.run(moves, heads, tags)
        deleted = [_delete(sides.there, name, dry_run=plan.options.dry_run) for name in plan.delete]
        return check(with_refs(report, deleted), exchange.refused)


def with_refs(report: TransferReport, refs: Sequence[RefUpdate]) -> TransferReport:
    """Return a report with more updates in it."""
    return replace(report, refs=(*report.refs, *refs))


def _commit(side: Side, spec: PushSpec) -> Digest:
    return spec.commit or side.refs.get_branch(spec.source).commit


def _move(sides: Sides, spec: PushSpec, commit: Digest) -> Move:
    rule = Rule.FORWARD if spec.lease is None else Rule.LEASE
    lease = None if spec.lease is None else spec.lease.commit
    return Move(spec.name, commit, rule, lease, f"push from {sides.here.store.url}")


def _names(sides: Sides, tags: Sequence[str] | None) -> Sequence[str]:
    return sides.here.refs.tag_names() if tags is None else tags


def _tag(side: Side, name: str) -> TagDocument:
    found = side.refs.find_tag(name)
    if found is None:
        raise tag_not_found(name, side.store.url)
    return found


def _prepare(sides: Sides, exchange: Exchange) -> None:
    """Look at the repository there, where a branch is new; make one where there is none."""
    ours, theirs = sides.both(
        lambda: description(sides.here.store), lambda: find_description(sides.there.store)
    )
    if theirs is None:
        exchange.is_new = True
        if not exchange.options.dry_run:
            create_like(sides.there.store, ours)
        return
    if theirs.id != ours.id and not exchange.options.unrelated:
        names = sides.there.refs.branch_names()
        if names and not _is_related(sides, names):
            raise InvalidInputError(
                f"{sides.there.store.url} and {sides.here.store.url} are different repositories "
                "without a commit in common",
                code="unrelated",
                hint="check the addresses, or push anyway with "
                "`remote.push('main:theirs', unrelated=True)`",
            )


def _is_related(sides: Sides, names: Sequence[str]) -> bool:
    """Return whether a head there, or the first commit of its line, is known here."""
    for head in sides.map(sides.there.refs.find_branch, names[:16]):
        if head is None:
            continue
        commit = sides.there.documents.commit(head.commit)
        first = Digest(commit.ancestors[-1][1]) if commit.ancestors else head.commit
        try:
            sides.here.store.get(object_keys.commit(first))
        except NotFoundError:
            continue
        return True
    return False


def _delete(side: Side, name: str, *, dry_run: bool) -> RefUpdate:
    branch = side.refs.find_branch(name)
    if branch is None:
        raise side.refs.branch_missing(name)
    if name == description(side.store).default_branch:
        raise InvalidInputError(
            f"{name!r} is the default branch of {side.store.url}, which is not deleted from here",
            code="default-branch",
        )
    if not dry_run:
        delete_noted(side, branch)
    return RefUpdate(name, "branch", branch.commit, None, "deleted")


def delete_noted(side: Side, branch: Branch) -> None:
    """Delete a branch so that it can be restored.

    Raises:
        ConflictError: it moved just now.
        PolicyError: it is protected.
    """
    if not side.refs.delete_noted(branch):
        raise ConflictError(
            f"the branch {branch.name!r} was updated just now; it was not deleted",
            code="ref-moved",
            hint="try again",
            name=branch.name,
        )


def find_description(store: ObjectStore) -> RepositoryDocument | None:
    """Return the document that marks a repository, None where there is none."""
    what = f"{object_keys.REPOSITORY} in {store.url}"
    try:
        return read_document(store, object_keys.REPOSITORY, RepositoryDocument, what=what)[0]
    except NotFoundError:
        return None


def description(store: ObjectStore) -> RepositoryDocument:
    """Return the document that marks a repository.

    Raises:
        NotFoundError: there is no repository.
    """
    found = find_description(store)
    if found is None:
        raise NotFoundError(
            f"there is no vstore repository at {store.url}",
            code="repository-not-found",
            hint="check the address",
            url=store.url,
        )
    return found


def create_like(store: ObjectStore, other: RepositoryDocument) -> None:
    """Make a repository with the id and the default branch of another one."""
    require_conditions(store)
    store.put_if_absent(object_keys.REPOSITORY, commits.encode(other))
