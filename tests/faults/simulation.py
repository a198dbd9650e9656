"""What simulated clients do to one repository, and what must be true whatever happens."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import vstore
from tests.faults.audit import heads, open_at, reachable, verify_all
from tests.faults.scheduler import Chances, Died, Scheduler
from vstore import Repository
from vstore.errors import (
    AlreadyExistsError,
    ConflictError,
    StorageError,
    UnknownOutcomeError,
)
from vstore.faces import internals
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import BranchDocument
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.store import Key

AUTHOR = vstore.Author("Client", "client@example.org")
BRANCHES = ("main", "side")
OBJECTS = ("commits/", "index/", "packs/")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that was acknowledged: between two steps its branch pointed to it."""

    branch: str
    message: str
    id: str
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The head of a branch as a client saw it at some step between two."""

    branch: str
    id: str | None
    began: int
    ended: int


@dataclass
class Ledger:
    """What all clients were told."""

    commits: list[Commit] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    collections: int = 0


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation came to."""

    steps: int
    commits: int
    uncertain: int
    refused: int
    deaths: int


def simulate(
    seed: int,
    *,
    clients: int = 4,
    operations: int = 5,
    chances: Chances | None = None,
    collects: bool = False,
) -> Simulated:
    """Run clients in an order that `seed` decides; raise AssertionError naming it otherwise."""
    scheduler, ledger = Scheduler(seed, chances or Chances()), Ledger()
    _prepare(Repository(scheduler.store, author=AUTHOR))
    scheduler.note_refs()
    deaths: list[int] = []
    kinds = [_append, _append, _append, _put, _merge, _tag, _look, _read]
    if collects:
        kinds += [_collect]

    def live(scheduler: Scheduler, number: int) -> None:
        repository = Repository(scheduler.open(number), author=AUTHOR)
        for count in range(operations):
            kind = scheduler.random.choice(kinds)
            try:
                kind(scheduler, repository, ledger, f"{number} {count}")
            except Died:
                deaths.append(scheduler.step)
                repository = Repository(scheduler.open(number), author=AUTHOR)
            except StorageError:
                continue

    for _ in range(clients):
        scheduler.add(live)
    try:
        scheduler.run()
        _check(scheduler, ledger)
    except BaseException as error:
        error.add_note(f"simulate(seed={seed}, clients={clients}, operations={operations})")
        raise
    uncertain, refused = len(ledger.uncertain), len(ledger.refused)
    return Simulated(scheduler.step, len(ledger.commits), uncertain, refused, len(deaths))


def _prepare(repository: Repository) -> None:
    with repository.transaction("main", message="Start") as tx:
        tx.create_table("t", {"token": vstore.text()})
        tx.create_table("k", {"n": vstore.ndarray((), "int64")}, keys="str")
    repository.branches.create("side", at="main")


def _commit(
    scheduler: Scheduler, ledger: Ledger, branch: str, message: str, make: Callable[[], Any]
) -> None:
    """Make a commit and write down what the client was told of it."""
    began = scheduler.step
    try:
        made = make()
    except UnknownOutcomeError:
        ledger.uncertain.append(message)
    except Died:
        ledger.uncertain.append(message)
        raise
    except (ConflictError, StorageError):
        ledger.refused.append(message)
    else:
        if made is not None:
            ledger.commits.append(Commit(branch, message, made.id, began, scheduler.step))


