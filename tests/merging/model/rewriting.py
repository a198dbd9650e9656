"""Changes made again elsewhere, in vstore and in the model: cherry-pick, revert, rebase, squash."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.merging.model.answers import answering
from tests.merging.model.reading import differences
from tests.merging.model.state import Name, World
from tests.merging.model.three_way import merge
from tests.merging.model.twin import DifferenceError, Three, Twin, renewed
from vstore import Commit, ConflictError


def cherry_pick(twin: Twin, revision: str, into: str, mode: str | None = None) -> str | None:
    """Apply the changes of a commit to a branch; return the new commit, None if refused."""
    picked = twin.repo.resolve(revision)
    parents = twin.history.commits[picked].parents
    base = twin.world(parents[0]) if parents else twin.world(None)
    marks = set(twin.history.commits[picked].marks) or {"nothing"}
    three = Three(base, twin.world(twin.head(into)), twin.world(picked), ({"nothing"}, marks))
    return _replay(
        twin,
        into,
        three,
        mode,
        lambda resolve: twin.repo.cherry_pick(revision, into=into, resolve=resolve),
    )


def revert(twin: Twin, revision: str, into: str, mode: str | None = None) -> str | None:
    """Undo the changes of a commit on a branch; return the new commit, None if refused."""
    reverted = twin.repo.resolve(revision)
    made = twin.history.commits[reverted]
    before = twin.world(made.parents[0]) if made.parents else twin.world(None)
    marks = {"restored"} if "deleted" in made.marks else {"reverted"}
    three = Three(made.world, twin.world(twin.head(into)), before, ({"nothing"}, marks))
    return _replay(
        twin,
        into,
        three,
        mode,
        lambda resolve: twin.repo.revert(revision, into=into, resolve=resolve),
    )


def _replay(
    twin: Twin, into: str, three: Three, mode: str | None, attempt: Callable[[Any], Commit]
) -> str | None:
    head = twin.head(into)
    found = twin.merging(three, mode, attempt)
    if found is None:
        twin.unchanged(into, head)
        return None
    commit, world = found
    renewed(world, three.ours, twin.fresh)
    twin.record(commit.id, (head,), world, three.marks[1], ours=three.ours)
    return commit.id


def squash(twin: Twin, branch: str, since: str) -> str:
    """Combine the commits of a branch after another into one."""
    head, floor = twin.head(branch), twin.repo.resolve(since)
    commit = twin.repo.squash(branch, since=since, message="Squash")
    world = twin.world(head).copy()
    renewed(world, twin.world(floor), twin.fresh)
    marks = {"squashed"} | twin.history.marks(head, [floor])
    twin.record(commit.id, (floor,), world, marks, ours=World())
    return commit.id


def rebase(twin: Twin, branch: str, onto: str, mode: str | None = None) -> str | None:
    """Replay a branch's own commits on another; return the new head, None if refused."""
    head, floor = twin.head(branch), twin.repo.resolve(onto)
    if floor in twin.history.ancestors(head) and floor != head:
        return None
    left = _own(twin, head, floor)
    made = _replayed(twin, floor, left, None)
    try:
        twin.repo.rebase(branch, onto=onto)
    except ConflictError as error:
        twin.unchanged(branch, head)
        if made.is_lost:
            twin.notes["rebases of tables whose samples were not known any more"] += 1
            return None
        if not made.is_refused:
            raise DifferenceError(f"refused: {error}") from error
        if mode not in ("ours", "theirs"):
            return None
        made = _replayed(twin, floor, left, mode)
        twin.repo.rebase(branch, onto=onto, resolve=mode)  # type: ignore[arg-type]
    else:
        if made.is_refused:
            raise DifferenceError("replayed silently; expected conflicts")
    return _record(twin, branch, floor, made.worlds)


def _own(twin: Twin, head: str, floor: str) -> list[str]:
    """Return the commits that a branch has and another has not, but for merges, oldest first."""
    beyond = twin.history.beyond(head, floor)
    found = [each for each in beyond if len(twin.history.commits[each].parents) < 2]
    time = {each: twin.repo.commit(each).time for each in found}
    return sorted(found, key=lambda each: (twin.history.generation(each), time[each]))


@dataclass
class _Replayed:
    """What a branch holds after each commit is replayed, and what each did."""

    worlds: list[tuple[World, frozenset[str]]] = field(default_factory=list)
    is_refused: bool = False
    is_lost: bool = False
    """Whether samples without keys may not be known any more."""


def _replayed(twin: Twin, floor: str, commits: Sequence[str], mode: str | None) -> _Replayed:
    """Replay commits in the model."""
    world, found = twin.world(floor), _Replayed()
    for each in commits:
        made = twin.history.commits[each]
        base = twin.world(made.parents[0]) if made.parents else twin.world(None)
        outcome = merge(base, world, made.world, answering(mode))
        found.is_lost |= bool(outcome.lost)
        if outcome.unresolved:
            found.is_refused = True
            return found
        world = outcome.world
        found.worlds.append((world, made.marks))
    names: dict[Name, Name] = {}
    for each_world, _ in found.worlds:
        renewed(each_world, twin.world(floor), twin.fresh, names)
    return found


def _record(
    twin: Twin, branch: str, floor: str, worlds: Sequence[tuple[World, frozenset[str]]]
) -> str:
    """Take note of the commits that a rebase made; those that changed nothing were left out."""
    line: list[str] = []
    at = twin.head(branch)
    while at != floor:
        line.insert(0, at)
        (at,) = twin.repo.commit(at).parents
    before, left = floor, list(worlds)
    for commit in line:
        while len(left) > 1 and _is_left_out(twin, commit, before, left[0][0]):
            left.pop(0)
        if not left:
            raise DifferenceError("a rebase made more commits than there were")
        world, marks = left.pop(0)
        twin.record(commit, (before,), world, marks, ours=twin.world(before))
        before = commit
    if left and left[-1][0].visible() != twin.world(before).visible():
        raise DifferenceError("a rebase left out a commit that changed something")
    return before


def _is_left_out(twin: Twin, commit: str, before: str, world: World) -> bool:
    """Return whether a replayed commit that changed nothing is not the one that was made.

    One that changed how samples are stored, and nothing that is read, may be made again.
    """
    if world.visible() != twin.world(before).visible():
        return False
    return bool(differences(twin.repo.checkout(commit), world, by_rows=False))
