"""One branch and several writers, in vstore and in the model: races, forks, other processes."""

import pickle
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from tests.merging.model.both import Both
from tests.merging.model.changes import CHANGES, IN_FORKS, Hand, NotPossibleError
from tests.merging.model.state import World
from tests.merging.model.three_way import merge
from tests.merging.model.twin import Act, DifferenceError, Three, Twin
from vstore import ConflictError

Changes = Sequence[tuple[str, tuple[int, ...]]]


def race(twin: Twin, branch: str, first: Act, second: Act) -> None:
    """Commit two transactions that began at one commit; the second is merged, or refused."""
    begun = twin.head(branch)
    sides = [twin.both(twin.repo.transaction(branch, message="Race"), begun) for _ in range(2)]
    for both, act in zip(sides, (first, second), strict=True):
        act(both)
    ours = sides[0].tx.commit()
    if ours is not None:
        twin.record(ours.id, (begun,), sides[0].world, sides[0].marks)
    head = twin.head(branch)
    if ours is None:
        made = sides[1].tx.commit()
        if made is not None:
            twin.record(made.id, (begun,), sides[1].world, sides[1].marks)
        return
    marks = sides[0].marks or {"nothing"}, sides[1].marks or {"nothing"}
    three = Three(twin.world(begun), sides[0].world, sides[1].world, marks)
    found = twin.merging(three, None, lambda _: sides[1].tx.commit())
    if found is None or found[0] is None:
        twin.unchanged(branch, head)
        return
    commit, world = found
    twin.record(commit.id, (head,), world, sides[1].marks, ours=three.ours)


def forks(twin: Twin, branch: str, first: Changes, second: Changes) -> None:
    """Let two forks of a transaction be written elsewhere, and join them one after the other."""
    begun = twin.head(branch)
    tx = twin.repo.transaction(branch, message="Forks")
    parent = f"{begun} forks {next(twin.fresh)}"
    tasks = []
    for changes in (first, second):
        both = Both(tx.fork(), twin.world(begun), parent, count(1000 * next(twin.fresh)))
        tasks.append(pickle.dumps((both, changes)))
    told = (twin.workers.map if twin.workers is not None else map)(work, tasks)
    made = [pickle.loads(each) for each in told]
    for both in made:
        twin.told += ["- in a fork:", *both.told]
    begun_world = twin.world(begun)
    outcome = merge(begun_world, made[0].world, made[1].world)
    _join(
        twin,
        branch,
        tx,
        made,
        outcome.world,
        is_refused=bool(outcome.unresolved),
        lost=outcome.lost,
    )


def work(task: bytes) -> bytes:
    """Change a fork and the model, as another process."""
    both, changes = pickle.loads(task)
    for name, numbers in changes:
        if name in IN_FORKS:
            with suppress(NotPossibleError):
                CHANGES[name](both, Hand(numbers))
    return pickle.dumps(both)


def _join(
    twin: Twin,
    branch: str,
    tx: Any,
    made: Sequence[Both],
    world: World,
    *,
    is_refused: bool,
    lost: set[str],
) -> None:
    begun = twin.head(branch)
    for one in made[0].marks or {"nothing"}:
        for other in made[1].marks or {"nothing"}:
            twin.cells[one, other] += 1
    try:
        tx.merge(*(both.tx for both in made))
    except ConflictError as error:
        tx.discard()
        if not is_refused and not lost:
            raise DifferenceError(f"forks are refused: {error}") from error
        twin.unchanged(branch, begun)
        return
    if is_refused:
        raise DifferenceError("forks are joined silently; expected conflicts")
    commit = tx.commit()
    if commit is not None:
        twin.record(commit.id, (begun,), world, made[0].marks | made[1].marks, ours=made[0].world)
