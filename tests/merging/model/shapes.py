"""Which programs there are: how branches part, what they do, and in which ways they meet."""

import random
from collections.abc import Callable, Iterator

from tests.merging.model.both import MARKS
from tests.merging.model.changes import CHANGES
from tests.merging.model.steps import Program, Step

MAIN, SIDE, THIRD = BRANCHES = range(3)
"""What the numbers of a step call the branches."""

WEIGHTS = {
    "commit": 14,
    "merge": 8,
    "race": 2,
    "forks": 2,
    "lent": 2,
    "cherry-pick": 1,
    "revert": 2,
    "rebase": 1,
    "squash": 1,
    "crosswise": 1,
    "collect": 1,
    "undo": 1,
}
SMALL = {"added": 6, "deleted": 2, "changed value": 2, "set missing": 1, "compacted": 1}
"""What branches do between merges of merges: mostly what makes no conflicts."""

NODES = {
    "node dropped": ("table dropped", "array dropped", "group dropped"),
    "node added": ("table added", "table recreated", "array added"),
}
NEEDS = {
    "cast": "column added with values",
    "dropped": "column added with values",
    "recreated": "column added with values",
    "set missing": "optional column added with values",
    "attribute changed": "attribute set",
    "attribute removed": "attribute set",
    "compacted": "deleted",
}
"""What a program begins with so that a change has something to be made to."""

Pair = tuple[str, str]
"""The rows of the table of rules that the branches that meet are to do."""

Shape = Callable[[Pair, random.Random], Iterator[Step]]


def program_of(seed: int) -> Program:
    """Return a program, the same for each seed.

    Branches part, do what two rows of the table of rules say, and meet in one of several ways;
    then anything may happen. Seeds that follow one another go through all pairs of rows.
    """
    chance = random.Random(seed)
    ours, theirs = divmod(seed * 7 % len(MARKS) ** 2, len(MARKS))
    pair = MARKS[ours], MARKS[theirs]
    (shape,) = chance.choices(list(SHAPES), list(SHAPES.values()))
    verbs = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=chance.choice((0, 0, 2, 5)))
    return (
        *_beginning(pair, chance),
        *shape(pair, chance),
        *(_step(name, chance) for name in verbs),
    )


def _beginning(pair: Pair, chance: random.Random) -> Iterator[Step]:
    needed = tuple((NEEDS[mark], (0,) * 16) for mark in pair if mark in NEEDS)
    yield Step("begin", (), (("begin", _numbers(chance, 60)),))
    more = (_change("attribute set", chance), _change("cast", chance))
    yield Step("commit", (MAIN,), needed + more[: chance.randrange(3)])
    yield Step("commit", (MAIN,), (_change("deleted", chance),))


# Shapes


def _one_meeting(pair: Pair, chance: random.Random) -> Iterator[Step]:
    """Two branches meet once."""
    ours, theirs = pair
    yield from _side(SIDE, theirs, chance)
    yield from _side(MAIN, ours, chance)
    (name,) = chance.choices(("merge", "crosswise", "rebase", "cherry-pick"), (8, 1, 1, 1))
    into, source = (MAIN, SIDE) if name != "rebase" else (SIDE, MAIN)
    yield Step(name, (into, source, chance.randrange(4)))


def _other_actors(pair: Pair, chance: random.Random) -> Iterator[Step]:
    """Two actors do at one time what the rows say: in two transactions, or forks of one."""
    changes = tuple(_change(_act_of(mark, chance), chance) for mark in pair)
    yield Step(chance.choice(("race", "forks")), (MAIN,), changes)


def _crosswise(pair: Pair, chance: random.Random) -> Iterator[Step]:
    """Two branches merge each other again and again: there is no one common ancestor."""
    ours, theirs = pair
    mode = _answered(chance)
    if chance.random() < 0.5:
        yield from (_small(branch, chance) for branch in (MAIN, SIDE))
        yield Step("crosswise", (MAIN, SIDE, mode))
    yield from _side(SIDE, theirs, chance)
    yield from _side(MAIN, ours, chance)
    for _ in range(chance.choice((1, 2))):
        yield Step("crosswise", (MAIN, SIDE, mode))
        yield from (_small(branch, chance) for branch in (MAIN, SIDE))
    yield Step("merge", (*chance.choice(((MAIN, SIDE), (SIDE, MAIN))), _answered(chance)))


