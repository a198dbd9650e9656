"""Many writers, readers and collections at once: nothing is lost, and no garbage stays."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.faults.audit import heads, reachable
from tests.maintenance.scenes import CHUNK, LENGTH, abandon, new_repository, read_everything
from tests.maintenance.stores import DAY, age, orphans
from vstore import ConflictError, Repository, VstoreError
from vstore.faces import internals
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.store import Key, ObjectStore

WRITERS, READERS = 4, 2
PAUSE_SECONDS = 0.06
"""How long each pauses at most, so that collections keep up with what is committed."""
GRACE = timedelta(milliseconds=60)
SHORT = GcOptions(grace=GRACE, expire=timedelta(0), wait=True, take_over=True)


@contextmanager
def clean_failure_past_the_grace() -> Iterator[None]:
    """Let what took longer than the grace period fail with an error of vstore, and nothing else."""
    began = time.monotonic()
    try:
        yield
    except VstoreError:
        if time.monotonic() - began < GRACE.total_seconds():
            raise


def keep_writing(store: ObjectStore, seed: int, stop: threading.Event) -> list[str]:
    """Commit until told to stop, two to one branch; return what was acknowledged."""
    rng, made = random.Random(seed), list[str]()
    branch = "main" if seed < 2 else f"own-{seed}"
    while not stop.is_set():
        time.sleep(rng.uniform(0, PAUSE_SECONDS))
        repository = Repository(store, author=vstore.Author(f"Writer {seed}"))
        with clean_failure_past_the_grace():
            tx = repository.transaction(branch, message="Write")
            start = CHUNK * rng.randrange(LENGTH // CHUNK)
            tx["x"][start : start + CHUNK] = rng.randrange(4)  # often equal to garbage
            if rng.random() < 0.1:
                internals(tx).staged.flush()
                time.sleep(0.2)  # longer than the grace period
            if rng.random() < 0.2:
                internals(tx).write()
                continue
            with suppress(ConflictError):
                tx.commit()
            made_now = internals(tx).commit_made
            if made_now is not None:
                made.append(made_now.id)
    return made


def keep_reading(store: ObjectStore, stop: threading.Event) -> int:
    reads = 0
    while not stop.is_set():
        with clean_failure_past_the_grace():
            array = Repository(store).checkout("main")["x"]
            assert isinstance(array, vstore.Array)
            assert array[:].shape == (LENGTH,)
            reads += 1
        time.sleep(PAUSE_SECONDS / 4)
    return reads


def keep_branching(store: ObjectStore, stop: threading.Event) -> int:
    """Make branches, commit to them and drop them, which makes the most garbage."""
    made = 0
    while not stop.is_set():
        repository = Repository(store, author=vstore.Author("Brancher"))
        name = f"side-{made}"
        with clean_failure_past_the_grace():
            repository.branches.create(name, at="main")
            with suppress(ConflictError), repository.transaction(name, message="Aside") as tx:
                tx["x"][:CHUNK] = made
        if name in repository.branches:
            repository.branches.delete(name, force=True)
        made += 1
        time.sleep(PAUSE_SECONDS)
    return made


@dataclass(frozen=True, slots=True)
class Beside:
    """What came of collecting beside others; `garbage` is what no ref reaches at the end."""

    made: list[str]
    reads: int
    freed: int
    garbage: set[Key] = field(default_factory=set)


def run_beside(store: ObjectStore, rounds: int) -> Beside:
    """Collect again and again while others write and read."""
    stop, freed = threading.Event(), 0
    with ThreadPoolExecutor(WRITERS + READERS + 1) as pool:
        writers = [pool.submit(keep_writing, store, seed, stop) for seed in range(WRITERS)]
        others: list[Future[int]] = [pool.submit(keep_reading, store, stop) for _ in range(READERS)]
        others.append(pool.submit(keep_branching, store, stop))
        try:
            for _ in range(rounds):
                freed += collect(store, SHORT).freed.objects
                for future in writers:
                    assert not future.done(), future.result()
                for other in others:
                    assert not other.done(), other.result()
        finally:
            stop.set()
    for other in others:
        assert other.result() > 0
    made = [commit for future in writers for commit in future.result()]
    return Beside(made, sum(other.result() for other in others[:READERS]), freed)


def check_beside(repository: Repository, rounds: int) -> Beside:
    """Collect beside others, one of them stopped past the grace period; check all that is left."""
    for name in ("late", *(f"own-{seed}" for seed in range(2, WRITERS))):
        repository.branches.create(name, at="main")
    late = repository.transaction("late", message="Stopped past the grace period")
    late["x"][:CHUNK] = np.arange(CHUNK) * 31
    internals(late).staged.flush()
    internals(late)._writer.finish()
    time.sleep(0.15)
    found = run_beside(repository.store, rounds)
    made = found.made
    with pytest.raises(ConflictError, match="begin another transaction"):
        late.commit()
    assert found.freed > 0
    assert made
    assert set(made) <= all_commits(repository)
    assert len(set(made)) == len(made)
    read_everything(repository.store)
    none = timedelta(0)
    collect(repository.store, GcOptions(grace=none, expire=none, take_over=True))
    assert collect(repository.store, GcOptions(grace=none, expire=none)).freed.objects == 0
    needed = all_commits(repository)
    wanted = reachable(repository.store, heads(Repository(repository.store)).values())
    there = orphans(repository.store)
    assert wanted <= there, "dangling"
    assert there <= wanted, "orphans stay"
    assert read_everything(repository.store) == len(needed)
    return replace(found, garbage=there - wanted)


def all_commits(repository: Repository) -> set[str]:
    found = Repository(repository.store)
    return {commit.id for name in found.branches for commit in found.log(name)}


def test_a_loop_of_collections_beside_writers_and_readers_in_memory() -> None:
    check_beside(new_repository(), rounds=10)


def test_a_loop_of_collections_beside_writers_and_readers_on_disk(tmp_path: Path) -> None:
    check_beside(new_repository(str(tmp_path / "repository")), rounds=6)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["memory", "disk"])
def test_many_collections_beside_writers_and_readers(place: str, tmp_path: Path) -> None:
    url = None if place == "memory" else str(tmp_path / "repository")
    check_beside(new_repository(url), rounds=50)


COLLECT = """
import sys
from datetime import timedelta
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.local import LocalStore
print("ready", flush=True)
sys.stdin.readline()
collect(LocalStore(sys.argv[1]), GcOptions(grace=timedelta(0), take_over=True))
"""


def killed_after(seconds: float, root: str) -> None:
    """Kill a process that collects garbage, without warning."""
    child = subprocess.Popen(
        [sys.executable, "-c", COLLECT, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("\n")
        child.stdin.flush()
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)


def check_kills(root: str, delays: Callable[[], float], kills: int) -> None:
    repository = new_repository(root)
    for number in range(12):
        abandon(repository, number)
    age(repository.store, 3 * DAY)
    for _ in range(kills):
        killed_after(delays(), root)
        assert read_everything(repository.store) == 4
    collect(repository.store, GcOptions(grace=timedelta(0), take_over=True))
    collect(repository.store, GcOptions(grace=timedelta(0)))
    assert len(orphans(repository.store)) == 4 + 3
    assert read_everything(repository.store) == 4


def test_collections_killed_without_warning_leave_a_sound_repository(tmp_path: Path) -> None:
    rng = random.Random(0)
    check_kills(str(tmp_path / "repository"), lambda: rng.uniform(0, 0.15), kills=2)


@pytest.mark.slow
def test_many_collections_killed_without_warning(tmp_path: Path) -> None:
    rng = random.Random(1)
    check_kills(str(tmp_path / "repository"), lambda: rng.uniform(0, 0.25), kills=60)
