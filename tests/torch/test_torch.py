"""PyTorch datasets: the same samples however they are loaded, and exact resume."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, WeightedRandomSampler  # noqa: E402

from vstore.torch import StreamingDataset, make_torch_dataset  # noqa: E402

SAMPLES = 200


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> vstore.Table:
    repo = vstore.create(tmp_path_factory.mktemp("torch") / "repo")
    numbers = np.arange(SAMPLES)
    with repo.transaction("main", message="Add samples") as tx:
        made = tx.create_table(
            "train",
            {
                "image": vstore.ndarray((2, 3), "float32", rows_per_chunk=8),
                "label": vstore.ndarray((), "int64", rows_per_chunk=32),
                "text": vstore.text(rows_per_chunk=16),
                "points": vstore.ndarray((None, 2), "float32", rows_per_chunk=16),
                "photo": vstore.image(rows_per_chunk=16),
            },
            keys="str",
        )
        made.extend(
            {
                "image": np.repeat(numbers, 6).reshape(-1, 2, 3).astype("float32"),
                "label": numbers,
                "text": [f"sample {i}" for i in numbers],
                "points": [np.full((i % 4, 2), i, "float32") for i in numbers],
                "photo": [np.full((3, 5), i, "uint8") for i in numbers],
            },
            keys=[f"key {i}" for i in numbers],
        )
    found = repo.checkout("main")["train"]
    assert isinstance(found, vstore.Table)
    return found


def streaming(table: vstore.Table, **options: Any) -> StreamingDataset:
    chosen: dict[str, Any] = {"batch_size": 16, "shuffle": True, "window": 64, "seed": 3}
    return StreamingDataset(table, ["image", "label"], **(chosen | options))


def labels(batches: Any) -> list[list[int]]:
    return [batch["label"].tolist() for batch in batches]


def test_samples_are_named_tuples_of_tensors(table: vstore.Table) -> None:
    dataset = make_torch_dataset((table["image"], table["label"]))
    sample = dataset[7]
    assert sample._fields == ("image", "label")
    assert torch.equal(sample.image, torch.full((2, 3), 7.0))
    image, label = dataset[-1]
    assert (image.dtype, int(label)) == (torch.float32, SAMPLES - 1)
    assert len(dataset) == SAMPLES
    assert pickle.loads(pickle.dumps(sample))._fields == sample._fields
    with pytest.raises(IndexError):
        dataset[SAMPLES]
    assert [int(each.label) for each in dataset[3:6]] == [3, 4, 5]


def test_keys_ranges_and_names_as_in_hangar(table: vstore.Table) -> None:
    by_key = make_torch_dataset(table["label"], keys=["key 9", "key 2"])
    assert [int(sample.label) for sample in by_key[:]] == [9, 2]
    by_range = make_torch_dataset(table["label"], index_range=slice(4, 12, 2))
    assert [int(sample.label) for sample in by_range[:]] == [4, 6, 8, 10]
    named = make_torch_dataset([table["image"], table["label"]], field_names=["x", "y"])
    assert named[0]._fields == ("x", "y")
    with pytest.raises(vstore.NotFoundError, match="key 1000"):
        make_torch_dataset(table["label"], keys=["key 1000"])
    with pytest.raises(vstore.InvalidInputError, match="field_names"):
        make_torch_dataset(table["label"], field_names=["x", "y"])
    with pytest.raises(vstore.InvalidInputError, match="Python names"):
        make_torch_dataset(table["label"], field_names=["not a name"])
    with pytest.raises(vstore.InvalidInputError, match="slice"):
        make_torch_dataset(table["label"], index_range=range(3))  # type: ignore[arg-type]
    with pytest.raises(vstore.InvalidInputError, match="give one of the two"):
        make_torch_dataset(table["label"], keys=["key 1"], index_range=slice(3))


def test_a_table_stands_for_all_of_its_columns(table: vstore.Table) -> None:
    dataset = make_torch_dataset(table, index_range=slice(5, 9))
    assert len(dataset) == 4
    assert set(dataset[0]._fields) == set(table.columns)
    assert (int(dataset[1].label), dataset[1].text) == (6, "sample 6")
    renamed = make_torch_dataset(table, field_names=list("abcde"))
    assert renamed[3]._fields == tuple("abcde")


def test_the_default_collation_makes_whole_batches(table: vstore.Table) -> None:
    columns = [table[name] for name in ("image", "label", "text", "points", "photo")]
    loader = DataLoader(make_torch_dataset(columns), batch_size=50, shuffle=True)
    seen: list[int] = []
    for batch in loader:
        numbers = batch.label.tolist()
        assert torch.equal(batch.image[:, 0, 0], batch.label.float())
        assert batch.text == [f"sample {i}" for i in numbers]
        assert [len(points) for points in batch.points] == [i % 4 for i in numbers]
        assert [int(photo[0, 0]) for photo in batch.photo] == numbers
        seen += numbers
    assert sorted(seen) == list(range(SAMPLES))


def test_any_sampler_and_collation_work(table: vstore.Table) -> None:
    dataset = make_torch_dataset((table["image"], table["label"]))
    sampler = WeightedRandomSampler([1.0] * SAMPLES, 30)
    loader = DataLoader(dataset, batch_size=10, sampler=sampler, collate_fn=list)
    assert all(float(each.image[0, 0]) == int(each.label) for batch in loader for each in batch)
    separate = [dataset[i] for i in range(3)]
    collated = torch.utils.data.default_collate(separate)
    assert collated.label.tolist() == [0, 1, 2]
    assert next(iter(DataLoader(dataset, batch_size=None))).label == 0


def test_a_global_shuffle_decodes_each_chunk_once(table: vstore.Table) -> None:
    dataset = make_torch_dataset((table["image"], table["label"]))
    for _ in range(3):
        for _ in DataLoader(dataset, batch_size=16, shuffle=True):
            pass
    assert dataset.statistics.chunks_loaded == 25 + 7


def test_forked_worker_processes_give_the_same(table: vstore.Table) -> None:
    dataset = make_torch_dataset((table["label"], table["text"]))
    assert int(dataset[3].label) == 3  # so that the parent has read before it forks
    options: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "fork"}
    loader = DataLoader(dataset, batch_size=32, **options)
    assert [label for batch in loader for label in batch.label.tolist()] == list(range(SAMPLES))
    stream = streaming(table)
    expected = [labels(stream), labels(stream)]
    stream.set_epoch(0)
    workers = DataLoader(stream, batch_size=None, **options)
    assert [labels(workers), labels(workers)] == expected


def test_workers_forked_while_the_parent_reads(table: vstore.Table) -> None:
    stream = streaming(table)
    expected = labels(stream)
    stream.set_epoch(0)
    running = iter(streaming(table))
    next(running)
    options: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "fork"}
    assert labels(DataLoader(stream, batch_size=None, **options)) == expected
    assert sum(1 for _ in running) == len(expected) - 1


def test_spawned_worker_processes_give_the_same(table: vstore.Table) -> None:
    dataset = make_torch_dataset((table["label"], table["text"]))
    assert int(pickle.loads(pickle.dumps(dataset))[3].label) == 3
    stream = streaming(table)
    expected = labels(stream)
    stream.set_epoch(0)
    options: dict[str, Any] = {"num_workers": 1, "multiprocessing_context": "spawn"}
    assert labels(DataLoader(stream, batch_size=None, **options)) == expected


def test_workers_that_live_on_follow_the_epoch(table: vstore.Table) -> None:
    stream = streaming(table)
    expected = [labels(stream) for _ in range(3)]
    stream.set_epoch(0)
    loader = DataLoader(stream, batch_size=None, num_workers=1, persistent_workers=True)
    assert [labels(loader), labels(loader)] == expected[:2]
    stream.set_epoch(2)
    assert labels(loader) == expected[2]


def test_a_loader_without_workers_gives_the_same(table: vstore.Table) -> None:
    stream = streaming(table)
    expected = labels(stream)
    stream.set_epoch(0)
    assert labels(DataLoader(stream, batch_size=None)) == expected
    assert len(DataLoader(stream, batch_size=None)) == len(expected) == 13


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stateful_loader_resumes_at_the_exact_batch(table: vstore.Table, workers: int) -> None:
    loaders = pytest.importorskip("torchdata.stateful_dataloader")
    stream = streaming(table)
    expected, following = labels(stream), labels(stream)

    def loader() -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*set_vital.*")
            return loaders.StatefulDataLoader(
                streaming(table), batch_size=None, num_workers=workers
            )

    for taken in (0, 1, 5, 13):
        first = loader()
        batches = iter(first)
        start = [next(batches)["label"].tolist() for _ in range(taken)]
        state = first.state_dict()
        del batches, first
        second = loader()
        second.load_state_dict(state)
        assert start + labels(second) == expected
        assert labels(second) == following


def test_workers_of_a_plain_loader_resume_by_a_count(table: vstore.Table) -> None:
    stream = streaming(table)
    expected, following = labels(stream), labels(stream)
    stream.set_epoch(0)
    loader = DataLoader(stream, batch_size=None, num_workers=1)
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    with pytest.raises(vstore.InvalidInputError, match="cannot know how many"):
        stream.state_dict()
    state = stream.state_dict(4)
    del batches
    other = streaming(table)
    other.load_state_dict(state)
    resumed = DataLoader(other, batch_size=None, num_workers=1)
    assert labels(resumed) == expected[4:]
    assert labels(resumed) == following


def test_ranks_come_from_the_environment(
    table: vstore.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = labels(streaming(table))
    monkeypatch.setenv("WORLD_SIZE", "2")
    halves = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        halves.append(labels(streaming(table, batch_size=8)))
    assert [first + second for first, second in zip(*halves, strict=True)] == alone
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(vstore.InvalidInputError, match="RANK"):
        streaming(table)
    assert labels(streaming(table, rank=0, world_size=1)) == alone
    with pytest.raises(vstore.InvalidInputError, match="both"):
        streaming(table, rank=0)


def test_kept_batches_stay_as_they_are(table: vstore.Table) -> None:
    kept = [batch for _ in range(2) for batch in streaming(table)]
    for batch in kept:
        assert torch.equal(batch["image"][:, 0, 0], batch["label"].float())


def test_arrays_of_differing_shape_become_nested_tensors(table: vstore.Table) -> None:
    for batch in StreamingDataset(table, ["label", "points"], batch_size=8, ragged="nested"):
        lengths = [len(points) for points in batch["points"].unbind()]
        assert lengths == [label % 4 for label in batch["label"].tolist()]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_arrays_that_differ_in_two_axes_and_photographs_nest_too(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add masks") as tx:
        spec = {"mask": vstore.ndarray((None, None), "int32"), "photo": vstore.image()}
        masks = [np.full((1 + i % 3, 1 + i % 4), i, "int32") for i in range(24)]
        photos = [np.full((2 + i % 2, 3, 3), i, "uint8") for i in range(24)]
        tx.create_table("t", spec).extend({"mask": masks, "photo": photos})
    seen = 0
    for batch in StreamingDataset(repo.checkout("main")["t"], batch_size=8, ragged="nested"):
        for mask, photo in zip(batch["mask"].unbind(), batch["photo"].unbind(), strict=True):
            assert mask.shape == masks[seen].shape
            assert photo.shape == photos[seen].shape
            assert (mask == seen).all()
            assert (photo == seen).all()
            seen += 1
    assert seen == 24


def test_a_nested_tensor_that_cannot_be_made_is_explained(table: vstore.Table) -> None:
    narrowed = {"points": lambda points: points[:, : len(points) % 3]}
    dataset = StreamingDataset(
        table, ["points"], batch_size=8, ragged="nested", transforms=narrowed
    )
    with pytest.raises(vstore.InvalidInputError, match="nested tensor"):
        list(dataset)


def test_tensors_made_by_transforms_are_stacked(table: vstore.Table) -> None:
    def halved(image: Any) -> Any:
        return torch.from_numpy(image) / 2

    for batch in streaming(table, transforms={"image": halved}):
        assert torch.equal(batch["image"][:, 0, 0], batch["label"] / 2)
    by_size = {"image": lambda image: torch.zeros(int(image[0, 0]) % 2)}
    batch = next(iter(streaming(table, transforms=by_size, ragged={"image": "list"})))
    assert {each.shape for each in batch["image"]} == {(0,), (1,)}
    with pytest.raises(vstore.InvalidInputError, match=r"shapes \(0,\), \(1,\)"):
        list(streaming(table, transforms=by_size))
