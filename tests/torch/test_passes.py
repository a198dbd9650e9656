"""Each pass over a dataset is one epoch for all its workers, however it was looked at before."""

import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.reader import Reader  # noqa: E402
from vstore.torch import StreamingDataset  # noqa: E402

SAMPLES, BATCH = 240, 8
BATCHES = SAMPLES // BATCH


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("passes") / "repo")
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((), "int64", rows_per_chunk=16)})
        made.extend({"i": np.arange(SAMPLES)})
    return repo.checkout("main")["t"]


def streaming(table: Any, **options: Any) -> StreamingDataset:
    return StreamingDataset(table, ["i"], **{"batch_size": BATCH, "shuffle": True} | options)


def loader(dataset: Any, workers: int, **options: Any) -> Any:
    return DataLoader(dataset, batch_size=None, num_workers=workers, **options)


def numbers(batches: Any) -> list[int]:
    return [int(i) for batch in batches for i in batch["i"]]


def epochs(table: Any, count: int) -> list[list[int]]:
    stream = streaming(table)
    return [numbers(stream) for _ in range(count)]


def look(dataset: StreamingDataset) -> None:
    next(iter(dataset))


def look_with_workers(dataset: StreamingDataset) -> None:
    next(iter(loader(dataset, 2)))


def leave_before_any_batch(dataset: StreamingDataset) -> None:
    iter(loader(dataset, 2))


@pytest.mark.parametrize("before", [look, look_with_workers, leave_before_any_batch])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_look_leaves_the_epoch_to_the_pass_that_trains(
    table: Any, before: Callable[[StreamingDataset], None], workers: int
) -> None:
    expected = epochs(table, 2)
    dataset = streaming(table)
    before(dataset)
    assert [numbers(loader(dataset, workers)) for _ in range(2)] == expected


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("counts", [(1, 2), (2, 4), (0, 3), (3, 0)])
def test_any_number_of_workers_reads_the_next_epoch(table: Any, counts: tuple[int, int]) -> None:
    dataset = streaming(table)
    found = [numbers(loader(dataset, workers)) for workers in counts]
    assert found == epochs(table, 2)


def test_a_pass_that_is_left_later_is_an_epoch_that_is_over(table: Any) -> None:
    dataset = streaming(table)
    for _ in zip(range(5), dataset, strict=False):
        pass
    assert numbers(dataset) == epochs(table, 2)[1]
    persistent = loader(streaming(table), 2, persistent_workers=True)
    for _ in zip(range(12), persistent, strict=False):
        pass
    assert numbers(persistent) == epochs(table, 2)[1]


def test_a_look_in_mid_epoch_changes_neither_order_nor_state(table: Any) -> None:
    dataset = streaming(table)
    batches, given = iter(dataset), []
    for i in range(6):
        given += numbers([next(batches)])
        look(dataset)
        state = dataset.state_dict()
        resumed = streaming(table)
        resumed.load_state_dict(json.loads(json.dumps(state)))
        assert given + numbers(resumed) == epochs(table, 1)[0], i
    assert given + numbers(batches) == epochs(table, 1)[0]
    assert dataset.epoch == 1


@pytest.mark.parametrize("kind", [StreamingDataset, Reader])
def test_choosing_the_epoch_that_was_loaded_keeps_the_place(table: Any, kind: Any) -> None:
    def make() -> Any:
        return kind(table, ["i"], batch_size=BATCH, shuffle=True)

    first = make()
    first.set_epoch(2)
    batches = iter(first)
    start = numbers(next(batches) for _ in range(4))
    second = make()
    second.load_state_dict(first.state_dict())
    found = []
    for epoch in (2, 3):
        second.set_epoch(epoch)
        assert second.epoch == epoch
        found.append(numbers(second))
    expected = epochs(table, 4)
    assert [start + found[0], found[1]] == expected[2:]


def test_batches_are_counted_from_the_beginning_of_the_epoch(table: Any) -> None:
    first = streaming(table)
    start = numbers(batch for _, batch in zip(range(7), loader(first, 2), strict=False))
    second = streaming(table)
    second.load_state_dict(first.state_dict(7))
    middle = numbers(batch for _, batch in zip(range(5), loader(second, 2), strict=False))
    third = streaming(table)
    third.load_state_dict(second.state_dict(12))
    assert start + middle + numbers(third) == epochs(table, 1)[0]
    for cannot_be in (-1, 2.5, 6, BATCHES + 1, True):
        with pytest.raises(vstore.InvalidInputError):
            second.state_dict(cannot_be)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"batch_size": 4}])
def test_batches_of_batches_are_refused(table: Any, options: dict[str, Any]) -> None:
    with pytest.raises(vstore.InvalidInputError, match="batch_size=None"):
        next(iter(DataLoader(streaming(table), **options)))


def test_the_rank_is_that_of_the_moment(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = streaming(table)
    monkeypatch.setenv("WORLD_SIZE", "2")
    parts = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        parts += numbers(loader(dataset, 2 * int(rank)))
        dataset.set_epoch(0)
    assert len(dataset) == BATCHES // 2
    assert sorted(parts) == list(range(SAMPLES))


@pytest.mark.parametrize(
    ("set_by_launcher", "rank"),
    [
        ({"LOCAL_RANK": "1"}, 1),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, 1),
        ({"LOCAL_RANK": "1", "NODE_RANK": "2", "LOCAL_WORLD_SIZE": "2"}, 5),
        ({"LOCAL_RANK": "1", "NODE_RANK": "2"}, None),
        ({}, None),
        ({"RANK": "6"}, None),
    ],
)
def test_what_launchers_set_is_understood_or_refused(
    table: Any, monkeypatch: pytest.MonkeyPatch, set_by_launcher: dict[str, str], rank: int | None
) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "6")
    for name, value in set_by_launcher.items():
        monkeypatch.setenv(name, value)
    if rank is None:
        with pytest.raises(vstore.InvalidInputError, match="rank"):
            streaming(table)
        return
    expected = streaming(table, rank=rank, world_size=6).order(0)
    assert streaming(table).order(0).tolist() == expected.tolist()


