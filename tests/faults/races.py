"""Processes that race for one branch, and what must be true when they are done."""

import multiprocessing
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

import vstore
from tests.faults.audit import Verdict, judge, open_at
from vstore import Repository
from vstore.errors import UnknownOutcomeError, VstoreError
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.storage import Engine, open_store
from vstore.writing.transaction import Transaction

AUTHOR = "Racer <racer@example.org>"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is, as a value that other processes can open."""

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    engine: Engine = "auto"

    def open(self) -> Repository:
        """Open the repository."""
        store = open_store(self.url, storage_options=self.storage_options, engine=self.engine)
        return Repository(store, author=vstore.Author("Racer", "racer@example.org"))


@dataclass(frozen=True, slots=True)
class Size:
    """How many writers there are, and how many commits each makes."""

    writers: int
    commits: int


Made = Collection[tuple[int, int]]
"""The commits in the history: each one's writer, and its number among those of the writer."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What the writers change, none of it in conflict, and how the result is checked."""

    start: Callable[[Transaction, Size], None]
    change: Callable[[Transaction, int, int], None]
    check: Callable[[Any, Made], None]


def _start_appends(tx: Transaction, size: Size) -> None:
    tx.create_table("t", {"n": vstore.ndarray((), "int64"), "text": vstore.text()})


def _append(tx: Transaction, writer: int, number: int) -> None:
    tx["t"].extend({"n": [writer * 10_000 + number], "text": [f"{writer} {number}"]})


def _check_appends(table: Any, made: Made) -> None:
    numbers = table["n"][:].tolist()
    assert sorted(numbers) == sorted(w * 10_000 + i for w, i in made), "rows lost or doubled"
    texts = [f"{number // 10_000} {number % 10_000}" for number in numbers]
    assert list(table["text"][:]) == texts, "the columns are not aligned"
    for writer in {number // 10_000 for number in numbers}:
        mine = [number for number in numbers if number // 10_000 == writer]
        assert mine == sorted(mine), "a writer's rows are not in the order of its commits"


def _start_samples(tx: Transaction, size: Size) -> None:
    table = tx.create_table("t", {"n": vstore.ndarray((), "int64")}, keys="str")
    table.extend({"n": [-1] * size.writers}, keys=[f"own {w}" for w in range(size.writers)])


def _change_samples(tx: Transaction, writer: int, number: int) -> None:
    table = tx["t"]
    table.loc[f"own {writer}"] = {"n": number}
    table.extend({"n": [number]}, keys=[f"{writer} {number}"])


def _check_samples(table: Any, made: Made) -> None:
    found = dict(zip(table.sample_keys().tolist(), table["n"][:].tolist(), strict=True))
    own = {key: found.pop(key) for key in list(found) if key.startswith("own")}
    assert found == {f"{w} {i}": i for w, i in made}, "samples lost, doubled or wrong"
    last = {f"own {w}": max(i for v, i in made if v == w) for w, _ in made}
    assert {key: own[key] for key in last} == last, "a change of a sample is lost"
    assert len(table) == len(found) + len(own), "a sample is there twice"


def _start_columns(tx: Transaction, size: Size) -> None:
    columns = {f"c{w}": vstore.ndarray((), "int64") for w in range(size.writers)}
    table = tx.create_table("t", columns)
    table.extend({name: np.full(size.commits, -1) for name in columns})


def _change_column(tx: Transaction, writer: int, number: int) -> None:
    tx["t"][f"c{writer}"][number] = writer * 10_000 + number


def _check_columns(table: Any, made: Made) -> None:
    for name in table.columns:
        found = table[name][:]
        expected = {i: w * 10_000 + i for w, i in made if name == f"c{w}"}
        wrong = [i for i, value in enumerate(found) if value != expected.get(i, -1)]
        assert not wrong, f"{name} is wrong at {wrong}"


WORKLOADS = {
    "appends": Workload(_start_appends, _append, _check_appends),
    "samples": Workload(_start_samples, _change_samples, _check_samples),
    "columns": Workload(_start_columns, _change_column, _check_columns),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one writer was told about each of its commits, by message."""

    acknowledged: dict[str, Digest]
    uncertain: dict[str, str]
    errors: list[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Race:
    """What came of a race."""

    verdict: Verdict
    errors: list[str]
    uncertain: list[str]
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether every commit was acknowledged, and is there once."""
        return self.verdict.is_clean and not self.errors and not self.uncertain


def write(place: Place, workload: str, writer: int, commits: int) -> Outcome:
    """Make one writer's commits, going on after an error."""
    repository, change = place.open(), WORKLOADS[workload].change
    acknowledged: dict[str, Digest] = {}
    uncertain: dict[str, str] = {}
    errors: list[str] = []
    started = time.monotonic()
    for number in range(commits):
        message = f"{writer} {number}"
        try:
            with repository.transaction("main", message=message) as tx:
                change(tx, writer, number)
        except UnknownOutcomeError as error:
            uncertain[message] = str(error)
        except VstoreError as error:
            errors.append(f"{type(error).__name__}: {error}")
        else:
            made_now = internals(tx).commit_made
            assert made_now is not None
            acknowledged[message] = made_now.id
    return Outcome(acknowledged, uncertain, errors, time.monotonic() - started)


def race(place: Place, workload: str, size: Size, *, through: Place | None = None) -> Race:
    """Let processes race in a new repository, then check all that came of it.

    The processes reach it by `through`, where that is given.
    """
    kind = WORKLOADS[workload]
    repository = create(place)
    with repository.transaction("main", message="Start") as tx:
        kind.start(tx, size)
    outcomes = _run_processes(through or place, workload, size)
    acknowledged = {m: c for outcome in outcomes for m, c in outcome.acknowledged.items()}
    fresh = place.open()
    verdict = judge(
        fresh,
        "main",
        acknowledged=acknowledged,
        uncertain=[message for outcome in outcomes for message in outcome.uncertain],
    )
    errors = [error for outcome in outcomes for error in outcome.errors]
    messages = [commit.message for commit in fresh.log("main") if commit.message != "Start"]
    made = [(int(w), int(i)) for w, i in (message.split() for message in messages)]
    try:
        kind.check(open_at(fresh, "t"), made)
    except AssertionError as error:
        errors.append(f"the contents are wrong: {error}")
    uncertain = [reason for outcome in outcomes for reason in outcome.uncertain.values()]
    return Race(verdict, errors, uncertain, max(outcome.seconds for outcome in outcomes))


def create(place: Place) -> Repository:
    """Create the repository; through the engine that `place` names from then on."""
    vstore.create(place.url, storage_options=place.storage_options)
    return place.open()


def _run_processes(place: Place, workload: str, size: Size) -> list[Outcome]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.races"])
    gate = context.Event()
    pipes, processes = [], []
    for writer in range(size.writers):
        mine, theirs = context.Pipe(duplex=False)
        arguments = (gate, theirs, place, workload, writer, size.commits)
        process = context.Process(target=_contend, args=arguments, daemon=True)
        process.start()
        theirs.close()
        pipes.append(mine)
        processes.append(process)
    gate.set()
    outcomes = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    return outcomes


def _contend(
    gate: Any, answer: Connection, place: Place, workload: str, writer: int, commits: int
) -> None:
    gate.wait()
    answer.send(write(place, workload, writer, commits))
