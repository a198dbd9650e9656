"""Keys of samples: what they may be, that they are found, and in which order they stand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

import vstore
from tests.repositories import committed_table, counted, new_repository, table_of

X = {"x": vstore.ndarray((), "int64", rows_per_chunk=4)}


def keyed(keys: Any, kind: Any) -> vstore.Table:
    return committed_table(X, {"x": np.arange(len(keys))}, keys=kind, sample_keys=keys)[1]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("int", [3, -1, 0, 2**63 - 1, -(2**63), 10, 9]),
        ("str", ["1", "b", "", " ", "a/b", "é", "e\u0301", "\U0001f600", "\x00", "x" * 5000]),
        ("tuple", [("a",), ("a", 1), ("a", "1"), (1, "a"), ("a", 1, 2), ("", 0), ("[1]",)]),
    ],
)
def test_keys_come_back_in_the_order_in_which_they_were_given(kind: str, keys: list[Any]) -> None:
    table = keyed(keys, kind)
    assert table.key_kind == kind
    assert table.sample_keys().tolist() == keys
    for i, key in enumerate(keys):
        assert table.position(key) == i
        assert key in table.loc
    assert table.loc[keys[::-1]]["x"].tolist() == list(range(len(keys)))[::-1]


def test_a_number_and_its_digits_are_different_keys() -> None:
    ints, strings = keyed([1, 2], "int"), keyed(["1", "2"], "str")
    assert ints.loc[1]["x"] == strings.loc["1"]["x"] == 0
    for table, wrong in ((ints, "1"), (strings, 1)):
        with pytest.raises(vstore.InvalidInputError, match="keys of 't' are"):
            table.loc[wrong]
    tuples = keyed([("p", 1), ("p", "1")], "tuple")
    assert tuples.loc[("p", 1)]["x"] == 0
    assert tuples.loc[("p", "1")]["x"] == 1


def test_numpy_keys_are_as_good_as_plain_ones() -> None:
    table = keyed(np.array([5, 7], "int32"), "int")
    assert table.loc[np.int8(7)]["x"] == 1
    assert table.sample_keys().dtype == np.int64
    assert keyed(np.array(["b", "a"]), "str").sample_keys().tolist() == ["b", "a"]
    assert type(keyed(np.array(["b"]), "str").sample_keys()[0]) is str


def test_a_key_may_come_again_once_its_sample_is_deleted() -> None:
    repository, _ = committed_table(X, {"x": [1, 2, 3]}, keys="str", sample_keys=["a", "b", "c"])
    with repository.transaction("main", message="Replace within one transaction") as tx:
        tx["t"].delete(keys=["b"])
        with pytest.raises(vstore.NotFoundError):
            tx["t"].loc["b"]
        tx["t"].extend({"x": [20]}, keys=["b"])
        assert tx["t"].loc["b"]["x"] == 20
        tx["t"].delete(keys=["b"])
        tx["t"].extend({"x": [21]}, keys=["b"])
    table = table_of(repository)
    assert table.sample_keys().tolist() == ["a", "c", "b"]
    assert table.loc["b"]["x"] == 21
    with repository.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["a"])
    with repository.transaction("main", message="Replace in a later one") as tx:
        tx["t"].extend({"x": [10]}, keys=["a"])
    assert table_of(repository).sample_keys().tolist() == ["c", "b", "a"]


def test_samples_without_keys_are_found_by_position() -> None:
    _, table = committed_table(X, {"x": [5, 6, 7]})
    assert table.key_kind is None
    assert table.sample_keys().tolist() == [0, 1, 2]
    assert table.loc[2]["x"] == 7
    assert table.loc[[2, 0]]["x"].tolist() == [7, 5]
    for missing in (3, -1):
        with pytest.raises(vstore.NotFoundError, match="has 3 samples and no keys"):
            table.loc[missing]


def test_an_empty_table_has_no_keys() -> None:
    for kind in ("int", "str", "tuple"):
        repository = new_repository()
        with repository.transaction("main", message="Create") as tx:
            tx.create_table("t", X, keys=kind)
            assert tx["t"].sample_keys().tolist() == []
        assert table_of(repository).sample_keys().tolist() == []
        key: Any = {"int": 1, "str": "a", "tuple": ("a",)}[kind]
        with repository.transaction("main", message="Add") as tx:
            tx["t"].extend({"x": [1]}, keys=[key])
        assert table_of(repository).loc[key]["x"] is not None


SCRIPT = """
import json, sys
import numpy as np
import pandas
import pyarrow
import vstore

