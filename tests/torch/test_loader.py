"""The loader knows its place, with any number of worker processes."""

import json
from itertools import islice
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch import distributed  # noqa: E402

from vstore.reader import Mixture  # noqa: E402
from vstore.torch import Loader, StreamingDataset  # noqa: E402

SAMPLES, BATCH = 240, 8


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("loader") / "repo")
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((), "int64", rows_per_chunk=16)})
        made.extend({"i": np.arange(SAMPLES)})
    return repo.checkout("main")["t"]


def loader(data: Any, **options: Any) -> Loader:
    return Loader(data, ["i"], **{"batch_size": BATCH, "shuffle": True} | options)


def numbers(batches: Any) -> list[int]:
    return [int(i) for batch in batches for i in batch["i"].reshape(-1)]


@pytest.fixture(scope="module")
def epochs(table: Any) -> list[list[int]]:
    stream = StreamingDataset(table, ["i"], batch_size=BATCH, shuffle=True)
    return [numbers(stream) for _ in range(3)]


def saved(state: Any) -> Any:
    return json.loads(json.dumps(state))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_number_of_workers_gives_the_same_epochs(
    table: Any, epochs: list[list[int]], workers: int
) -> None:
    with loader(table, num_workers=workers) as made:
        assert [numbers(made) for _ in range(3)] == epochs
        assert made.epoch == 3
        made.set_epoch(1)
        assert numbers(made) == epochs[1]
        assert numbers(iter(made)) == epochs[2]


def test_it_goes_on_at_every_batch_with_other_workers(table: Any, epochs: list[list[int]]) -> None:
    with loader(table, num_workers=2) as first, loader(table) as second:
        third = loader(table, num_workers=1)
        for taken in (0, 1, 2, 7, 29, 30):
            first.set_epoch(1)
            batches = iter(first)
            start = numbers(islice(batches, taken))
            state = saved(first.state_dict())
            for other in (second, third):
                other.load_state_dict(state)
                other.set_epoch(1)
                assert start + numbers(other) == epochs[1]
            del batches
        third.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_looks_leave_no_trace(table: Any, epochs: list[list[int]], workers: int) -> None:
    with loader(table, num_workers=workers) as made:
        next(iter(made))
        assert made.state_dict()["samples"] == 0
        batches, given = iter(made), []
        for taken in range(1, 7):
            given += numbers([next(batches)])
            next(iter(made))
            assert (made.epoch, made.state_dict()["samples"]) == (0, taken * BATCH)
        assert given + numbers(batches) == epochs[0]
        assert numbers(made) == epochs[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pass_that_is_left_is_over(table: Any, epochs: list[list[int]], workers: int) -> None:
    with loader(table, num_workers=workers) as made:
        for batches in islice(iter(made), 3):
            del batches
        state = saved(made.state_dict())
        assert numbers(made) == epochs[1]
        made.load_state_dict(state)
        assert numbers(made) == epochs[0][3 * BATCH :]


@pytest.mark.parametrize("data", [1, 2])
def test_single_samples_resume_with_workers(table: Any, data: int) -> None:
    source = table if data == 1 else Mixture([table, table], [1, 3])
    expected = numbers(loader(source, batch_size=None))
    with loader(source, batch_size=None, num_workers=2) as made:
        assert numbers(made) == expected
        made.set_epoch(0)
        start = numbers(islice(iter(made), 101))
        state = saved(made.state_dict())
    again = loader(source, batch_size=None)
    again.load_state_dict(state)
    assert start + numbers(again) == expected


def test_states_of_datasets_and_loaders_are_alike(table: Any, epochs: list[list[int]]) -> None:
    dataset = StreamingDataset(table, ["i"], batch_size=BATCH, shuffle=True)
    start = numbers(islice(iter(dataset), 5))
    with loader(table, num_workers=2) as made:
        made.load_state_dict(saved(dataset.state_dict()))
        assert start + numbers(made) == epochs[0]


def test_ranks_share_an_epoch(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with loader(table, num_workers=2) as made:
        monkeypatch.setenv("WORLD_SIZE", "2")
        found = []
        for rank in ("0", "1"):
            monkeypatch.setenv("RANK", rank)
            made.set_epoch(0)
            found += numbers(made)
        assert sorted(found) == list(range(SAMPLES))


def test_an_error_in_a_worker_comes_here_and_the_next_pass_works(table: Any) -> None:
    def picky(i: Any) -> Any:
        if i == 100:
            raise ValueError("this one not")
        return i

    with loader(table, num_workers=1, transforms={"i": picky}) as made:
        for _ in range(2):
            with pytest.raises(ValueError, match="this one not"):
                numbers(made)


@pytest.mark.parametrize("kind", [Loader, StreamingDataset])
def test_ranks_that_would_read_different_epochs_are_noticed(
    table: Any, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = distributed.HashStore()  # type: ignore[attr-defined]
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.distributed_c10d._get_default_store", lambda: store)
    monkeypatch.setattr(distributed, "get_rank", lambda: 0)
    first = kind(table, ["i"], batch_size=BATCH)
    found = numbers(first)
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    second = kind(table, ["i"], batch_size=BATCH)
    assert sorted(found + numbers(second)) == list(range(SAMPLES))
    second.set_epoch(5)
    numbers(second)
    first.set_epoch(1)
    next(iter(first))
    with pytest.raises(vstore.InvalidInputError, match=r"epoch 1 in its pass 2 .* epoch 5"):
        numbers(first)


@pytest.mark.parametrize("workers", [0, 1])
def test_workers_leave_the_form_of_a_batch_alone(table: Any, workers: int) -> None:
    def dated(batch: Any) -> Any:
        return batch["i"], batch["i"].numpy().astype("datetime64[D]")

    with loader(table, num_workers=workers, collate=dated) as made:
        batch = next(iter(made))
    assert isinstance(batch, tuple)
    assert (batch[0].numpy().astype("datetime64[D]") == batch[1]).all()