def _three(pair: Pair, chance: random.Random) -> Iterator[Step]:
    """Two branches follow a third one, and meet then: both hold its samples in other places."""
    ours, theirs = pair
    yield Step("commit", (THIRD,), (_grown(THIRD, chance),))
    yield Step("commit", (SIDE,), (_grown(SIDE, chance),))
    yield Step("commit", (MAIN,), (_grown(MAIN, chance),))
    yield from _side(SIDE, ours, chance)
    yield from _side(MAIN, theirs, chance)
    for _ in range(chance.choice((1, 1, 2))):
        for branch in (SIDE, THIRD):
            yield Step("merge", (branch, MAIN, _answered(chance)))
        yield from (_small(branch, chance) for branch in chance.sample(BRANCHES, 2))
    for branch in (SIDE, THIRD):
        yield Step("merge", (branch, MAIN, _answered(chance)))
    one, other = chance.sample((SIDE, THIRD), 2)
    yield Step("merge", (one, other, _answered(chance)))


def _around(pair: Pair, chance: random.Random) -> Iterator[Step]:
    """Three branches merge one another in any order."""
    ours, theirs = pair
    yield from _side(SIDE, theirs, chance)
    yield from _side(MAIN, ours, chance)
    yield Step("merge", (MAIN, SIDE, _answered(chance)))
    for _ in range(chance.randint(6, 14)):
        if chance.random() < 0.5:
            yield _small(chance.choice(BRANCHES), chance)
        else:
            yield Step("merge", (*chance.sample(BRANCHES, 2), _answered(chance)))


SHAPES: dict[Shape, int] = {
    _one_meeting: 10,
    _other_actors: 2,
    _crosswise: 3,
    _three: 4,
    _around: 3,
}


# What they are made of


def _side(branch: int, mark: str, chance: random.Random) -> list[Step]:
    """Return what a branch does so that a row of the table of rules is its own."""
    if mark == "restored":
        return [Step("restore", (branch,)), *_more(branch, chance)]
    if mark == "squashed":
        both = [Step("commit", (branch,), (_grown(branch, chance), _any(chance)))] * 2
        return [*both, Step("squash", (branch, 1))]
    if mark == "nothing":
        return [Step("commit", (branch,))]
    done = _change(_act_of(mark, chance), chance)
    return [Step("commit", (branch,), (done,)), *_more(branch, chance)]


def _act_of(mark: str, chance: random.Random) -> str:
    """Return a change of a row of the table; where it takes more than one, another change."""
    options = NODES.get(mark, (mark if mark in CHANGES else "added",))
    return chance.choice(options)


def _more(branch: int, chance: random.Random) -> list[Step]:
    count = chance.choice((0, 0, 1, 2))
    return [Step("commit", (branch,), tuple(_any(chance) for _ in range(count)))] if count else []


def _small(branch: int, chance: random.Random) -> Step:
    """Return a commit that grows a table a little, or shrinks it."""
    (name,) = chance.choices(list(SMALL), list(SMALL.values()))
    if name == "added":
        return Step("commit", (branch,), (_grown(branch, chance),))
    return Step("commit", (branch,), (_change(name, chance),))


def _grown(branch: int, chance: random.Random) -> tuple[str, tuple[int, ...]]:
    """Return the addition of a sample, whose key is seldom that of one of another branch."""
    return "added", (0, 2 * branch + chance.choice((0, 0, 0, 1)), *_numbers(chance, 16))


def _answered(chance: random.Random) -> int:
    """Return the number of a way to answer conflicts, seldom that nobody does."""
    return chance.choice((0, 1, 2, 3, 1, 2, 3))


def _step(name: str, chance: random.Random) -> Step:
    count = {"commit": (1, 1, 2, 3), "race": (2, 2, 4), "forks": (2, 2, 4), "lent": (4, 6)}.get(
        name, (0,)
    )
    changes = tuple(_any(chance) for _ in range(chance.choice(count)))
    return Step(name, _numbers(chance, 6), changes)


def _any(chance: random.Random) -> tuple[str, tuple[int, ...]]:
    """Return some change; what concerns a whole node is rarer."""
    weights = [1 if name.split()[0] in ("table", "array", "group") else 4 for name in CHANGES]
    (name,) = chance.choices(list(CHANGES), weights)
    return _change(name, chance)


def _change(name: str, chance: random.Random) -> tuple[str, tuple[int, ...]]:
    return name, _numbers(chance, 16)


def _numbers(chance: random.Random, count: int) -> tuple[int, ...]:
    """Return numbers that are often small, so that two sides often meet."""
    return tuple(chance.choice((0, 0, 0, 1, 1, 2, 3, 5, 7)) for _ in range(count))
