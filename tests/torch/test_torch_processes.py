"""PyTorch datasets in worker processes and on several ranks."""

import copy
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, DistributedSampler  # noqa: E402

from vstore.reader import Mixture  # noqa: E402
from vstore.torch import StreamingDataset, make_torch_dataset  # noqa: E402
from vstore.torch.tensors import pinned  # noqa: E402

SAMPLES, ROWS = 200, 8
CHUNKS = SAMPLES // ROWS


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("processes") / "repo")
    with repo.transaction("main", message="Add samples") as tx:
        spec = {
            "label": vstore.ndarray((), "int64", rows_per_chunk=ROWS),
            "text": vstore.text(rows_per_chunk=ROWS).as_optional(),
        }
        made = tx.create_table("train", spec)
        for i in range(SAMPLES):
            made.append({"label": i, "text": str(i)} if i % 5 else {"label": i})
    return repo.checkout("main")["train"]


def streaming(table: Any, **options: Any) -> StreamingDataset:
    chosen: dict[str, Any] = {"batch_size": 16, "shuffle": True, "window": 64, "seed": 3}
    return StreamingDataset(table, **(chosen | options))


def labels(batches: Any) -> list[list[int]]:
    return [batch["label"].tolist() for batch in batches]


def stateful_loader(dataset: Any, workers: int) -> Any:
    loaders = pytest.importorskip("torchdata.stateful_dataloader")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*set_vital.*")
        return loaders.StatefulDataLoader(dataset, batch_size=None, num_workers=workers)


@pytest.mark.parametrize(
    "context",
    ["fork", *(pytest.param(each, marks=pytest.mark.slow) for each in ("spawn", "forkserver"))],
)
def test_two_workers_give_the_same_however_they_are_started(table: Any, context: str) -> None:
    data = Mixture([table, table], [1, 2])
    stream = streaming(data)
    expected = [[(batch["label"].tolist(), batch["text"]) for batch in stream] for _ in range(3)]
    stream.set_epoch(0)
    loader = DataLoader(
        stream,
        batch_size=None,
        num_workers=2,
        multiprocessing_context=context,
        persistent_workers=True,
    )
    found = [[(batch["label"].tolist(), batch["text"]) for batch in loader] for _ in range(2)]
    assert found == expected[:2]
    stream.set_epoch(2)
    assert [(batch["label"].tolist(), batch["text"]) for batch in loader] == expected[2]
    del loader


@pytest.mark.parametrize("taken", [0, 3, 13])
def test_a_stateful_loader_with_two_workers_resumes(table: Any, taken: int) -> None:
    stream = streaming(table)
    expected, following = labels(stream), labels(stream)
    first = stateful_loader(streaming(table), 2)
    batches = iter(first)
    start = labels(next(batches) for _ in range(taken))
    state = copy.deepcopy(first.state_dict())
    del batches, first
    second = stateful_loader(streaming(table), 2)
    second.load_state_dict(state)
    assert start + labels(second) == expected
    assert labels(second) == following


def test_a_stateful_loader_goes_on_behind_an_epoch(table: Any) -> None:
    stream = streaming(table)
    expected = [labels(stream) for _ in range(3)]
    first = stateful_loader(streaming(table), 2)
    assert [labels(first), labels(first)] == expected[:2]
    state = first.state_dict()
    second = stateful_loader(streaming(table), 2)
    second.load_state_dict(state)
    found = labels(second) or labels(second)
    assert found == expected[2]


def test_worker_states_fit_ranks_with_as_large_global_batches_only(table: Any) -> None:
    expected = labels(streaming(table))
    loader = stateful_loader(streaming(table), 2)
    batches = iter(loader)
    for _ in range(5):
        next(batches)
    state = copy.deepcopy(loader.state_dict())
    del batches, loader
    ranks = []
    for rank in range(2):
        half = stateful_loader(streaming(table, batch_size=8, rank=rank, world_size=2), 2)
        half.load_state_dict(copy.deepcopy(state))
        ranks.append(labels(half))
    assert [first + second for first, second in zip(*ranks, strict=True)] == expected[5:]
    other = stateful_loader(streaming(table, batch_size=16, rank=0, world_size=2), 2)
    other.load_state_dict(copy.deepcopy(state))
    with pytest.raises(vstore.InvalidInputError, match=r"batches of 16 samples .* not 32"):
        list(other)


def test_a_count_of_batches_fits_any_number_of_ranks_and_workers(table: Any) -> None:
    stream = streaming(table, batch_size=8, rank=0, world_size=2)
    loader = DataLoader(stream, batch_size=None, num_workers=1)
    expected = labels(streaming(table))
    batches = iter(loader)
    for _ in range(5):
        next(batches)
    state = json.loads(json.dumps(stream.state_dict(5)))
    del batches, loader
    resumed = streaming(table)
    resumed.load_state_dict(state)
    assert labels(DataLoader(resumed, batch_size=None, num_workers=2)) == expected[5:]
    resumed.load_state_dict(state)
    assert labels(resumed) == expected[5:]


def test_the_state_of_one_rank_is_that_of_all(table: Any) -> None:
    states = []
    for rank in range(2):
        stream = streaming(table, batch_size=8, rank=rank, world_size=2)
        batches = iter(stream)
        for _ in range(3):
            next(batches)
        states.append(stream.state_dict())
    assert states[0] == states[1]


