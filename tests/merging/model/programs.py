"""Random programs: lists of steps that are done in vstore and in the model."""

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from typing import Any

import vstore
from tests.merging.model import lending, rewriting, sharing
from tests.merging.model.answers import MODES
from tests.merging.model.both import Both
from tests.merging.model.changes import CHANGES, Hand, NotPossibleError, begin
from tests.merging.model.difference import expected, found
from tests.merging.model.reading import differences, zarr_differences
from tests.merging.model.state import World
from tests.merging.model.steps import Program, Step
from tests.merging.model.twin import DifferenceError, Twin
from vstore import VstoreError

BRANCHES = ("main", "side", "third")
DIFFS = 6
"""How many diffs of each program are compared, of its last commits."""

VERBS: dict[str, Callable[[Twin, Step, Hand], None]] = {}


def verb(name: str) -> Callable[[Any], Any]:
    """Register what a verb does."""

    def register(function: Any) -> Any:
        VERBS[name] = function
        return function

    return register


# Running them


def run(program: Program, repo: vstore.Repository, workers: Executor | None = None) -> Twin:
    """Do what a program says, and check everything; raise `DifferenceError` with the listing."""
    twin = Twin(repo, workers=workers)
    try:
        for step in program:
            VERBS[step.verb](twin, step, Hand(step.numbers))
        _check_end(twin)
    except DifferenceError as difference:
        listing = "\n".join(twin.told)
        raise DifferenceError(f"{difference}\n\nafter\n{listing}") from difference
    except VstoreError as error:
        listing = "\n".join(twin.told)
        raise DifferenceError(f"{traceback.format_exc()}\n\nafter\n{listing}") from error
    return twin


def _check_end(twin: Twin) -> None:
    for branch in twin.repo.branches:
        snapshot, world = twin.repo.checkout(branch), twin.world(twin.head(branch))
        told = differences(snapshot, world) + zarr_differences(snapshot, world)
        if told:
            raise DifferenceError("\n".join(told))
    report = twin.repo.fsck(mode="full", decode=True)
    if not report.is_sound:
        raise DifferenceError(f"fsck: {report}")
    commits = list(twin.history.commits)[-DIFFS:]
    for old, new in zip(commits, [*commits[1:], twin.head("main")], strict=True):
        check_diff(twin, old, new)


def check_diff(twin: Twin, old: str, new: str) -> None:
    """Compare what vstore and the model say of the difference between two commits."""
    a, b = twin.world(old), twin.world(new)
    said, should = found(twin.repo.diff(old, new)), expected(a, b)
    for name in should:
        if said[name] != should[name]:
            if name == "tables" and _are_lost(said[name], should[name], a, b):
                twin.notes["diffs of tables whose samples were not known"] += 1
                continue
            raise DifferenceError(
                f"the diff {old[:8]} {new[:8]} says of {name}: {said[name]}\nnot {should[name]}"
            )


def _are_lost(said: Any, should: Any, *worlds: World) -> bool:
    """Return whether tables differ only that have no keys, and whose samples are not known."""
    differing = [each for each in {*said, *should} if said.get(each) != should.get(each)]
    return all(_is_lost(path, *worlds) for path, _ in differing)


def _is_lost(path: str, *worlds: World) -> bool:
    ids = {world.tables()[path].id for world in worlds if path in world.tables()}
    known = [table for world in worlds for table in world.tables().values() if table.id in ids]
    known = [table for table in known if table.keys is None]
    if len(known) == 2 and known[0].visible() == known[1].visible():
        return True
    return any(table.layout or table.is_uncertain for table in known)


def act_of(changes: Sequence[tuple[str, tuple[int, ...]]]) -> Callable[[Both], None]:
    """Return changes as one act; those that cannot be done are left out."""

    def act(both: Both) -> None:
        for name, numbers in changes:
            try:
                (begin if name == "begin" else CHANGES[name])(both, Hand(numbers))
            except NotPossibleError:
                continue

    return act


def branch_of(twin: Twin, hand: Hand) -> str:
    """Return a branch, which is made where it is not there."""
    name = hand.pick(BRANCHES)
    if name not in twin.repo.branches:
        twin.repo.branches.create(name, at="main")
        twin.told.append(f"create {name}")
    return name


# What happens


@verb("begin")
def start(twin: Twin, step: Step, hand: Hand) -> None:
    """Make the first commit."""
    twin.commit("main", act_of(step.changes))


@verb("commit")
def commit(twin: Twin, step: Step, hand: Hand) -> None:
    """Commit changes to a branch; without changes, a commit that does nothing."""
    branch = branch_of(twin, hand)
    twin.told.append(f"-- commit to {branch}:")
    twin.commit(branch, act_of(step.changes), allow_empty=not step.changes)


