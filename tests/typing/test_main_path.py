"""The types of the calls that nobody gets around; mypy checks them, and pytest the values."""

from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
import zarr
from numpy.typing import NDArray

import vstore
from tests.repositories import new_repository
from vstore import (
    Array,
    Column,
    Fork,
    Group,
    Table,
    TransactionArray,
    TransactionColumn,
    TransactionGroup,
    TransactionTable,
)
from vstore.zarr_store import ZarrStore

if TYPE_CHECKING:
    from vstore import SampleKey

COLUMNS = {"x": vstore.ndarray((2,), "int64"), "word": vstore.text()}
SAMPLES: dict[str, Any] = {"x": [[1, 2], [3, 4]], "word": ["one", "two"]}


def repository() -> vstore.Repository:
    made = new_repository()
    with made.transaction(message="Add") as tx:
        assert_type(tx.create_table("g/t", COLUMNS, keys="str"), TransactionTable).extend(
            SAMPLES, keys=["a", "b"]
        )
        array = tx.create_array("g/a", shape=(3,), dtype="int64")
        assert_type(array, TransactionArray)
        array[:] = [5, 6, 7]
    return made


def test_nodes_of_a_snapshot() -> None:
    snapshot = repository().checkout()
    assert isinstance(assert_type(snapshot.table("g/t"), Table), Table)
    assert isinstance(assert_type(snapshot.array("g/a"), Array), Array)
    group = assert_type(snapshot.group("g"), Group)
    assert isinstance(assert_type(group.table("t"), Table), Table)
    assert isinstance(assert_type(group.array("a"), Array), Array)
    assert isinstance(assert_type(snapshot.store, ZarrStore), ZarrStore)
    assert zarr.open_array(snapshot.store, path="g/a", mode="r").shape == (3,)
    nodes: Mapping[str, object] = snapshot
    assert list(nodes) == ["g"]
    assert_type(snapshot.get("g"), Any | None)
    assert_type(snapshot.tables, dict[str, Table])


def test_nodes_of_a_transaction() -> None:
    with repository().transaction(message="Change") as tx:
        assert_type(tx.table("g/t"), TransactionTable).loc["a"] = {"word": "three"}
        assert_type(tx.array("g/a"), TransactionArray)[0] = 1
        group = assert_type(tx.group("g"), TransactionGroup)
        assert_type(group.table("t"), TransactionTable)["x"][0] = 0
        assert_type(tx.store, ZarrStore)
        fork = assert_type(tx.fork(), Fork)
        assert_type(fork.table("g/t"), TransactionTable)
        tx.merge(fork)


def test_what_selections_of_a_table_give() -> None:
    table = repository().checkout().table("g/t")
    assert assert_type(table[0], dict[str, Any])["word"] == "one"
    assert assert_type(table[np.int64(1)], dict[str, Any])["word"] == "two"
    assert assert_type(table[:1], dict[str, NDArray[Any]])["word"].tolist() == ["one"]
    assert len(assert_type(table[[0, 1]], dict[str, NDArray[Any]])["x"]) == 2
    assert isinstance(assert_type(table["x"], Column), Column)
    assert [assert_type(sample, dict[str, Any])["word"] for sample in table] == ["one", "two"]
    assert_type(table.keys(), KeysView[str])
    assert_type(table.values(), ValuesView[Column])
    assert_type(table.items(), ItemsView[str, Column])
    assert_type(dict(table), dict[str, Column])
    assert_type(table.get("x"), Column | None)
    assert assert_type(table.get("y", 3), Column | int) == 3


def test_what_selections_of_a_column_give() -> None:
    column = repository().checkout().table("g/t")["x"]
    assert_type(column[0], Any)
    mask = np.array([True, False])
    for several in (
        assert_type(column[:1], NDArray[Any]),
        assert_type(column[[0]], NDArray[Any]),
        assert_type(column[range(1)], NDArray[Any]),
        assert_type(column[mask], NDArray[Any]),
        assert_type(column[[True, False]], NDArray[Any]),
    ):
        assert several.tolist() == [[1, 2]]
    assert assert_type(column[...], NDArray[Any]).shape == (2, 2)
    assert assert_type(column[0, 1], Any) == 2
    with repository().transaction(message="Change") as tx:
        changed = assert_type(tx.table("g/t")["x"], TransactionColumn)
        assert assert_type(changed[:1], NDArray[Any]).tolist() == [[1, 2]]
        assert assert_type(changed[0], Any).tolist() == [1, 2]


def test_what_selections_of_an_array_give() -> None:
    array = repository().checkout().array("g/a")
    assert assert_type(array[:2], NDArray[Any]).tolist() == [5, 6]
    assert assert_type(array[[2, 0]], NDArray[Any]).tolist() == [7, 5]
    assert assert_type(array[1], Any) == 6
    assert assert_type(array[...], Any).tolist() == [5, 6, 7]
    with repository().transaction(message="Change") as tx:
        assert assert_type(tx.array("g/a")[:2], NDArray[Any]).tolist() == [5, 6]


def test_samples_by_key() -> None:
    table = repository().checkout().table("g/t")
    keys: Mapping[SampleKey, dict[str, Any]] = table.loc
    assert list(keys) == ["a", "b"]
    assert assert_type(table.loc["a"], dict[str, Any])["word"] == "one"
    assert assert_type(table.loc[["b"]], dict[str, NDArray[Any]])["word"].tolist() == ["two"]
    assert assert_type(table.loc.get("c"), dict[str, Any] | None) is None
    assert_type(table.sample_keys(), NDArray[Any])
