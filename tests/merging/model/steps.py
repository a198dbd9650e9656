"""Programs as values: made from a seed, and shortened where they fail."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.merging.model.both import MARKS
from tests.merging.model.changes import CHANGES


@dataclass(frozen=True)
class Step:
    """One thing that happens; the numbers decide to what, and with what."""

    verb: str
    numbers: tuple[int, ...] = ()
    changes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """What transactions do, each with numbers of its own."""

    def shorter(self) -> list["Step"]:
        """Return steps that do less."""
        rest = range(len(self.changes))
        return [replace(self, changes=self.changes[:i] + self.changes[i + 1 :]) for i in rest]


Program = tuple[Step, ...]

MAIN, SIDE = 0, 1
"""What the numbers of a step call the branches."""

WEIGHTS = {
    "commit": 14,
    "merge": 8,
    "race": 2,
    "forks": 2,
    "cherry-pick": 1,
    "revert": 2,
    "rebase": 1,
    "squash": 1,
    "crosswise": 1,
    "collect": 1,
    "undo": 1,
}
MEETINGS = {"merge": 8, "crosswise": 1, "rebase": 1, "cherry-pick": 1}
NODES = {
    "node dropped": ("table dropped", "array dropped", "group dropped"),
    "node added": ("table added", "table recreated", "array added"),
}


def program_of(seed: int) -> Program:
    """Return a program, the same for each seed.

    Two branches part, do what two rows of the table of rules say, and meet; then anything
    may happen. Seeds that follow one another go through all pairs of rows.
    """
    chance = random.Random(seed)
    ours, theirs = divmod(seed * 7 % len(MARKS) ** 2, len(MARKS))
    start = [
        Step("begin", (), (("begin", _numbers(chance, 60)),)),
        Step("commit", (MAIN,), (_change("attribute set", chance), _change("cast", chance))),
        Step("commit", (MAIN,), (_change("deleted", chance),)),
        *_side(SIDE, MARKS[theirs], chance),
        *_side(MAIN, MARKS[ours], chance),
        _meeting(chance),
    ]
    verbs = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=chance.choice((0, 0, 2, 5)))
    return (*start, *(_step(name, chance) for name in verbs))


def _side(branch: int, mark: str, chance: random.Random) -> list[Step]:
    """Return what a branch does so that a row of the table of rules is its own."""
    if mark == "restored":
        return [Step("revert", (branch, 0, 0)), *_more(branch, chance)]
    if mark == "squashed":
        both = [Step("commit", (branch,), (_any(chance),)) for _ in range(2)]
        return [*both, Step("squash", (branch, 1))]
    if mark == "nothing":
        return [Step("commit", (branch,))]
    name = chance.choice(NODES.get(mark, (mark,)))
    return [Step("commit", (branch,), (_change(name, chance),)), *_more(branch, chance)]


def _more(branch: int, chance: random.Random) -> list[Step]:
    count = chance.choice((0, 0, 1, 2))
    return [Step("commit", (branch,), tuple(_any(chance) for _ in range(count)))] if count else []


def _meeting(chance: random.Random) -> Step:
    (name,) = chance.choices(list(MEETINGS), list(MEETINGS.values()))
    branches = (MAIN, SIDE) if name != "rebase" else (SIDE, MAIN)
    return Step(name, (*branches, chance.randrange(4)))


def _step(name: str, chance: random.Random) -> Step:
    count = {"commit": (1, 1, 2, 3), "race": (2, 2, 4), "forks": (2, 2, 4)}.get(name, (0,))
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


def shortened(program: Program, fails: Callable[[Program], bool]) -> Program:
    """Return a program that still fails, from which nothing more can be left out."""
    while True:
        for shorter in _shorter(program):
            if fails(shorter):
                program = shorter
                break
        else:
            return program


def _shorter(program: Program) -> list[Program]:
    rest = range(1, len(program))
    found = [program[: i + 1] for i in reversed(rest[:-1])]
    found += [program[:i] + program[i + 1 :] for i in rest]
    for i in rest:
        found += [(*program[:i], step, *program[i + 1 :]) for step in program[i].shorter()]
    return found