repository = vstore.open(sys.argv[1])
if len(sys.argv) > 2:
    names = {f"sample-{i * 7919 % 500}" for i in range(500)}  # a set: ordered by hash
    with repository.transaction("main", message="Add") as tx:
        columns = {name: vstore.text() for name in ("b", "a", "c")}
        table = tx.create_table("t", columns, keys="str")
        keys = sorted(names, key=lambda name: int(name[7:]) * 31 % 503)
        table.extend({name: keys for name in {"c", "a", "b"}}, keys=keys)
        table.delete(keys=list(names)[:0] + keys[3:9])
snapshot = repository.checkout("main")
table = snapshot["t"]
print(json.dumps([table.sample_keys().tolist(), table["b"][:].tolist(), list(table.columns)]))
"""


def test_every_process_sees_the_same_order(tmp_path: Path) -> None:
    """Whatever the hash seed, of the writer or of the reader."""
    url = str(tmp_path / "repository")
    vstore.create(url)

    def run(seed: str, *arguments: str) -> Any:
        environment = os.environ | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONHASHSEED": seed,
        }
        command = [sys.executable, "-c", SCRIPT, url, *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    written = run("1", "write")
    expected = sorted((f"sample-{i}" for i in range(500)), key=lambda n: int(n[7:]) * 31 % 503)
    del expected[3:9]
    assert written == [expected, expected, ["a", "b", "c"]]
    assert run("2") == run("12345") == written


def test_finding_many_keys_reads_the_keys_once() -> None:
    repository, _ = committed_table(
        X, {"x": np.arange(500)}, keys="str", sample_keys=[f"k{i}" for i in range(500)]
    )
    fresh, store = counted(repository)
    table = table_of(fresh)
    assert table.loc["k17"]["x"] == 17
    before = store.count()
    for i in range(50):
        assert table.position(f"k{i}") == i
        assert f"k{i}" in table.loc
        assert f"no{i}" not in table.loc
    assert store.count() == before


@pytest.mark.parametrize("keys", [{"a", "b"}, frozenset("ab"), {"a": 1, "b": 2}, "ab"])
def test_keys_without_an_order_are_refused(keys: Any) -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        with pytest.raises(vstore.InvalidInputError, match="list"):
            table.extend({"x": [1, 2]}, keys=keys)
        with pytest.raises(vstore.InvalidInputError, match="list"):
            table.extend({"x": [1, 2], "sample": keys})
        table.extend({"x": [1, 2]}, keys=["a", "b"])
    with pytest.raises(vstore.InvalidInputError, match="list"):
        repository.checkout()["t"].positions(keys)


def test_a_set_says_which_samples_to_delete() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"x": [1, 2, 3]}, keys=["a", "b", "c"])
        assert table.delete(keys={"a", "c"}) == 2
        assert table["x"][:].tolist() == [2]


@pytest.mark.parametrize(
    "keys", [pyarrow.array(["a", "b"]), pandas.Series(["a", "b"]), np.array(["a", "b"], "T")]
)
def test_keys_of_other_libraries(keys: Any) -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"x": [1, 2]}, keys=keys)
    assert repository.checkout()["t"].sample_keys().tolist() == ["a", "b"]
    assert repository.checkout()["t"].positions(keys).tolist() == [0, 1]
