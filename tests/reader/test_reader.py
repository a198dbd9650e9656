"""Batches hold what the commit holds, in the planned order, and leave nothing behind."""

import json
import pickle
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.patience import NewThreads
from vstore.reader import Reader
from vstore.storage.counting import CountingStore

SAMPLES = 300


@pytest.fixture(autouse=True)
def threads() -> Iterator[NewThreads]:
    """What the test began; none of it stays."""
    new = NewThreads()
    yield new
    assert new.left() == []


def labels(batches: Any) -> list[list[int]]:
    return [batch["label"].tolist() for batch in batches]


def check(batch: dict[str, Any]) -> None:
    """Compare all columns of a batch with what was written for its labels."""
    numbers = batch["label"].tolist()
    assert batch["image"][:, 0, 0].tolist() == [number * 12 for number in numbers]
    assert batch["image"].shape[1:] == (4, 3)
    assert batch["flag"].tolist() == [number % 3 == 0 for number in numbers]
    assert batch["text"] == [f"sample {number}" for number in numbers]
    assert batch["raw"] == [bytes([number % 256]) * (number % 5) for number in numbers]
    for number, points, photo in zip(numbers, batch["points"], batch["photo"], strict=True):
        assert np.array_equal(points, np.full((number % 4, 2), number, "float32"))
        assert np.array_equal(photo, np.full((3 + number % 2, 5), number % 256, "uint8"))


@pytest.mark.parametrize("shuffle", [False, True, "window", "full"])
@pytest.mark.parametrize("memory_nbytes", [1, 2000, 2**29])
def test_every_sample_comes_once_and_right(
    table: vstore.Table, shuffle: Any, memory_nbytes: int
) -> None:
    reader = Reader(table, batch_size=16, shuffle=shuffle, window=64, memory_nbytes=memory_nbytes)
    for _ in range(2):
        seen: list[int] = []
        for batch in reader:
            check(batch)
            seen += batch["label"].tolist()
        assert sorted(seen) == list(range(SAMPLES))
        assert (seen == sorted(seen)) == (shuffle is False)
    assert len(reader) == 19


def test_batches_that_are_kept_are_never_overwritten(table: vstore.Table) -> None:
    reader = Reader(table, ["label", "image"], batch_size=8, shuffle=True, window=32)
    kept = [batch for _ in range(3) for batch in reader]
    for batch in kept:
        assert batch["image"][:, 0, 0].tolist() == [12 * n for n in batch["label"].tolist()]


def test_the_order_is_known_without_reading(table: vstore.Table) -> None:
    reader = Reader(table, ["label"], batch_size=7, shuffle=True, window=50, rank=1, world_size=2)
    for epoch in range(2):
        read = [label for batch in labels(reader) for label in batch]
        assert read == reader.order(epoch).tolist()


@pytest.mark.parametrize("shuffle", [False, True, "full"])
def test_resuming_at_every_batch_gives_the_rest(table: vstore.Table, shuffle: Any) -> None:
    def reader() -> Reader:
        return Reader(table, ["label"], batch_size=16, shuffle=shuffle, window=64, seed=5)

    whole = reader()
    expected = labels(whole)
    following = labels(whole)
    running = reader()
    iteration = iter(running)
    for taken in range(len(expected) + 1):
        resumed = reader()
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert labels(resumed) == expected[taken:]
        if taken % 6 == 0:
            assert labels(resumed) == following
        next(iteration, None)


def test_after_the_last_batch_the_state_is_the_next_epoch(table: vstore.Table) -> None:
    reader = Reader(table, ["label"], batch_size=64, shuffle=True)
    labels(reader)
    state = reader.state_dict()
    expected = labels(reader)
    reader.load_state_dict(state)
    assert labels(reader) == expected


def test_resuming_on_another_number_of_ranks(table: vstore.Table) -> None:
    first = Reader(table, ["label"], batch_size=32, shuffle=True)
    with closing(iter(first)) as batches:  # type: ignore[type-var]
        taken = [label for batch in islice(batches, 4) for label in batch["label"].tolist()]
        state = first.state_dict()
    for batch_size, world_size in ((16, 2), (5, 3)):
        rest: list[int] = []
        for rank in range(world_size):
            other = Reader(
                table,
                ["label"],
                batch_size=batch_size,
                shuffle=True,
                rank=rank,
                world_size=world_size,
            )
            other.load_state_dict(state)
            rest += [label for batch in labels(other) for label in batch]
        assert sorted(taken + rest) == list(range(SAMPLES))