def _append(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    branch, message = scheduler.random.choice(BRANCHES), f"append {name}"

    def make() -> Any:
        with repository.transaction(branch, message=message) as tx:
            tx["t"].extend({"token": [message]})
        return internals(tx).commit_made

    _commit(scheduler, ledger, branch, message, make)


def _put(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    branch, message = scheduler.random.choice(BRANCHES), f"put {name}"

    def make() -> Any:
        with repository.transaction(branch, message=message) as tx:
            tx["k"].extend({"n": [1]}, keys=[message])
        return internals(tx).commit_made

    _commit(scheduler, ledger, branch, message, make)


def _merge(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    theirs, ours = scheduler.random.sample(BRANCHES, 2)
    message = f"merge {name}"

    def make() -> Any:
        merged = repository.merge(theirs, into=ours, message=message)
        return merged.commit if merged.kind == "merge" else None

    _commit(scheduler, ledger, ours, message, make)


def _tag(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    tag = f"tag-{scheduler.random.randrange(3)}"
    try:
        made = repository.tags.create(tag, at=scheduler.random.choice(BRANCHES))
    except (AlreadyExistsError, UnknownOutcomeError, ConflictError):
        return
    assert tag not in ledger.tags, f"{tag} was created twice"
    ledger.tags[tag] = made


def _look(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    branch, began = scheduler.random.choice(BRANCHES), scheduler.step
    ledger.seen.append(Seen(branch, repository.branches[branch], began, scheduler.step))


def _read(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    check_contents(repository, repository.branches[scheduler.random.choice(BRANCHES)])


def _collect(scheduler: Scheduler, repository: Repository, ledger: Ledger, name: str) -> None:
    options = GcOptions(grace=timedelta(0), expire=timedelta(0), take_over=True)
    try:
        collect(repository.store, options)
    except (ConflictError, UnknownOutcomeError):
        return
    ledger.collections += 1


def check_contents(repository: Repository, commit: str) -> None:
    """Check that a commit holds what the commits before it added, each once, and no more."""
    messages = [found.message for found in repository.log(commit)]
    expected = Counter(message for message in messages if message.startswith("append"))
    tokens = Counter(open_at(repository, "t", commit)["token"][:].tolist())
    assert tokens == expected, "rows are lost or doubled"
    keyed = sorted(message for message in messages if message.startswith("put"))
    assert sorted(open_at(repository, "k", commit).sample_keys().tolist()) == keyed


def _check(scheduler: Scheduler, ledger: Ledger) -> None:
    repository = Repository(scheduler.store, author=AUTHOR)
    verify_all(repository)
    messages: Counter[str] = Counter()
    known: dict[str, str] = {}
    for branch in BRANCHES:
        check_contents(repository, repository.branches[branch])
        known |= {found.id: found.message for found in repository.log(branch)}
    messages.update(known.values())
    for branch in BRANCHES:
        within = {found.id for found in repository.log(branch)}
        lost = [c for c in ledger.commits if c.branch == branch and c.id not in within]
        assert not lost, f"acknowledged and lost: {lost}"
    assert not [m for m, count in messages.items() if count > 1], "a commit was made twice"
    there = messages.keys() & set(ledger.refused)
    assert not there, f"refused and yet there: {there}"
    for tag, commit in ledger.tags.items():
        assert repository.tags[tag] == commit, "a tag moved"
    _check_order(scheduler, repository, ledger)
    if ledger.collections:
        _check_collectable(repository)


def _check_order(scheduler: Scheduler, repository: Repository, ledger: Ledger) -> None:
    """Check that the heads were what clients saw and made, when they did, each on the last."""
    moves = {branch: _moves(scheduler, object_keys.branch(branch)) for branch in BRANCHES}
    for branch, log in moves.items():
        for (_, old), (_, new) in pairwise(log):
            ancestors = {found.id for found in repository.log(new)}
            assert old in ancestors, f"{branch} moved to a commit that does not hold the last"
    for made in ledger.commits:
        assert _was(moves[made.branch], made.id, made), f"{made} was not the head meanwhile"
    for seen in ledger.seen:
        assert _was(moves[seen.branch], seen.id, seen), f"{seen} was not the head meanwhile"


def _moves(scheduler: Scheduler, key: Key) -> list[tuple[int, str]]:
    log: list[tuple[int, str]] = []
    for step, data in scheduler.refs.get(key, []):
        if data is not None:
            commit = commits.decode(data, BranchDocument, what=key).commit
            if not log or log[-1][1] != commit:
                log.append((step, commit))
    return log


def _was(log: list[tuple[int, str]], commit: str | None, during: Commit | Seen) -> bool:
    """Tell whether a branch pointed to a commit at some step of an operation."""
    for i, (step, value) in enumerate(log):
        until = log[i + 1][0] if i + 1 < len(log) else during.ended
        if value == commit and step <= during.ended and until >= during.began:
            return True
    return False


def _check_collectable(repository: Repository) -> None:
    options = GcOptions(grace=timedelta(0), expire=timedelta(0), take_over=True)
    for _ in range(2):
        collect(repository.store, options)
    there = {info.key for prefix in OBJECTS for info in repository.store.list_prefix(prefix)}
    assert there == reachable(repository.store, heads(repository).values())