def test_an_error_in_a_worker_keeps_its_type(table: Any) -> None:
    def fail(label: int) -> int:
        raise vstore.FormatError(f"label {label} is not to be had")

    stream = streaming(table, transforms={"label": fail})
    with pytest.raises(vstore.FormatError, match="not to be had"):
        list(DataLoader(stream, batch_size=None, num_workers=1))


@pytest.mark.parametrize(
    "make", [streaming, lambda table: make_torch_dataset(table["label"])], ids=["stream", "map"]
)
@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_what_is_in_the_memory_of_this_process_needs_a_fork(
    make: Callable[[Any], Any], context: str, request: pytest.FixtureRequest
) -> None:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="x") as tx:
        tx.create_table("t", {"label": vstore.ndarray((), "int64")}).extend({"label": range(50)})
    dataset = make(repo.checkout("main")["t"])
    loader: Any = DataLoader(
        dataset, batch_size=None, num_workers=1, multiprocessing_context=context
    )
    with pytest.raises(vstore.InvalidInputError, match="multiprocessing_context='fork'"):
        iter(loader)


def test_page_locked_memory_needs_an_accelerator_and_is_not_for_workers(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.accelerator.is_available():
        assert next(iter(streaming(table, pin_memory=True)))["label"].is_pinned()
    else:
        with pytest.raises(vstore.InvalidInputError, match="accelerator"):
            streaming(table, pin_memory=True)
    monkeypatch.setattr("vstore.torch.tensors.get_worker_info", lambda: "a worker")
    assert pinned(100).nbytes == 100


def test_a_distributed_sampler_decodes_each_chunk_once_while_they_fit(table: Any) -> None:
    columns = [table["label"], table["text"]]
    seen: list[int] = []
    for rank in range(2):
        dataset = make_torch_dataset(columns)
        sampler: Any = DistributedSampler(dataset, num_replicas=2, rank=rank, shuffle=True, seed=4)
        loader = DataLoader(dataset, batch_size=20, sampler=sampler)
        for epoch in range(2):
            sampler.set_epoch(epoch)
            for batch in loader:
                missing = [text is None for text in batch.text]
                assert missing == [label % 5 == 0 for label in batch.label.tolist()]
                seen += batch.label.tolist()
        # label, text, and which texts there are
        assert dataset.statistics.chunks_loaded == 3 * CHUNKS
    assert sorted(seen) == sorted([*range(SAMPLES)] * 2)


def test_a_distributed_sampler_decodes_what_does_not_fit_once_a_batch(table: Any) -> None:
    room = CHUNKS // 2
    dataset = make_torch_dataset(table["label"], memory_nbytes=room * ROWS * 8)
    sampler: Any = DistributedSampler(dataset, num_replicas=2, rank=0, shuffle=True)
    batches = 0
    for _ in DataLoader(dataset, batch_size=50, sampler=sampler):
        batches += 1
    assert batches == 2
    assert dataset.statistics.chunks_loaded <= room + batches * (CHUNKS - room)


def test_worker_processes_share_a_cache_on_disk(table: Any, tmp_path: Any) -> None:
    def dataset() -> Any:
        return make_torch_dataset(table["label"], cache_dir=tmp_path)

    loader: Any = DataLoader(dataset(), batch_size=16, shuffle=True, num_workers=2)
    assert sorted(n for batch in loader for n in batch.label.tolist()) == list(range(SAMPLES))
    again = dataset()
    assert [int(sample.label) for sample in again[:]] == list(range(SAMPLES))
    assert again.statistics.disk_hits == again.statistics.chunks_loaded == CHUNKS
    assert again.statistics.requests <= 1
    with pytest.raises(vstore.InvalidInputError, match="cache_dir"):
        make_torch_dataset(table["label"], cache_dir=3)  # type: ignore[arg-type]


def test_samples_that_are_missing_come_with_a_mask(table: Any) -> None:
    repo = vstore.create("memory://torch-missing")
    with repo.transaction("main", message="x") as tx:
        optional = vstore.ndarray((2,), "float32").as_optional()
        made = tx.create_table("t", {"x": optional, "n": vstore.ndarray((), "int64")})
        made.append({"x": [1, 2], "n": 1})
        made.append({"n": 2})
    dataset = make_torch_dataset(repo.checkout("main")["t"]["x"])
    assert (dataset[1].x.tolist(), bool(dataset[1].x_valid)) == ([0, 0], False)
    assert (dataset[0].x.tolist(), bool(dataset[0].x_valid)) == ([1, 2], True)


@pytest.mark.parametrize("index", ["a", 1.5, None])
def test_samples_are_found_by_whole_numbers(table: Any, index: Any) -> None:
    dataset = make_torch_dataset(table["label"])
    assert int(dataset[torch.tensor(3)].label) == int(dataset[np.int64(3)].label) == 3
    with pytest.raises(vstore.InvalidInputError, match="integers"):
        dataset[index]


@pytest.mark.parametrize("columns", [None, 5, "label"])
def test_a_map_style_dataset_takes_columns(table: Any, columns: Any) -> None:
    for given in (columns, [table]):
        with pytest.raises(vstore.InvalidInputError, match="list of columns"):
            make_torch_dataset(given)
