"""Clone and mirror: a repository is made from another one."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as replace_members

from vstore.errors import AlreadyExistsError, NotFoundError
from vstore.format.commit import FORMAT
from vstore.format.remote import Remote
from vstore.history.refs import Branch
from vstore.history.remotes import put_remote, read_remotes
from vstore.storage.store import ObjectStore
from vstore.transfer.exchange import Exchange, TransferOptions, check
from vstore.transfer.fetching import all_tags, own_branches
from vstore.transfer.moving import Move, Rule
from vstore.transfer.pins import put_pins, wanted_pins
from vstore.transfer.pushing import (
    create_like,
    delete_noted,
    description,
    find_description,
    with_refs,
)
from vstore.transfer.report import RefUpdate, TransferReport
from vstore.transfer.side import Side, Sides, between

_LISTINGS = 5
"""How often the branches are listed at most until two listings agree."""


@dataclass(frozen=True, slots=True)
class ClonePlan:
    """What to clone.

    Attributes:
        remote: what the origin is called in the clone; None makes a mirror, which has the
            origin's own branches and no remote.
        branches: the branches; None for all.
        tags: whether the tags are copied.
        prune: whether a mirror loses the branches and tags that the origin has no more.
        only: the paths whose data is to be there.
        fork: whether the copy is another repository, with an id of its own, that borrows the
            data of the origin.
        pinned: whether a fork pins what it borrows at the origin.
        options: how.
    """

    remote: str | None = "origin"
    branches: Sequence[str] | None = None
    tags: bool = True
    prune: bool = False
    only: Sequence[str] = ()
    fork: bool = False
    pinned: bool = True
    options: TransferOptions = field(default_factory=TransferOptions)


def clone(origin: ObjectStore, to: ObjectStore, url: str, plan: ClonePlan) -> TransferReport:
    """Clone, or go on where a clone was interrupted; refs come last, the default branch at the end.

    Args:
        origin: the repository to copy.
        to: where the copy is to be.
        url: how the copy finds the origin again.
        plan: what to copy.

    Raises:
        NotFoundError: there is no repository, or no such branch.
        AlreadyExistsError: there is another repository at `to`.
        SignatureError: a head must be signed and is not.
    """
    with between(to, origin) as sides:
        about = description(origin)
        is_new = _make(sides, about_remote(plan, about.id, url), fork=plan.fork)
        theirs = _read_until_equal(sides, plan)
        default = about.default_branch
        prefix = "" if plan.remote is None else f"{plan.remote}/"
        action = f"clone of {origin.url}"
        moves = [
            Move(prefix + branch.name, branch.commit, Rule.ANYWHERE, None, action)
            for branch in theirs
        ]
        if plan.remote is not None:
            first = {branch.name: branch for branch in theirs}
            start = default if default in first else next(iter(first), None)
            if start is not None:
                moves.append(Move(start, first[start].commit, Rule.FORWARD, None, action))
        heads = (
            [None] * len(moves)
            if is_new
            else sides.map(lambda move: sides.here.refs.find_branch(move.name), moves)
        )
        # A file that is shared is as old as it was: only where nobody collects it is that safe.
        hard_links = plan.options.hard_links and is_new and plan.remote is not None
        options = replace(plan.options, signatures=not is_new, hard_links=hard_links)
        exchange = Exchange(sides, sides.there, sides.here, options, is_new=is_new)
        tags = all_tags(sides) if plan.tags else []
        if plan.fork and plan.pinned:
            fork = description(to).id
            put_pins(sides, fork, wanted_pins(fork, theirs, tags), action=f"pinned for {to.url}")
        report = exchange.run(moves, heads, tags)
        if plan.remote is None and plan.prune:
            report = with_refs(report, _prune(sides, {branch.name for branch in theirs}))
        return check(report, exchange.refused)


def about_remote(plan: ClonePlan, repository: str, url: str) -> Remote | None:
    """Return what the clone says of its origin; None for a mirror."""
    if plan.remote is None:
        return None
    is_bare = not plan.options.packs and not plan.only
    is_partial = not plan.options.packs or plan.options.depth is not None or bool(plan.only)
    return Remote(
        FORMAT,
        plan.remote,
        url,
        id=repository,
        promises=is_partial,
        only=tuple(plan.only),
        read_only=plan.fork and not plan.pinned,
        metadata_only=is_bare,
    )


def _make(sides: Sides, remote: Remote | None, *, fork: bool) -> bool:
    """Make the repository and note the origin, or find both as an interrupted clone left them.

    Returns whether the repository is new.
    """
    about = description(sides.there.store)
    store = sides.here.store
    found = find_description(store)
    if found is None:
        if fork and remote is not None:
            # First, as the id does not tell where an interrupted fork is from.
            put_remote(store, remote)
            about = replace_members(about, id=secrets.token_hex(16))
        create_like(store, about)
    elif not _continues(found.id, about.id, remote, sides, fork=fork):
        raise AlreadyExistsError(
            f"there is a repository at {store.url} already",
            code="repository-exists",
            hint="choose another place; bring a clone up to date with "
            "`repo.remotes['origin'].fetch()`",
            url=store.url,
        )
    if remote is not None:
        put_remote(store, remote)
    return found is None


def _continues(here: str, there: str, remote: Remote | None, sides: Sides, *, fork: bool) -> bool:
    """Return whether the repository here is what an interrupted clone or fork left."""
    if fork:
        is_same = here != there and list(read_remotes(sides.here.store).values()) == [remote]
    else:
        is_same = here == there
    return is_same and _is_unfinished(sides, remote)


def _is_unfinished(sides: Sides, remote: Remote | None) -> bool:
    """Return whether a clone of the same origin was interrupted: its own branches come last."""
    if remote is None:
        return True
    own = own_branches(sides.here, sides.here.refs.branch_names())
    return not own and read_remotes(sides.here.store).keys() <= {remote.name}


def _read_until_equal(sides: Sides, plan: ClonePlan) -> list[Branch]:
    """Return the branches, read until two listings agree, so that none was renamed meanwhile."""
    side = sides.there
    names, found = _names(side, plan), list[Branch]()
    for _ in range(_LISTINGS):
        found = [branch for branch in sides.map(side.refs.find_branch, names) if branch]
        if plan.branches is not None and len(found) < len(names):
            missing = next(iter(set(names) - {branch.name for branch in found}))
            raise side.refs.branch_missing(missing)
        again = _names(side, plan)
        if again == names and len(found) == len(names):
            return found
        names = again
    return found


def _names(side: Side, plan: ClonePlan) -> list[str]:
    if plan.branches is not None:
        return list(plan.branches)
    names = side.refs.branch_names()
    return names if plan.remote is None else own_branches(side, names)


def _prune(sides: Sides, there: set[str]) -> list[RefUpdate]:
    pruned: list[RefUpdate] = []
    for name in sorted(set(sides.here.refs.branch_names()) - there):
        branch = sides.here.refs.find_branch(name)
        if branch is not None:
            delete_noted(sides.here, branch)
            pruned.append(RefUpdate(name, "branch", branch.commit, None, "deleted"))
    for name in sorted(set(sides.here.refs.tag_names()) - set(sides.there.refs.tag_names())):
        try:
            sides.here.refs.delete_tag(name)
        except NotFoundError:
            continue
        pruned.append(RefUpdate(name, "tag", None, None, "deleted"))
    return pruned