@verb("merge")
def merge(twin: Twin, step: Step, hand: Hand) -> None:
    """Merge a branch into another."""
    into, source = branch_of(twin, hand), branch_of(twin, hand)
    mode = hand.pick(MODES)
    twin.told.append(f"-- merge {source} into {into}, resolved by {mode}")
    twin.merge(source, into, mode)


@verb("race")
def race(twin: Twin, step: Step, hand: Hand) -> None:
    """Commit two transactions that began at the same commit."""
    branch, half = branch_of(twin, hand), len(step.changes) // 2
    twin.told.append(f"-- two transactions on {branch}:")
    sharing.race(twin, branch, act_of(step.changes[:half]), act_of(step.changes[half:]))


@verb("forks")
def forks(twin: Twin, step: Step, hand: Hand) -> None:
    """Write into two forks of a transaction, perhaps in other processes."""
    branch, half = branch_of(twin, hand), len(step.changes) // 2
    twin.told.append(f"-- two forks of a transaction on {branch}:")
    sharing.forks(twin, branch, step.changes[:half], step.changes[half:])


@verb("lent")
def lent(twin: Twin, step: Step, hand: Hand) -> None:
    """Let two actors write into a transaction by turns."""
    branch = branch_of(twin, hand)
    twin.told.append(f"-- a transaction on {branch}, and its store abroad:")
    lending.lent(twin, branch, step.changes)


@verb("cherry-pick")
def cherry_pick(twin: Twin, step: Step, hand: Hand) -> None:
    """Apply a commit of a branch to another."""
    into, source = branch_of(twin, hand), branch_of(twin, hand)
    picked = twin.head(source)
    if len(twin.history.commits[picked].parents) == 1:
        mode = hand.pick(MODES)
        twin.told.append(f"-- cherry-pick the head of {source} into {into}, resolved by {mode}")
        rewriting.cherry_pick(twin, picked, into, mode)


@verb("revert")
def revert(twin: Twin, step: Step, hand: Hand) -> None:
    """Undo a commit of a branch's line."""
    into = branch_of(twin, hand)
    line = [
        c for c in twin.history.line(twin.head(into)) if len(twin.history.commits[c].parents) == 1
    ]
    if line:
        at, mode = hand.pick(range(min(3, len(line)))), hand.pick(MODES)
        twin.told.append(f"-- revert the {at + 1}. last commit of {into}, resolved by {mode}")
        rewriting.revert(twin, line[at], into, mode)


@verb("restore")
def restore(twin: Twin, step: Step, hand: Hand) -> None:
    """Bring back what the last commit of a branch's line deleted that deleted samples alone."""
    into = branch_of(twin, hand)
    made = twin.history.commits
    for commit in twin.history.line(twin.head(into)):
        if made[commit].marks == {"deleted"}:
            twin.told.append(f"-- revert a deletion on {into}")
            rewriting.revert(twin, commit, into, "theirs")
            return


@verb("rebase")
def rebase(twin: Twin, step: Step, hand: Hand) -> None:
    """Replay a branch on another."""
    branch, onto = branch_of(twin, hand), branch_of(twin, hand)
    if branch != onto:
        mode = hand.pick(MODES)
        twin.told.append(f"-- rebase {branch} onto {onto}, resolved by {mode}")
        rewriting.rebase(twin, branch, onto, mode)


@verb("squash")
def squash(twin: Twin, step: Step, hand: Hand) -> None:
    """Combine the last commits of a branch."""
    branch = branch_of(twin, hand)
    line = list(twin.history.line(twin.head(branch)))[1:4]
    if line:
        since = hand.pick(line)
        twin.told.append(f"-- squash {branch} since {line.index(since) + 1} commits")
        rewriting.squash(twin, branch, since)


@verb("crosswise")
def crosswise(twin: Twin, step: Step, hand: Hand) -> None:
    """Merge two branches into each other at the same time."""
    one, other = branch_of(twin, hand), branch_of(twin, hand)
    if one != other:
        mode = hand.pick(MODES)
        twin.told.append(f"-- merge {one} and {other} crosswise, resolved by {mode}")
        before = twin.head(one)
        twin.merge(other, one, mode)
        twin.merge(before, other, mode)


@verb("collect")
def collect(twin: Twin, step: Step, hand: Hand) -> None:
    """Collect garbage, repacking packs of which little is needed."""
    twin.told.append("-- collect garbage")
    twin.repo.gc(grace=timedelta(0), expire=timedelta(days=30), repack=hand.pick((None, 0.99, 0.5)))


@verb("undo")
def undo(twin: Twin, step: Step, hand: Hand) -> None:
    """Set a branch back by one update."""
    branch = branch_of(twin, hand)
    if len(twin.repo.branches.log(branch)) > 1:
        twin.told.append(f"-- undo {branch}")
        twin.repo.undo(branch)
        twin.check(branch, twin.world(twin.head(branch)))