def test_nothing_is_left_in_the_temporary_folder(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dataset = streaming(table)
    numbers(loader(dataset, 2))
    assert any(tmp_path.glob("vstore-*"))
    del dataset
    assert not any(tmp_path.glob("vstore-*"))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [None, 1, 32])
def test_single_samples_go_through_any_loader(
    table: Any, workers: int, batch_size: int | None
) -> None:
    dataset = streaming(table, batch_size=None)
    assert len(dataset) == SAMPLES
    for epoch in range(2):
        batches = list(DataLoader(dataset, batch_size=batch_size, num_workers=workers))
        found = torch.cat([batch["i"].reshape(-1) for batch in batches]).tolist()
        assert sorted(found) == list(range(SAMPLES))
        if not workers:
            assert found == dataset.order(epoch).tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_look_at_a_batch_of_single_samples_leaves_no_trace(table: Any, workers: int) -> None:
    def loader() -> Any:
        return DataLoader(dataset, batch_size=16, num_workers=workers)

    dataset = streaming(table, batch_size=None, transforms={"i": abs})  # brings fewer together
    expected = [numbers(loader()) for _ in range(2)]
    dataset.set_epoch(0)
    next(iter(loader()))
    assert numbers(loader()) == expected[0]
    next(iter(loader()))
    assert numbers(loader()) == expected[1]
    state = dataset.state_dict() if not workers else None
    next(iter(loader()))
    assert state is None or dataset.state_dict() == state


@pytest.mark.parametrize("factor", [1, 4])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_look_leaves_no_trace_however_far_workers_are_ahead(
    table: Any, workers: int, factor: int, persistent: bool
) -> None:
    for batch_size, samples in ((BATCH, SAMPLES), (None, 50)):
        dataset = streaming(table, batch_size=batch_size, rows=slice(samples))
        expected = [dataset.order(epoch).tolist() for epoch in range(2)]
        through = DataLoader(
            dataset,
            batch_size=None if batch_size else 5,
            num_workers=workers,
            prefetch_factor=factor,
            persistent_workers=persistent,
        )
        for order in expected:
            for _ in range(2):
                next(iter(through))
            found = numbers(through)
            assert sorted(found) == sorted(order)
            assert batch_size is None or found == order
        assert dataset._passes.place.read()[1].epoch == 2


@pytest.mark.parametrize("samples", [1, 5, 6, 11, 21])
@pytest.mark.parametrize("workers", [1, 2])
def test_few_batches_are_an_epoch_too(table: Any, samples: int, workers: int) -> None:
    for batch_size in (5, None):
        dataset = streaming(table, batch_size=batch_size, rows=slice(samples))
        for epoch in range(3):
            found = numbers(
                DataLoader(dataset, batch_size=None if batch_size else 5, num_workers=workers)
            )
            assert found == dataset.order(epoch).tolist()


def test_a_worker_that_begins_late_reads_the_epoch_of_the_others(
    table: Any, tmp_path: Path
) -> None:
    def wait(worker: int) -> None:
        while worker and not (tmp_path / "go").exists():
            time.sleep(0.01)

    dataset = streaming(table)
    batches = iter(loader(dataset, 2, worker_init_fn=wait, multiprocessing_context="fork"))
    found = numbers([next(batches)])
    assert numbers(dataset) == dataset.order(0).tolist()
    (tmp_path / "go").touch()
    assert found + numbers(batches) == dataset.order(0).tolist()


@pytest.mark.parametrize("batch_size", [BATCH, None])
@pytest.mark.parametrize("looks", [1, 3])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_look_keeps_a_place_that_worker_processes_loaded(
    table: Any, batch_size: int | None, looks: int, persistent: bool
) -> None:
    loaders = pytest.importorskip("torchdata.stateful_dataloader")

    def loader() -> Any:
        dataset = streaming(table, batch_size=batch_size)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*set_vital.*")
            return loaders.StatefulDataLoader(
                dataset,
                batch_size=None if batch_size else 10,
                num_workers=2,
                persistent_workers=persistent,
            )

    first = loader()
    whole = numbers(first)
    assert sorted(whole) == list(range(SAMPLES))
    batches = iter(first)
    begun = numbers(next(batches) for _ in range(4))
    second = loader()
    second.load_state_dict(first.state_dict())
    for _ in range(looks):
        next(iter(second))
    assert sorted(begun + numbers(second)) == list(range(SAMPLES))
    assert sorted(numbers(second)) == list(range(SAMPLES))
    assert numbers(second) != numbers(second)


def test_single_samples_of_workers_are_no_place(table: Any) -> None:
    dataset = streaming(table, batch_size=None)
    next(iter(DataLoader(dataset, batch_size=32, num_workers=2)))
    for batches in (None, 32):
        with pytest.raises(vstore.InvalidInputError, match="StatefulDataLoader"):
            dataset.state_dict(batches)


def test_single_samples_resume_through_a_loader_without_workers(table: Any) -> None:
    dataset = streaming(table, batch_size=None)
    expected = dataset.order(0).tolist()
    batches = iter(DataLoader(dataset, batch_size=32))
    start = numbers(next(batches) for _ in range(3))
    again = streaming(table, batch_size=None)
    again.load_state_dict(dataset.state_dict())
    assert start + numbers(DataLoader(again, batch_size=32)) == expected
    assert dataset.state_dict(96) == dataset.state_dict()
