"""Fetch: where the branches of another repository are is noted here, with all that they reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from vstore.errors import InvalidInputError
from vstore.format import object_keys
from vstore.format.commit import TagDocument
from vstore.format.purges import PurgeDocument, encode
from vstore.history.purges import list_purges
from vstore.history.refs import Branch
from vstore.history.remotes import read_remotes
from vstore.storage.store import ObjectStore
from vstore.transfer.exchange import Exchange, TransferOptions, check
from vstore.transfer.moving import Move, Rule, is_known_ancestor
from vstore.transfer.pins import put_pins, wanted_pins
from vstore.transfer.pushing import delete_noted, description, with_refs
from vstore.transfer.report import RefUpdate, TransferReport
from vstore.transfer.side import Side, Sides, between
from vstore.wording import plural


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What to fetch.

    Attributes:
        prefix: what goes before the names of branches here, as in `origin/`.
        branches: the branches there; None for all.
        tags: whether the tags are fetched.
        prune: whether branches here are deleted that are no more there.
        id: the id of the repository there, None if it was never asked.
        fork: the id of this repository if it is a fork of the other one, whose commits are
            pinned there before they are noted here.
        options: how.
    """

    prefix: str
    branches: Sequence[str] | None = None
    tags: bool = False
    prune: bool = False
    id: str | None = None
    fork: str | None = None
    options: TransferOptions = field(default_factory=TransferOptions)


def fetch(here: ObjectStore, there: ObjectStore, plan: FetchPlan) -> TransferReport:
    """Fetch; objects first, then every branch and tag on its own.

    Raises:
        NotFoundError: there is no such branch there, or no repository.
        InvalidInputError: there is another repository than there was.
        AlreadyExistsError: a tag here is at another commit; the others were fetched.
            `fields["report"]` says what was done.
    """
    with between(here, there, plan.options.remotes) as sides:
        names = _branches(sides) if plan.branches is None else list(plan.branches)
        theirs, heads = sides.both(
            lambda: sides.map(sides.there.refs.find_branch, names),
            lambda: sides.map(lambda name: sides.here.refs.find_branch(plan.prefix + name), names),
        )
        found = [_found(sides, name, branch) for name, branch in zip(names, theirs, strict=True)]
        _require_same(sides, plan.id, found, heads)
        action = f"fetch from {sides.there.store.url}"
        moves = [
            Move(plan.prefix + name, branch.commit, Rule.ANYWHERE, None, action)
            for name, branch in zip(names, found, strict=True)
        ]
        tags = all_tags(sides) if plan.tags else []
        if plan.fork is not None and not plan.options.dry_run:
            put_pins(sides, plan.fork, wanted_pins(plan.fork, found, tags), action=_pinned(sides))
        exchange = Exchange(sides, sides.there, sides.here, plan.options)
        report = exchange.run(moves, heads, tags)
        report = replace(report, notices=_notices(sides, report, plan.options))
        if plan.prune:
            report = with_refs(report, _prune(sides, plan, set(_branches(sides))))
        return check(report, exchange.refused)


def _require_same(
    sides: Sides, expected: str | None, theirs: Sequence[Branch], heads: Sequence[Branch | None]
) -> None:
    """Make sure that the repository there is the one that was there before.

    Asked only where a branch is new here or does not go on from where it was: whoever
    continues the same history has it.
    """
    read = sides.there.documents.commit
    goes_on = all(
        head is not None and is_known_ancestor(head.commit, branch.commit, read)
        for branch, head in zip(theirs, heads, strict=True)
    )
    if expected is None or goes_on:
        return
    found = description(sides.there.store)
    if found.id != expected:
        raise InvalidInputError(
            f"there is another repository at {sides.there.store.url} than there was: its id is "
            f"{found.id}, not {expected}",
            code="another-repository",
            hint="if the repository moved, change the address of the remote; if it was made again, "
            "add it as another remote",
            url=sides.there.store.url,
        )


def _pinned(sides: Sides) -> str:
    return f"pinned for {sides.here.store.url}"


def _notices(sides: Sides, report: TransferReport, options: TransferOptions) -> tuple[str, ...]:
    """Return what was purged there that is not known here; it is noted here, unless in a dry run.

    One that moved a branch or a tag otherwise than forward may be why: only then it is asked.
    """
    if not any(ref.outcome in ("forced", "rejected") for ref in report.refs):
        return ()
    known = {purge.id for purge, _ in list_purges(sides.here.store)}
    told: list[str] = []
    for purge, _ in list_purges(sides.there.store):
        if purge.id not in known:
            told.append(_notice(sides, purge))
            if not options.dry_run:
                note = structs.replace(purge, packs=(), done=True)
                sides.here.store.put_if_absent(object_keys.purge(purge.id), encode(note))
    return tuple(told)


def _notice(sides: Sides, purge: PurgeDocument) -> str:
    branches = sides.map(sides.here.refs.find_branch, sides.here.refs.branch_names())
    holding = [b.name for b in branches if b is not None and b.commit in purge.commits]
    why = f": {purge.reason}" if purge.reason else ""
    here = f"; branches here that still hold it: {', '.join(holding)}" if holding else ""
    count = plural(len(purge.commits), "commit")
    return f"{purge.author} erased data on {purge.time[:10]}{why} ({count} rewritten){here}"


def _branches(sides: Sides) -> list[str]:
    """Return the branches there that are not where another repository's are noted."""
    names = sides.there.refs.branch_names()
    if not names:
        description(sides.there.store)  # raises where there is no repository
    return own_branches(sides.there, names)


def own_branches(side: Side, names: Sequence[str]) -> list[str]:
    """Return those of some branches that neither say where those of a remote are nor are pins."""
    names = [name for name in names if not object_keys.is_pin(name)]
    if not any("/" in name for name in names):
        return list(names)
    remotes: Mapping[str, object] = read_remotes(side.store)
    return [name for name in names if name.partition("/")[0] not in remotes]


def _found(sides: Sides, name: str, branch: Branch | None) -> Branch:
    if branch is None:
        description(sides.there.store)
        raise sides.there.refs.branch_missing(name)
    return branch


def all_tags(sides: Sides) -> list[TagDocument]:
    """Return the tags there, read side by side."""
    found = sides.map(sides.there.refs.find_tag, sides.there.refs.tag_names())
    return [tag for tag in found if tag is not None]


def _prune(sides: Sides, plan: FetchPlan, there: set[str]) -> list[RefUpdate]:
    """Delete the branches here that say where one was that is gone."""
    pruned: list[RefUpdate] = []
    for name in sides.here.refs.branch_names():
        if not name.startswith(plan.prefix) or name.removeprefix(plan.prefix) in there:
            continue
        branch = sides.here.refs.find_branch(name)
        if branch is None:
            continue
        if not plan.options.dry_run:
            delete_noted(sides.here, branch)
        pruned.append(RefUpdate(name, "branch", branch.commit, None, "deleted"))
    return pruned