def test_a_state_of_other_data_or_order_is_refused(
    table: vstore.Table, repo: vstore.Repository
) -> None:
    reader = Reader(table, ["label"], batch_size=8, shuffle=True, seed=1)
    state = reader.state_dict()
    with pytest.raises(vstore.InvalidInputError, match="seed=1"):
        Reader(table, ["label"], batch_size=8, shuffle=True, seed=2).load_state_dict(state)
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        Reader(table, ["image"], batch_size=8, shuffle=True, seed=1).load_state_dict(state)
    with repo.transaction("main", message="Fix a label") as tx:
        tx["train"]["label"][3] = 7
    changed = repo.checkout("main")["train"]
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        Reader(changed, ["label"], batch_size=8, shuffle=True, seed=1).load_state_dict(state)
    for bad in ({}, None, {**state, "samples": -1}, {**state, "version": 99}):
        with pytest.raises(vstore.InvalidInputError):
            reader.load_state_dict(bad)  # type: ignore[arg-type]


def test_each_iteration_is_the_next_epoch_unless_one_is_chosen(table: vstore.Table) -> None:
    reader = Reader(table, ["label"], batch_size=32, shuffle=True)
    first, second = labels(reader), labels(reader)
    assert first != second
    reader.set_epoch(0)
    assert labels(reader) == first
    assert labels(reader) == second
    reader.set_epoch(1)
    assert labels(reader) == second


def test_deleted_samples_are_left_out(repo: vstore.Repository) -> None:
    gone = [0, 5, 17, 18, 19, *range(64, 128), 299]
    with repo.transaction("main", message="Delete some") as tx:
        tx["train"].delete(keys=[f"key {i}" for i in gone])
    reader = Reader(repo.checkout("main")["train"], batch_size=10, shuffle=True, window=40)
    seen = []
    for batch in reader:
        check(batch)
        seen += batch["label"].tolist()
    assert sorted(seen) == sorted(set(range(SAMPLES)) - set(gone))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"rows": slice(10, 200, 7)}, list(range(10, 200, 7))),
        ({"rows": [5, 3, 299, 3]}, [5, 3, 299, 3]),
        ({"rows": np.arange(SAMPLES) % 50 == 0}, list(range(0, SAMPLES, 50))),
        ({"rows": lambda c: c["flag"][:]}, list(range(0, SAMPLES, 3))),
        ({"keys": ["key 7", "key 2", "key 250"]}, [7, 2, 250]),
    ],
)
def test_a_subset_keeps_its_order(
    table: vstore.Table, choice: dict[str, Any], expected: list[int]
) -> None:
    reader = Reader(table, batch_size=4, **choice)
    seen = []
    for batch in reader:
        check(batch)
        seen += batch["label"].tolist()
    assert seen == expected
    shuffled = Reader(table, batch_size=4, shuffle=True, **choice)
    assert sorted(label for batch in labels(shuffled) for label in batch) == sorted(expected)


def test_columns_of_different_tables_are_matched_by_key(repo: vstore.Repository) -> None:
    order = np.random.default_rng(0).permutation(SAMPLES)
    with repo.transaction("main", message="Add captions") as tx:
        captions = tx.create_table("captions", {"caption": vstore.text()}, keys="str")
        captions.extend(
            {"caption": [f"caption {i}" for i in order]}, keys=[f"key {i}" for i in order]
        )
    snapshot = repo.checkout("main")
    columns = [snapshot["train"]["label"], snapshot["captions"]["caption"]]
    for batch in Reader(columns, batch_size=32, shuffle=True):
        assert batch["caption"] == [f"caption {label}" for label in batch["label"].tolist()]
    subset = Reader(columns, batch_size=2, keys=["key 9", "key 4"])
    assert next(iter(subset))["caption"] == ["caption 9", "caption 4"]


def test_transforms_and_collate_run_with_reproducible_randomness(table: vstore.Table) -> None:
    def noisy(image: Any, generator: np.random.Generator) -> Any:
        return image + generator.integers(0, 100, image.shape)

    def total(batch: dict[str, Any]) -> int:
        return int(batch["image"].sum())

    def reader() -> Reader:
        return Reader(
            table,
            ["image"],
            batch_size=32,
            shuffle=True,
            transforms={"image": noisy},
            collate=total,
        )

    first = reader()
    expected = list(first)
    assert list(reader()) == expected
    assert list(first) != expected
    with closing(iter(first)) as batches:  # type: ignore[type-var]
        list(islice(batches, 3))
        state = first.state_dict()
        rest = list(batches)
    resumed = reader()
    resumed.load_state_dict(state)
    assert list(resumed) == rest


