"""A change that was made only in part is never committed, whoever catches the error."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table, counted, new_repository, table_of
from vstore import Repository, StorageError
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key
from vstore.writing.staged_array import StagedArray

TENTHS = [
    {
        "name": "numcodecs.fixedscaleoffset",
        "configuration": {"offset": 0, "scale": 10, "dtype": "<f8", "astype": "<i4"},
    },
    {"name": "bytes", "configuration": {"endian": "little"}},
]
"""Codecs that hold tenths only, and refuse to encode other numbers."""


def test_what_cannot_be_encoded_is_not_committed_as_the_fill_value() -> None:
    spec = vstore.ndarray((), "float64", codecs=TENTHS, rows_per_chunk=4)
    repository, _ = committed_table({"c": spec}, {"c": [0.1, 0.2]})
    before = repository.resolve("main")
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match="would change elements"):
        tx["t"].extend({"c": np.array([0.3, 0.4, 0.123, 0.5, 0.6, 0.7, 0.8])})
    with pytest.raises(vstore.ClosedError, match="only in part"):
        tx["t"].extend({"c": [0.3]})
    with pytest.raises(vstore.ClosedError, match="begin another one"):
        tx.commit()
    assert repository.resolve("main") == before


def test_an_array_that_cannot_be_encoded_is_not_committed() -> None:
    repository = new_repository()
    tx = repository.transaction("main", message="Add")
    array = tx.create_array("x", shape=(8,), chunk_shape=(4,), dtype="float64", codecs=TENTHS)
    array[:] = 0.123
    with pytest.raises(vstore.InvalidInputError, match="would change elements"):
        tx.commit()
    assert list(repository.branches) == []


class _Interrupted(BaseException):
    """What a signal handler may raise."""


def test_an_interrupted_extend_leaves_no_column_longer_than_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = {"a": vstore.ndarray((), "int64"), "b": vstore.ndarray((), "int64")}
    repository, _ = committed_table(columns, {"a": [1], "b": [2]})
    tx = repository.transaction("main", message="Add")
    table = tx["t"]
    append = StagedArray._append

    def interrupted(array: Any, values: Any) -> None:
        if array.path == "t/b":
            raise _Interrupted
        append(array, values)

    monkeypatch.setattr("vstore.writing.staged_array.StagedArray._append", interrupted)
    with pytest.raises(_Interrupted):
        table.extend({"a": [3], "b": [4]})
    with pytest.raises(vstore.ClosedError, match="only in part"):
        tx.commit()
    assert len(table_of(repository)) == 1


def test_a_batch_that_is_refused_leaves_the_transaction_usable() -> None:
    columns = {"a": vstore.ndarray((2,), "int64"), "b": vstore.text()}
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", columns, keys="str")
        table.extend({"a": [[1, 2]], "b": ["x"]}, keys=["k"])
        for bad, keys in (
            ({"a": [[1, 2, 3]], "b": ["y"]}, ["l"]),
            ({"a": [[1, 2]], "b": [7]}, ["l"]),
            ({"a": [[1, 2]], "b": ["y"]}, ["k"]),
            ({"a": [[1, 2]]}, ["l"]),
        ):
            with pytest.raises(vstore.InvalidInputError):
                table.extend(bad, keys=keys)
            assert len(table) == 1
        table.extend({"a": [[3, 4]], "b": ["z"]}, keys=["l"])
    assert table_of(repository).sample_keys().tolist() == ["k", "l"]
    assert table_of(repository)["a"][:].tolist() == [[1, 2], [3, 4]]


def test_a_generator_that_raises_midway_discards_everything() -> None:
    def batches() -> Iterator[dict[str, Any]]:
        for i in range(5):
            if i == 3:
                raise RuntimeError("the disk is gone")
            yield {"a": np.full(100, i)}

    repository, _ = committed_table({"a": vstore.ndarray((), "int64")}, {"a": [1]})
    before = repository.resolve("main")
    with (
        pytest.raises(RuntimeError, match="the disk is gone"),
        repository.transaction("main", message="Add") as tx,
    ):
        tx["t"].extend(batches())
    assert repository.resolve("main") == before
    assert len(table_of(repository)) == 1


def test_batches_before_a_caught_failure_stay_whole() -> None:
    def batches() -> Iterator[dict[str, Any]]:
        yield {"a": np.arange(10), "b": ["x"] * 10}
        raise RuntimeError("the disk is gone")

    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"a": vstore.ndarray((), "int64"), "b": vstore.text()})
        with pytest.raises(RuntimeError, match="the disk is gone"):
            table.extend(batches())
        assert len(table) == 10
    assert table_of(repository)["a"][:].tolist() == list(range(10))
    assert table_of(repository)["b"][:].tolist() == ["x"] * 10


class _FailingStore(MemoryStore):
    """A store that refuses to keep some objects."""

    def __init__(self, name: str, prefix: str) -> None:
        super().__init__(name)
        self._prefix = prefix

    def put(self, key: Key, data: bytes) -> None:
        if key.startswith(self._prefix):
            raise StorageError("no space left")
        super().put(key, data)


@pytest.mark.parametrize("prefix", ["packs/", "commits/", "index/"])
def test_a_failed_upload_fails_the_commit_and_moves_nothing(prefix: str) -> None:
    repository, _ = committed_table({"a": vstore.ndarray((), "int64")}, {"a": [1]})
    before = repository.resolve("main")
    store = _FailingStore(repository.url.removeprefix("memory://"), prefix)
    failing = Repository(store)
    tx = failing.transaction("main", message="Add")
    tx["t"].extend({"a": np.arange(1000)})
    values = np.random.default_rng(0).integers(0, 255, (1000, 1), "uint8")
    tx.create_array("x", shape=(1000, 1), chunk_shape=(1, 1), dtype="uint8")[:] = values
    with pytest.raises(StorageError, match="no space left"):
        tx.commit()
    assert repository.resolve("main") == before
    assert "x" not in repository.checkout("main")


def test_a_failed_upload_shows_while_data_still_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vstore.writing.packs.PACK_NBYTES", 4096)
    repository = new_repository()
    store = _FailingStore(repository.url.removeprefix("memory://"), "packs/")

    def endless() -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng(0)
        for _ in range(10_000):
            yield {"a": rng.integers(0, 2**40, 1024)}
        pytest.fail("the transaction went on taking data that it cannot store")

    spec = vstore.ndarray((), "int64", rows_per_chunk=256)
    with (
        pytest.raises(StorageError, match="no space left"),
        Repository(store).transaction("main", message="Add") as tx,
    ):
        tx.create_table("t", {"a": spec}).extend(endless())
    assert list(repository.branches) == []


def test_nothing_is_visible_before_the_commit() -> None:
    repository, _ = committed_table({"a": vstore.ndarray((), "int64")}, {"a": [1]})
    with repository.transaction("main", message="Add") as tx:
        tx["t"].extend({"a": np.arange(100_000)})
        tx["t"]["a"][0] = 7
        assert len(table_of(repository)) == 1
        other, _ = counted(repository)
        assert table_of(other)["a"][:].tolist() == [1]
    assert len(table_of(repository)) == 100_001
