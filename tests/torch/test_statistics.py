"""What reading has cost counts worker processes, however they are started and end."""

import pickle
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.torch import Loader, StreamingDataset, make_torch_dataset  # noqa: E402

SAMPLES, ROWS = 240, 8
CHUNKS = SAMPLES // ROWS


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("statistics") / "repo")
    with repo.transaction("main", message="Count") as tx:
        spec = {"i": vstore.ndarray((), "int64", rows_per_chunk=ROWS)}
        tx.create_table("t", spec).extend({"i": np.arange(SAMPLES)})
    return repo.checkout("main")["t"]


def picky(i: int) -> int:
    """Fail for every tenth sample."""
    return 1 // int(i % 10 != 3) * i


def count(batches: Any) -> int:
    return sum(len(batch["i"]) for batch in batches)


@pytest.mark.parametrize("batch_size", [12, None])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    "context", ["fork", *(pytest.param(c, marks=pytest.mark.slow) for c in ("spawn", "forkserver"))]
)
def test_workers_of_a_dataloader_count(
    table: Any, batch_size: int | None, context: str, persistent: bool
) -> None:
    dataset = StreamingDataset(
        table, batch_size=batch_size, shuffle=True, transforms={"i": picky}, on_error="skip"
    )
    list(dataset)
    before = dataset.statistics
    assert before.samples_skipped == SAMPLES // 10
    assert before.chunks_loaded == CHUNKS
    loader = DataLoader(
        dataset,
        batch_size=None if batch_size else 12,
        num_workers=2,
        multiprocessing_context=context,
        persistent_workers=persistent,
    )
    for epochs in (2, 3, 4):
        assert count(loader) == SAMPLES * 9 // 10
        assert dataset.statistics.samples_skipped == epochs * SAMPLES // 10
    after = dataset.statistics
    chunks = [each.chunks_loaded + each.chunks_found for each in (before, after)]
    assert chunks[1] - chunks[0] >= 3 * CHUNKS  # a chunk of which both have samples counts twice
    assert after.chunks_loaded > before.chunks_loaded
    assert after.requests > before.requests
    assert after.waited_seconds > before.waited_seconds


@pytest.mark.parametrize("batch_size", [12, None])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_of_a_loader_count(table: Any, batch_size: int | None, workers: int) -> None:
    loader = Loader(
        table, batch_size=batch_size, shuffle=True, transforms={"i": picky}, on_error="skip",
        num_workers=workers,
    )  # fmt: skip
    kept = SAMPLES * 9 // 10
    for epochs in (1, 2):
        given = list(loader)
        assert sum(each["i"].numel() for each in given) == kept
        assert loader.statistics.samples_skipped == epochs * SAMPLES // 10
    loader.close()
    assert loader.statistics.chunks_loaded >= CHUNKS
    list(loader)
    assert loader.statistics.samples_skipped == 3 * SAMPLES // 10


@pytest.mark.parametrize("workers", [0, 2])
def test_single_samples_left_out_move_a_place_of_a_loader(table: Any, workers: int) -> None:
    def loader(number: int) -> Loader:
        return Loader(
            table, batch_size=None, shuffle=True, transforms={"i": picky}, on_error="skip",
            num_workers=number,
        )  # fmt: skip

    expected = [int(each["i"]) for each in loader(0)]
    first, second = loader(workers), loader(2 - workers)
    samples = iter(first)
    begun = [int(next(samples)["i"]) for _ in range(50)]
    second.load_state_dict(first.state_dict())
    assert begun + [int(each["i"]) for each in second] == expected


def test_a_number_of_samples_is_no_place_where_some_are_left_out(table: Any) -> None:
    dataset = StreamingDataset(table, batch_size=None, on_error="skip", transforms={"i": picky})
    samples = iter(dataset)
    begun = [int(next(samples)["i"]) for _ in range(30)]
    with pytest.raises(vstore.InvalidInputError, match="skipped"):
        dataset.state_dict(30)
    again = StreamingDataset(table, batch_size=None, on_error="skip", transforms={"i": picky})
    again.load_state_dict(dataset.state_dict())
    rest = [int(each["i"]) for each in again]
    assert begun + rest == [i for i in range(SAMPLES) if i % 10 != 3]


def test_workers_of_samples_by_position_count(table: Any) -> None:
    dataset = make_torch_dataset([table["i"]])
    list(DataLoader(dataset, batch_size=12, num_workers=2, shuffle=True))
    assert dataset.statistics.chunks_loaded >= CHUNKS
    before = dataset.statistics
    dataset[0]
    assert dataset.statistics.chunks_loaded == before.chunks_loaded + 1


def test_two_passes_at_a_time_count_both(table: Any) -> None:
    dataset = StreamingDataset(table, batch_size=12)
    for _ in zip(dataset, dataset, strict=True):
        pass
    assert dataset.statistics.chunks_loaded == 2 * CHUNKS
    list(dataset)
    counted = dataset.statistics.chunks_loaded + dataset.statistics.chunks_found
    assert counted == 3 * CHUNKS


def test_a_copy_counts_for_itself(table: Any) -> None:
    dataset = StreamingDataset(table, batch_size=12)
    list(DataLoader(dataset, batch_size=None, num_workers=1))
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.statistics.chunks_loaded == 0
    list(DataLoader(copy, batch_size=None, num_workers=1))
    assert copy.statistics.chunks_loaded == dataset.statistics.chunks_loaded == CHUNKS
