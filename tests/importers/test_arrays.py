"""Arrays side by side: named, checked against each other, read in batches."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.importers.idx_files import idx_bytes, images, write_idx
from tests.importers.opened import side_by_side
from vstore.errors import InvalidInputError
from vstore.importers import open_rows


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images(10))
    np.save(tmp_path / "label.npy", np.arange(10))
    return [tmp_path / "train-images-idx3-ubyte.gz", tmp_path / "label.npy"]


def test_columns_are_called_what_the_files_suggest(sources: list[Path]) -> None:
    assert list(open_rows(sources).columns) == ["train-images", "label"]


def test_columns_are_called_what_the_caller_says(sources: list[Path]) -> None:
    assert list(open_rows(sources, names=["image", "y"]).columns) == ["image", "y"]


@pytest.mark.parametrize("names", [["image"], ["a", "b", "c"], []])
def test_names_must_match_arrays(sources: list[Path], names: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="column names for 2 arrays"):
        open_rows(sources, names=names)


def test_two_columns_of_one_name_are_refused(sources: list[Path]) -> None:
    with pytest.raises(InvalidInputError, match="two columns would be called 'x'"):
        open_rows(sources, names=["x", "x"])


def test_different_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x_train=images(7), x_test=images(3))
    with pytest.raises(InvalidInputError, match="x_train 7, x_test 3"):
        open_rows(tmp_path / "x.npz")


def test_batches_hold_the_same_samples_of_every_column(sources: list[Path]) -> None:
    arrays = side_by_side(sources, names=["image", "label"])
    batches = list(arrays.batches(4))
    assert [len(batch["image"]) for batch in batches] == [4, 4, 2]
    assert np.array_equal(np.concatenate([batch["image"] for batch in batches]), images(10))
    assert np.concatenate([batch["label"] for batch in batches]).tolist() == list(range(10))


def test_keys_go_with_their_samples(sources: list[Path]) -> None:
    keys = sources[0].with_name("keys.npy")
    np.save(keys, [f"k{i}" for i in range(10)])
    batches = list(side_by_side(sources, keys=str(keys)).batches(4))
    assert [len(batch["sample"]) for batch in batches] == [4, 4, 2]
    assert np.concatenate([batch["sample"] for batch in batches])[7] == "k7"


def test_too_few_keys_are_refused(sources: list[Path]) -> None:
    keys = sources[0].with_name("keys.npy")
    np.save(keys, np.arange(3))
    with pytest.raises(InvalidInputError, match="3 keys for 10 samples"):
        open_rows(sources, keys=str(keys))


def test_bytes_behind_the_array_are_found_before_the_last_batch_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx_bytes(images(10)) + b"!"))
    with pytest.raises(InvalidInputError, match="has more data after the array"):
        list(side_by_side(path).batches(5))


def test_reading_holds_one_batch_at_a_time(tmp_path: Path) -> None:
    array = np.lib.format.open_memmap(
        tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(256, 2**20)
    )
    array[-1] = 7
    array.flush()
    rows = side_by_side(tmp_path / "x.npy")
    tracemalloc.start()
    total = sum(int(batch["x"][-1, -1]) for batch in rows.batches())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 7
    assert peak < 80 * 2**20