def test_batches_as_tuples(table: vstore.Table) -> None:
    reader = Reader(table, ["label", "image"], batch_size=5, collate="tuple")
    first, images = next(iter(reader))
    assert first.tolist() == [0, 1, 2, 3, 4]
    assert images.shape == (5, 4, 3)


def test_arrays_of_differing_shape_are_padded_when_asked(table: vstore.Table) -> None:
    for batch in Reader(table, ["label", "points"], batch_size=7, ragged="padded"):
        lengths = batch["label"] % 4
        assert batch["points.shape"].tolist() == [[length, 2] for length in lengths.tolist()]
        assert batch["points"].shape == (len(lengths), lengths.max(), 2)
        for label, length, points in zip(batch["label"], lengths, batch["points"], strict=True):
            assert (points[:length] == label).all()
            assert not points[length:].any()
    with pytest.raises(vstore.InvalidInputError, match="ragged"):
        Reader(table, batch_size=7, ragged="nested")


def test_transformed_photographs_of_one_size_are_stacked(table: vstore.Table) -> None:
    reader = Reader(table, ["photo"], batch_size=6, transforms={"photo": lambda p: p[:3, :4]})
    assert next(iter(reader))["photo"].shape == (6, 3, 4)


def test_leaving_early_stops_all_threads(table: vstore.Table, threads: NewThreads) -> None:
    reader = Reader(table, batch_size=4, shuffle=True, window=32)
    for _ in reader:
        break
    assert threads.left() == []

    def fail() -> None:
        for _ in reader:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert sorted(n for batch in labels(reader) for n in batch) == list(range(SAMPLES))


def test_two_iterations_at_once_do_not_disturb_each_other(table: vstore.Table) -> None:
    reader = Reader(table, ["label"], batch_size=16, shuffle=True, window=64)
    expected = labels(reader)
    reader.set_epoch(0)
    both = list(zip(reader, reader, strict=True))
    assert [labels(side) for side in zip(*both, strict=True)] == [expected, expected]


def test_a_reader_pickles_without_what_is_open(table: vstore.Table) -> None:
    reader = Reader(table, batch_size=16, shuffle=True)
    with closing(iter(reader)) as batches:  # type: ignore[type-var]
        next(batches)
        data = pickle.dumps(reader)
    assert len(data) < 20_000
    expected = labels(reader)
    copy = pickle.loads(data)
    assert labels(copy) == expected


def test_damage_is_reported_and_the_next_epoch_works_once_mended(
    repo: vstore.Repository, tmp_path: Path, threads: NewThreads
) -> None:
    reader = Reader(repo.checkout("main")["train"], ["image"], batch_size=16, shuffle=True)
    packs = sorted((tmp_path / "repo" / "packs").rglob("*/*"))
    healthy = [pack.read_bytes() for pack in packs]
    for pack, data in zip(packs, healthy, strict=True):
        pack.chmod(0o600)
        pack.write_bytes(bytes(byte ^ 255 for byte in data))
    with pytest.raises(vstore.CorruptionError, match="damaged"):
        list(reader)
    assert threads.left() == []
    for pack, data in zip(packs, healthy, strict=True):
        pack.write_bytes(data)
    assert sum(len(batch["image"]) for batch in reader) == SAMPLES


def test_chunks_stay_in_memory_for_later_epochs() -> None:
    made = vstore.create("memory://reader-counting")
    images = np.zeros((512, 16), "uint8") + np.arange(512, dtype="uint8")[:, None]
    with made.transaction("main", message="x") as tx:
        spec = vstore.ndarray((16,), "uint8", rows_per_chunk=32)
        tx.create_table("t", {"x": spec}).extend({"x": images})
    store = CountingStore(made.store)
    reader = Reader(
        vstore.Repository(store).checkout("main")["t"], batch_size=32, shuffle=True, window=128
    )
    store.reset()
    list(reader)
    assert 0 < store.count("get_range") <= 16
    store.reset()
    list(reader)
    assert store.count() == 0
    assert reader.statistics.chunks_loaded == 16
    assert "16 chunks loaded" in str(reader.statistics)
