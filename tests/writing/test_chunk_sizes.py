"""Chunks of variable-length samples have a sensible size, however the samples come."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.peak_memory import peak_nbytes
from tests.repositories import assert_same_bits, new_repository, table_of
from vstore.faces import internals

RNG = np.random.default_rng(0)
SHORT, LONG = b"x" * 10, RNG.bytes(40_000)


def rows_of(specs: dict[str, Any], batches: list[dict[str, Any]]) -> tuple[Any, dict[str, int]]:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", specs)
        for batch in batches:
            table.extend(batch)
    found = table_of(repository)
    return found, {name: found[name].metadata.chunk_shape[0] for name in specs}


def one_by_one(samples: list[Any]) -> list[dict[str, Any]]:
    return [{"b": [sample]} for sample in samples]


def test_a_short_first_sample_does_not_make_chunks_too_large() -> None:
    samples = [b"", *[LONG[i:] for i in range(400)]]
    table, rows = rows_of({"b": vstore.bytes_()}, one_by_one(samples))
    assert rows == {"b": 32}
    assert table["b"][:].tolist() == samples


def test_a_long_first_sample_does_not_make_chunks_too_small() -> None:
    samples = [RNG.bytes(2_000_000), *[SHORT] * 3000]
    table, rows = rows_of({"b": vstore.bytes_()}, one_by_one(samples))
    assert rows["b"] >= 512
    assert table["b"][:].tolist() == samples


def test_the_way_samples_come_makes_no_great_difference() -> None:
    samples = [LONG[: 1000 + 7 * i] for i in range(2000)]
    for size in (1, 7, 500, 2000):
        batches = [{"b": samples[i : i + size]} for i in range(0, 2000, size)]
        table, rows = rows_of({"b": vstore.bytes_()}, batches)
        assert 128 <= rows["b"] <= 256
        assert table["b"][:].tolist() == samples


def test_a_small_table_already_has_chunks_for_more_to_come() -> None:
    _, rows = rows_of({"b": vstore.bytes_()}, one_by_one([SHORT, *[LONG] * 20]))
    assert rows == {"b": 32}


def test_a_chosen_size_stays() -> None:
    _, rows = rows_of({"b": vstore.bytes_(rows_per_chunk=4096)}, one_by_one([SHORT, *[LONG] * 30]))
    assert rows == {"b": 4096}


def test_a_table_that_was_committed_empty_has_no_size_yet() -> None:
    repository = new_repository()
    specs = {"b": vstore.bytes_(), "chosen": vstore.bytes_(rows_per_chunk=256)}
    with repository.transaction("main", message="Create") as tx:
        tx.create_table("t", specs)
    with repository.transaction("main", message="Read") as tx:
        assert len(tx["t"]["b"]) == 0
    assert internals(tx).commit_made is None
    with repository.transaction("main", message="Add") as tx:
        for i in range(40):
            tx["t"].append({"b": LONG[i:], "chosen": SHORT})
    table = table_of(repository)
    assert table["b"].metadata.chunk_shape == (32,)
    assert table["chosen"].metadata.chunk_shape == (256,)
    assert table["b"][:].tolist() == [LONG[i:] for i in range(40)]


def test_companions_and_changes_move_along() -> None:
    specs = {
        "b": vstore.bytes_().as_optional(),
        "r": vstore.ndarray((None, 100), "float32"),
        "x": vstore.ndarray((), "int64"),
    }
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", specs, keys="int")
        for i in range(1200):
            ragged = np.full((i % 40, 100), i, "float32")
            sample = {"b": None if i % 5 == 0 else SHORT * (i % 300), "r": ragged, "x": i}
            table.append(sample, key=i)
            if i == 20:
                table.loc[3] = {"b": b"changed", "r": np.ones((2, 100), "float32")}
                table.delete([7, 8])
                table["b"][0] = b"there"
                table.rename_column("r", "q")
                table.rename_column("q", "r")
    found = table_of(repository)
    assert found["r"].metadata.chunk_shape[0] < 512
    for name in ("r", "b"):
        source = found.columns[name]
        companion = internals(source).beside[".shape" if name == "r" else ".valid"]
        assert companion is not None
        assert companion.metadata.chunk_shape[0] == source.metadata.chunk_shape[0]
    assert len(found) == 1198
    assert found.loc[3]["b"] == b"changed"
    assert found.loc[0]["b"] == b"there"
    for key in (0, 1, 2, 9, 500, 1199):
        sample = found.loc[key]
        assert sample["x"] == key
        assert_same_bits(sample["r"], np.full((key % 40, 100), key, "float32"))
        if key % 5:
            assert sample["b"] == SHORT * (key % 300)
    assert found.loc[5]["b"] is None


SCRIPT = """
import os, sys
import vstore

blob = os.urandom(2_000_000)
with vstore.create(sys.argv[1]).transaction("main", message="Add") as tx:
    table = tx.create_table("t", {"b": vstore.bytes_()})
    table.append({"b": b"short"})
    for i in range(400):
        table.append({"b": blob[i:]})
"""


def test_large_samples_behind_a_short_one_do_not_pile_up(tmp_path: Path) -> None:
    """800 MB, one sample at a time."""
    assert peak_nbytes(SCRIPT, str(tmp_path / "repository")) < 600_000_000
    table = table_of(vstore.open(tmp_path / "repository"))
    assert len(table["b"][400]) == 2_000_000 - 399
    assert table["b"].metadata.chunk_shape[0] == 1


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_samples_or_none(count: int) -> None:
    table, rows = rows_of({"b": vstore.bytes_()}, one_by_one([SHORT] * count))
    assert len(table) == count
    assert rows["b"] >= 8192
