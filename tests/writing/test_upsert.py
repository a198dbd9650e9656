"""Upsert: what is new is added, what differs replaced, what is equal not written."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import vstore
from tests.repositories import new_repository
from vstore import InvalidInputError, Upserted

COLUMNS = {
    "x": vstore.ndarray((2,), "float32"),
    "box": vstore.ndarray((None,), "int16"),
    "name": vstore.text(),
    "age": vstore.ndarray((), "int64").as_optional(),
    "note": vstore.text().as_optional(),
    "tags": vstore.texts(),
}


def sample(seed: int) -> dict[str, Any]:
    return {
        "x": [seed, float("nan")],
        "box": list(range(seed % 4)),
        "name": f"n{seed % 5}",
        "age": seed if seed % 3 else None,
        "note": None if seed % 2 else "odd",
        "tags": ["a"] * (seed % 3),
    }


def batch(samples: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    return {name: [each[name] for each in samples.values()] for name in COLUMNS}


def test_counts_of_what_happened() -> None:
    repo = new_repository()
    old = {f"k{i}": sample(i) for i in range(10)}
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", COLUMNS, keys="str")
        assert table.upsert(batch(old), keys=list(old)) == Upserted(10, 0, 0)
    new = {"k0": sample(0), "k1": sample(99), "new": sample(3), "k9": sample(9)}
    with repo.transaction("main", message="Change") as tx:
        assert tx["t"].upsert(batch(new), keys=list(new)) == Upserted(1, 1, 2)
        assert tx["t"].loc.get("k1")["name"] == "n4"
        assert tx["t"].loc.get("nope", 7) == 7
    table = repo.checkout("main")["t"]
    assert table.loc["k1"]["x"][0] == 99
    assert len(table) == 11
    assert (table.loc.get("nope"), table.loc.get("nope", 0)) == (None, 0)
    changes = repo.commit("main").changes["t"]
    assert (changes.added, changes.changed) == (1, 1)


def test_equal_samples_make_no_commit() -> None:
    repo = new_repository()
    old = {i: sample(i) for i in range(100)}
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", COLUMNS, keys="int").extend(batch(old), keys=list(old))
    before = repo.commit("main").id
    with repo.transaction("main", message="Again") as tx:
        assert tx["t"].upsert(batch(old), keys=list(old)) == Upserted(0, 0, 100)
    assert repo.commit("main").id == before


def test_files_are_compared_as_they_are() -> None:
    held = [io.BytesIO(), io.BytesIO()]
    for file, level in zip(held, (0, 9), strict=True):
        Image.new("RGB", (4, 4), (9, 9, 9)).save(file, "PNG", compress_level=level)
    one, other = (file.getvalue() for file in held)
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"i": vstore.image(), "d": vstore.bytes_()}, keys="str")
        table.extend({"i": [one], "d": [b"x"]}, keys=["a"])
        assert table.upsert({"i": [one], "d": [b"x"]}, keys=["a"]) == Upserted(0, 0, 1)
        assert table.upsert({"i": [other], "d": [b"x"]}, keys=["a"]) == Upserted(0, 1, 0)


def test_what_is_left_out_becomes_missing() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        columns = {"x": vstore.ndarray((), "int64"), "y": vstore.text().as_optional()}
        table = tx.create_table("t", columns, keys="str")
        table.extend({"x": [1], "y": ["a"]}, keys=["k"])
        assert table.upsert([{"x": [1], "sample": ["k"]}]) == Upserted(0, 1, 0)
        assert table.loc["k"]["y"] is None


def test_deleted_samples_are_added_again() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"x": [1, 2]}, keys=["a", "b"])
        table.delete(keys=["a"])
        assert table.upsert({"x": [1]}, keys=["a"]) == Upserted(1, 0, 0)


@pytest.mark.parametrize(
    ("values", "keys", "said"),
    [
        ({"x": [1, 2]}, ["a", "a"], "'a' is given twice"),
        ({"x": [1, "z"]}, ["a", "new"], "'x' holds int64"),
        ({"x": [1]}, None, "none were given"),
        ({"x": [1]}, ["a", "b"], "2 keys for 1 samples"),
        ({"y": [1]}, ["a"], "no such column"),
        ({"x": [5]}, [1], "are strings"),
    ],
)
def test_what_does_not_fit_changes_nothing(values: Any, keys: Any, said: str) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"x": [7]}, keys=["a"])
        with pytest.raises(InvalidInputError, match=said):
            table.upsert(values, keys=keys)
        assert [row["x"] for row in table] == [7]


def test_tables_without_keys_are_refused() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        with pytest.raises(InvalidInputError, match="have no keys"):
            table.upsert({"x": [1]}, keys=["a"])


SEEDS = st.dictionaries(st.integers(0, 12), st.integers(0, 30), min_size=1, max_size=8)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(SEEDS, st.booleans()), max_size=5))
def test_a_table_is_what_a_dict_would_be(steps: list[tuple[dict[int, int], bool]]) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Table", allow_empty=True) as tx:
        tx.create_table("t", COLUMNS, keys="int")
    model: dict[int, int] = {}
    for seeds, commits in steps:
        tx = repo.transaction("main", message="Change")
        given = {key: sample(seed) for key, seed in seeds.items()}
        found = tx["t"].upsert(batch(given), keys=list(given))
        new = seeds.keys() - model.keys()
        equal = [key for key in seeds.keys() & model.keys() if _same(seeds[key], model[key])]
        assert found == Upserted(len(new), len(seeds) - len(new) - len(equal), len(equal))
        if commits:
            tx.commit()
            model |= seeds
        else:
            tx.discard()
    table = repo.checkout("main")["t"]
    assert set(table.sample_keys().tolist()) == model.keys()
    for key, seed in model.items():
        row, wanted = table.loc[key], sample(seed)
        assert np.array_equal(row["x"], np.array(wanted["x"], "float32"), equal_nan=True)
        assert (row["name"], row["age"], row["note"]) == tuple(
            wanted[name] for name in ("name", "age", "note")
        )
        assert (row["box"].tolist(), list(row["tags"])) == (wanted["box"], wanted["tags"])


def _same(one: int, other: int) -> bool:
    return str(sample(one)) == str(sample(other))
