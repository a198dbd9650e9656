"""Whatever a program does with its datasets, every epoch is whole and every resume exact.

Random programs of looks, passes, passes that are left, chosen epochs, states saved and loaded
elsewhere, through every kind of reader and loader, on one or two ranks; beside a model that
knows a place in an epoch and nothing else.
"""

import json
import os
import random
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.reader import Reader, packed  # noqa: E402
from vstore.torch import Loader, StreamingDataset  # noqa: E402

SAMPLES, BATCH = 160, 8
BATCHES = SAMPLES // BATCH
RUNS = int(os.environ.get("VSTORE_TEST_RUNS", "12"))
STEPS = 30

OPTIONS: dict[str, Any] = {"shuffle": True, "seed": 11, "window": 64}

LENGTHS = np.random.default_rng(1).integers(1, 9, 3 * SAMPLES)
LENGTHS[-1] += -LENGTHS.sum() % 4
"""Of sequences that make whole blocks of four."""

WAYS: dict[str, dict[str, Any]] = {
    "samples": {"rows": slice(SAMPLES)},
    "samples of similar length": {"rows": slice(SAMPLES), "lengths": LENGTHS[:SAMPLES]},
    "blocks of sequences": {"rows": lambda c: packed(c["tokens"], 4).pick(np.arange(SAMPLES))},
}
"""What is read; whatever it is, its first numbers tell the samples apart."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("machine") / "repo")
    spec = {
        "i": vstore.ndarray((), "int64", rows_per_chunk=8),
        "tokens": vstore.ndarray((None,), "int64", rows_per_chunk=8),
    }
    tokens = np.split(np.arange(LENGTHS.sum()) // 4, np.cumsum(LENGTHS)[:-1])
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", spec)
        made.extend({"i": np.arange(len(LENGTHS)), "tokens": tokens})
    return repo.checkout("main")["t"]


@dataclass
class Kind:
    """A way to read: what is made, and through what it is iterated over."""

    name: str
    workers: int = 0

    def make(self, table: Any, way: str, rank: int, ranks: int) -> Any:
        options = OPTIONS | {"batch_size": BATCH // ranks, "rank": rank, "world_size": ranks}
        options |= WAYS[way]
        if self.name == "Reader":
            return Reader(table, columns(way), **options)
        if self.name == "Loader":
            return Loader(table, columns(way), num_workers=self.workers, **options)
        return StreamingDataset(table, columns(way), **options)

    def through(self, made: Any) -> Any:
        if self.name == "DataLoader":
            return DataLoader(made, batch_size=None, num_workers=self.workers)
        return made

    @property
    def is_blind(self) -> bool:
        """Whether the dataset cannot know how many batches were taken."""
        return self.name == "DataLoader" and self.workers > 0

    def least_counted(self) -> int:
        """Return how many batches make a pass count for certain."""
        return 2 * self.workers + 2 if self.is_blind else 2


KINDS = [
    *(Kind("Reader"), Kind("StreamingDataset"), Kind("DataLoader", 0), Kind("Loader", 0)),
    *(Kind("DataLoader", 1), Kind("DataLoader", 2), Kind("Loader", 1), Kind("Loader", 2)),
]
WEIGHTS = [8, 8, 6, 8, 1, 1, 1, 1]


@dataclass
class Model:
    """Where the next pass begins, and the place that a state tells of, in batches."""

    orders: Any
    upcoming: tuple[int, int] = (0, 0)
    told: tuple[int, int] | None = None

    def rest(self, rank: int, ranks: int) -> list[int]:
        """Return what is left of the upcoming epoch for one rank."""
        epoch, taken = self.upcoming
        parts = self.orders[epoch].reshape(BATCHES, ranks, -1)[taken:, rank]
        return [int(i) for i in parts.reshape(-1)]

    def read(self, batches: int | None) -> None:
        """Take note of a pass that counted, left after some batches or ended."""
        epoch, taken = self.upcoming
        self.told = (epoch, taken + batches) if batches is not None else (epoch + 1, 0)
        self.upcoming = (epoch + 1, 0)

    def go_to(self, epoch: int, taken: int = 0) -> None:
        """Take note of a place that was chosen."""
        self.upcoming, self.told = (epoch, taken), None

    @property
    def place(self) -> tuple[int, int]:
        return self.upcoming if self.told is None else self.told


@dataclass
class Program:
    """A random program, and what it did, for when it fails."""

    table: Any
    way: str
    model: Model
    chance: random.Random
    ranks: int = 1
    kind: Kind = field(default_factory=lambda: KINDS[1])
    made: list[Any] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    taken_last: int | None = None

    def start(self) -> None:
        """Begin with new objects, of any kind, on any number of ranks."""
        for each in self.made:
            if isinstance(each, Loader):
                each.close()
        self.kind = self.chance.choices(KINDS, WEIGHTS)[0]
        self.ranks = self.chance.choice([1, 1, 2])
        ranks = range(self.ranks)
        self.made = [self.kind.make(self.table, self.way, rank, self.ranks) for rank in ranks]
        self.model.go_to(0)
        self.done.append(f"start {self.kind} on {self.ranks} ranks")

    def step(self) -> None:
        steps = [self.read, self.read, self.leave, self.look, self.choose, self.move, self.peek]
        self.chance.choice(steps)()

    def read(self) -> None:
        self.done.append("read an epoch")
        for rank, each in enumerate(self.made):
            assert numbers(self.kind.through(each)) == self.model.rest(rank, self.ranks)
        self.model.read(None)
        self.taken_last = None

    def leave(self) -> None:
        left = BATCHES - self.model.upcoming[1]
        least = self.kind.least_counted()
        if left <= least + 1:
            return
        batches = self.chance.randrange(least, left)
        self.done.append(f"leave after {batches} batches")
        for rank, each in enumerate(self.made):
            expected = self.model.rest(rank, self.ranks)[: batches * BATCH // self.ranks]
            assert some(self.kind.through(each), batches) == expected
        self.model.read(batches)
        self.taken_last = self.model.place[1]

    def look(self) -> None:
        rank = self.chance.randrange(self.ranks)
        if self.model.upcoming[1] + 2 * self.kind.workers + 2 > BATCHES:
            return
        self.done.append(f"rank {rank} looks")
        found = some(self.kind.through(self.made[rank]), 1)
        assert found == self.model.rest(rank, self.ranks)[: BATCH // self.ranks]

    def peek(self) -> None:
        """Look in the middle of a pass of every rank."""
        if self.kind.is_blind or self.model.upcoming[1] + 6 > BATCHES:
            return
        self.done.append("look in the middle")
        for rank, each in enumerate(self.made):
            expected = self.model.rest(rank, self.ranks)
            batches = iter(each)
            found = numbers(islice(batches, 3))
            some(each, 1)
            found += numbers(islice(batches, 1))
            epoch, taken = self.model.upcoming
            state = each.state_dict()
            assert (state["epoch"], state["samples"]) == (epoch, (taken + 4) * BATCH)
            assert found + numbers(batches) == expected
        self.model.read(None)
        self.taken_last = None

    def choose(self) -> None:
        epoch = self.chance.choice([self.model.upcoming[0], self.chance.randrange(6)])
        self.done.append(f"set_epoch({epoch})")
        for each in self.made:
            each.set_epoch(epoch)
        kept = self.model.upcoming if self.model.upcoming[0] == epoch else (epoch, 0)
        self.model.go_to(*kept)
        self.taken_last = None

    def move(self) -> None:
        """Save the state on any rank, and go on elsewhere."""
        state, place = self.state(), self.model.place
        self.start()
        self.done.append(f"load {place}")
        for each in self.made:
            each.load_state_dict(json.loads(json.dumps(state)))
            assert each.state_dict()["samples"] == place[1] * BATCH
        self.model.go_to(*place)
        self.taken_last = None

    def state(self) -> Any:
        each = self.chance.choice(self.made)
        if not self.kind.is_blind:
            assert each.epoch == self.model.place[0]
            return each.state_dict()
        if self.taken_last is not None:
            return each.state_dict(self.taken_last)
        for other in self.made:
            other.set_epoch(self.model.place[0])
        self.model.go_to(*self.model.place)
        return each.state_dict()


def columns(way: str) -> list[str]:
    return ["tokens"] if way.startswith("blocks") else ["i"]


def numbers(batches: Any) -> list[int]:
    found = []
    for batch in batches:
        first = batch["i"] if "i" in batch else batch["tokens"][:, 0]
        found += [int(i) for i in first]
    return found


def some(batches: Any, count: int) -> list[int]:
    iterator = iter(batches)
    if hasattr(iterator, "close"):
        with closing(iterator):
            return numbers(islice(iterator, count))
    return numbers(islice(iterator, count))


@pytest.fixture(scope="module")
def orders(table: Any) -> dict[str, list[Any]]:
    epochs = range(6 + STEPS + 1)
    readers = {way: Kind("Reader").make(table, way, 0, 1) for way in WAYS}
    return {way: [made.order(epoch) for epoch in epochs] for way, made in readers.items()}


@pytest.mark.parametrize("seed", range(RUNS))
def test_every_epoch_is_whole_and_every_resume_exact(
    table: Any, orders: dict[str, list[Any]], seed: int
) -> None:
    way = list(WAYS)[seed % len(WAYS)]
    assert all(sorted(order) == list(range(SAMPLES)) for order in orders[way])
    program = Program(table, way, Model(orders[way]), random.Random(seed))
    program.start()
    try:
        for _ in range(STEPS):
            program.step()
    except AssertionError as error:
        error.add_note("\n".join(program.done))
        raise
    finally:
        for each in program.made:
            if isinstance(each, Loader):
                each.close()
