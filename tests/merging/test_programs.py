"""Random programs over every row of the table of rules, in vstore and in a model of it.

`VSTORE_TEST_RUNS=10000 pytest -s tests/merging/test_programs.py` runs as many programs and prints
which pairs of changes met. A program that fails is shortened and printed; its seed replays it.
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import product
from pathlib import Path

import pytest

import vstore
from tests.merging.model.both import MARKS
from tests.merging.model.programs import run
from tests.merging.model.shapes import program_of
from tests.merging.model.steps import Program, Step, shortened
from tests.merging.model.twin import DifferenceError, Twin
from tests.repositories import new_repository

RUNS = int(os.environ.get("VSTORE_TEST_RUNS", "40"))
FIRST = int(os.environ.get("VSTORE_TEST_FIRST_SEED", "0"))
ENOUGH = 3000
"""How many programs are certain to meet every pair of changes."""


def attempt(program: Program) -> Twin | DifferenceError:
    try:
        return run(program, new_repository())
    except DifferenceError as difference:
        return difference


def fails(program: Program) -> bool:
    return isinstance(attempt(program), DifferenceError)


def test_programs() -> None:
    met: Counter[tuple[str, str]] = Counter()
    notes: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + RUNS):
        twin = attempt(program_of(seed))
        if isinstance(twin, DifferenceError):
            shorter = attempt(shortened(program_of(seed), fails))
            pytest.fail(f"seed {seed}: {shorter}\n\nas it was: {twin}")
        met += twin.cells
        notes += twin.notes
    empty = [pair for pair in product(MARKS, MARKS) if not met[pair]]
    print(table_of(met))  # noqa: T201 - the count is what a long run is for
    print(f"{RUNS} programs, {met.total()} meetings, {len(empty)} empty; {dict(notes)}")  # noqa: T201
    assert not empty or RUNS < ENOUGH, empty


def table_of(met: Counter[tuple[str, str]]) -> str:
    """Return how often each pair of changes met, a line for what ours did."""
    lines = [" " * 36 + " ".join(f"{i:>5}" for i in range(len(MARKS)))]
    for i, ours in enumerate(MARKS):
        counts = " ".join(f"{met[ours, theirs]:>5}" for theirs in MARKS)
        lines.append(f"{i:>3} {ours:<32}{counts}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    """Two processes that know nothing of this one."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_programs_with_other_processes(seed: int, workers: Executor, tmp_path: Path) -> None:
    program = [step for step in program_of(100_000 + seed) if step.verb not in ("forks", "lent")]
    for i, step in enumerate(program):
        if step.verb == "commit" and i % 2:
            verb = ("forks", "lent")[i // 2 % 2]
            program[i] = Step(verb, step.numbers, step.changes * 2)
    run(tuple(program), vstore.create(tmp_path / "repo"), workers)


def test_a_program_that_fails_is_shortened() -> None:
    program = program_of(1)
    verbs = [step.verb for step in program]
    wanted = verbs[-1]
    shorter = shortened(program, lambda each: any(step.verb == wanted for step in each))
    assert len(shorter) <= 2
