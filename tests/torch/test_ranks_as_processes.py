"""Ranks that a program starts itself, from a dataset that it made before."""

import multiprocessing
import os
import pickle
from typing import Any

import numpy as np
import pytest

import vstore
from tests.patience import PATIENCE_SECONDS

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.torch import Loader, StreamingDataset  # noqa: E402

SAMPLES, BATCH, RANKS = 160, 8, 2
OPTIONS: dict[str, Any] = {"batch_size": BATCH // RANKS, "shuffle": True, "seed": 4}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("ranks") / "repo")
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((), "int64", rows_per_chunk=16)})
        made.extend({"i": np.arange(SAMPLES)})
    return repo.checkout("main")["t"]


def numbers(batches: Any) -> list[int]:
    return [int(i) for batch in batches for i in batch["i"]]


def train(rank: int, dataset: Any, workers: int | None, turn: Any, found: Any) -> None:
    """Read three epochs, when it is this rank's turn."""
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(RANKS))
    loader = dataset
    if workers is not None:
        loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    turn.wait()
    found.put((rank, [numbers(loader) for _ in range(3)]))


def run(dataset: Any, workers: int | None, context: str) -> list[dict[int, list[int]]]:
    """Return what two ranks read in three epochs, one rank after the other."""
    started: Any = multiprocessing.get_context(context)
    turns = [started.Event() for _ in range(RANKS)]
    found = started.Queue()
    ranks = [
        started.Process(target=train, args=(rank, dataset, workers, turns[rank], found))
        for rank in range(RANKS)
    ]
    for each in ranks:
        each.start()
    results = {}
    for turn in turns:
        turn.set()
        rank, epochs = found.get(timeout=PATIENCE_SECONDS)
        results[rank] = epochs
    for each in ranks:
        each.join()
    return [{rank: results[rank][epoch] for rank in results} for epoch in range(3)]


@pytest.mark.parametrize("workers", [None, 0, 2])
@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_ranks_started_by_the_program_read_the_same_epochs(
    table: Any, context: str, workers: int | None
) -> None:
    dataset = StreamingDataset(table, ["i"], **OPTIONS)
    next(iter(dataset))
    epochs = run(dataset, workers, context)
    for epoch in epochs:
        assert sorted(epoch[0] + epoch[1]) == list(range(SAMPLES))
    assert epochs[0] != epochs[1] != epochs[2]
    assert dataset.epoch == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_so_do_those_that_are_given_a_loader(table: Any, workers: int) -> None:
    loader = Loader(table, ["i"], num_workers=workers, **OPTIONS)
    for epoch in run(loader, None, "fork"):
        assert sorted(epoch[0] + epoch[1]) == list(range(SAMPLES))


def test_a_copy_begins_where_the_original_was_and_goes_on_alone(table: Any) -> None:
    dataset = StreamingDataset(table, ["i"], **OPTIONS)
    for taken, _ in enumerate(dataset, start=1):
        if taken == 5:
            break
    state = dataset.state_dict()
    dataset.load_state_dict(state)
    copy = pickle.loads(pickle.dumps(dataset))
    rest = numbers(dataset)
    numbers(dataset)
    assert copy.epoch == 0
    assert numbers(copy) == rest
    assert copy.epoch == 1
    assert dataset.epoch == 2
