"""A wrong index of keys gives no wrong sample, and verification finds what it hides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table, table_of
from tests.writing.keyed_table import small_index
from vstore import Repository
from vstore.errors import FormatError, NotFoundError
from vstore.faces import internals
from vstore.format.table.key_index import (
    bucket_of,
    decode_bucket,
    encode_bucket,
    marks_of_keys,
)
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.writing.staged_array import StagedArray

FULL = FsckOptions(mode="full")
X = {"x": vstore.ndarray((), "int64", rows_per_chunk=4)}
ROWS = 30
KEYS_OF: dict[Any, list[Any]] = {
    "int": [3 * i for i in range(ROWS)],
    "str": [f"k{i}" for i in range(ROWS)],
    "tuple": [(f"p{i // 5}", i % 5) for i in range(ROWS)],
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_index(monkeypatch)


def keyed(kind: Any = "int") -> Repository:
    names = KEYS_OF[kind]
    return committed_table(X, {"x": np.arange(ROWS)}, keys=kind, sample_keys=names)[0]


def tampered(
    repository: Repository, key: int, change: Callable[[bytes], bytes], name: str = KEY_INDEX
) -> None:
    """Commit another bucket in the place of the one that leads to a key."""
    with repository.transaction("main", message="Tamper") as tx:
        array: StagedArray = internals(tx["t"]).stored[name]
        (home,) = bucket_of(marks_of_keys(np.array([key], np.int64)), array.metadata.shape[0])
        element = array_element(array, int(home))
        array.write(int(home), np.array(change(element), object))


def array_element(array: StagedArray, number: int) -> bytes:
    return vstore.reading.array.read(array, slice(number, number + 1))[0]  # type: ignore[no-any-return]


def without(key: int) -> Callable[[bytes], bytes]:
    (mark,) = marks_of_keys(np.array([key], np.int64))

    def change(data: bytes) -> bytes:
        marks, blocks = decode_bucket(data)
        return encode_bucket(marks[marks != mark], blocks[marks != mark])

    return change


def leading_to(block: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        marks, _ = decode_bucket(data)
        return encode_bucket(marks, np.full(len(marks), block))

    return change


def problems(repository: Repository) -> list[str]:
    return [problem.detail for problem in fsck(repository.store, FULL).problems]


@pytest.mark.parametrize("kind", list(KEYS_OF))
def test_a_right_index_is_found_right(kind: str) -> None:
    repository = keyed(kind)
    with repository.transaction("main", message="Change") as tx:
        tx["t"].delete(keys=KEYS_OF[kind][3:9])
        tx["t"].extend({"x": [77]}, keys=KEYS_OF[kind][4:5])
    assert problems(repository) == []
    with repository.transaction("main", message="Compact") as tx:
        tx["t"].compact()
    assert problems(repository) == []


def test_a_missing_entry_hides_a_sample_and_is_found() -> None:
    repository = keyed()
    tampered(repository, 12, without(12))
    table = table_of(repository)
    with pytest.raises(NotFoundError):
        table.loc[12]
    assert table["x"][4] == 4
    assert table.sample_keys()[4] == 12
    (detail,) = problems(repository)
    assert "1 of 8 buckets of the key index are wrong" in detail


def test_a_wrong_chunk_gives_no_other_sample_and_is_found() -> None:
    repository = keyed()
    tampered(repository, 12, leading_to(5))
    with pytest.raises(NotFoundError):
        table_of(repository).loc[12]
    assert len(problems(repository)) == 1


@pytest.mark.parametrize(
    "change",
    [
        leading_to(ROWS),
        lambda data: data[:-1],
        lambda data: data[8:16] + data[:8] + data[16:],
        lambda data: data + data,
    ],
    ids=["beyond the last chunk", "cut short", "out of order", "twice"],
)
def test_a_malformed_bucket_is_refused_and_found(change: Callable[[bytes], bytes]) -> None:
    repository = keyed()
    tampered(repository, 12, change)
    with pytest.raises(FormatError, match="key index"):
        table_of(repository).loc[12]
    assert len(problems(repository)) == 1


def test_an_index_of_another_length_is_refused_and_found() -> None:
    repository = keyed()
    with repository.transaction("main", message="Tamper") as tx:
        internals(tx["t"]).stored[KEY_INDEX].grow(9)
    with pytest.raises(FormatError, match=r"sample\.index"):
        table_of(repository).loc[12]
    assert "has the shape (9,), not (8,)" in problems(repository)[0]


def test_without_its_index_a_table_is_read_by_its_keys() -> None:
    repository = keyed()
    with repository.transaction("main", message="Tamper") as tx:
        del internals(tx["t"]).stored._arrays[KEY_INDEX]
        internals(tx["t"]).stored.keys.rebase(internals(tx["t"]).stored._keys_before)
        internals(tx["t"]).stored._write_index = lambda: None
    assert table_of(repository).loc[12]["x"] == 4
    assert "there is no key index" in problems(repository)[0]
    with repository.transaction("main", message="The next key makes one") as tx:
        tx["t"].append({"x": 9}, key=1000)
    assert problems(repository) == []
    assert table_of(repository).loc[12]["x"] == 4


def test_reindexing_mends_an_index() -> None:
    repository = keyed()
    tampered(repository, 12, without(12))
    with repository.transaction("main", message="Mend") as tx:
        tx["t"].append({"x": 50}, key=1000)
        tx["t"].reindex()
        tx["t"].append({"x": 51}, key=1001)
        with pytest.raises(vstore.InvalidInputError, match="already"):
            tx["t"].append({"x": 52}, key=1000)
    assert problems(repository) == []
    found = table_of(repository).loc[[12, 1000, 1001]]["x"]
    assert found.tolist() == [4, 50, 51]


def test_two_samples_with_one_key_are_found() -> None:
    repository = keyed()
    with repository.transaction("main", message="Tamper") as tx:
        internals(tx["t"]).stored[KEYS].write((np.array([7]),), np.array([12]))
    assert "12 names two samples" in problems(repository)[0]


def test_a_wrong_count_of_deleted_rows_is_refused_and_found() -> None:
    repository = keyed()
    with repository.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=[12, 15])
    assert problems(repository) == []
    with repository.transaction("main", message="Tamper") as tx:
        internals(tx["t"]).stored[DELETED].write((np.array([20]),), np.ones((), bool))
    with pytest.raises(FormatError, match="3 of the rows from 0 on are deleted, not 2"):
        table_of(repository).loc[0]
    assert "other rows are marked as deleted" in problems(repository)[0]


def test_damage_to_the_index_is_reported_as_such() -> None:
    repository = keyed()
    node: Any = internals(repository.checkout("main")).tree.get(f"t/{KEY_INDEX}")
    (pack, nbytes), *_ = node.chunks.page["packs"]
    key = vstore.format.object_keys.pack(pack)
    data = bytearray(repository.store.get(key))
    repository.store.put(key, bytes(nbytes))
    faults = [problem.fault for problem in fsck(repository.store, FULL).problems]
    assert faults == ["damaged"]
    repository.store.put(key, bytes(data))
    assert problems(repository) == []
