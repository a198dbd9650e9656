"""Snapshots, groups and transactions are mappings of names, and tables of columns."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore import Repository, Snapshot, Transaction, TransactionTable
from vstore.faces import internals

COLUMNS = {"image": vstore.ndarray((2,), "uint8"), "label": vstore.ndarray((), "int64")}
SAMPLES: dict[str, Any] = {"image": np.arange(6).reshape(3, 2).astype("uint8"), "label": [3, 1, 4]}


def fill(tx: Transaction) -> None:
    tx.create_table("train", COLUMNS).extend(SAMPLES)
    tx.create_array("deep/er/x", shape=(3,), dtype="int64")[:] = [5, 6, 7]
    tx.create_table("deep/test", COLUMNS, keys="str").extend(SAMPLES, keys=["a", "b", "c"])


@pytest.fixture
def repository() -> Repository:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        fill(tx)
    return repository


@pytest.fixture(params=["snapshot", "transaction", "changed transaction"])
def nodes(request: pytest.FixtureRequest, repository: Repository) -> Iterator[Any]:
    """What a commit holds, read three ways: as it is, and in transactions on it and before it."""
    if request.param == "snapshot":
        yield repository.checkout("main")
        return
    if request.param == "changed transaction":
        repository = new_repository()
    tx = repository.transaction("main", message="Change")
    if request.param == "changed transaction":
        fill(tx)
    yield tx
    tx.discard()


def test_a_mapping_of_the_names_at_the_root(nodes: Any) -> None:
    assert isinstance(nodes, Mapping)
    assert list(nodes) == ["deep", "train"]
    assert len(nodes) == 2
    assert list(nodes.keys()) == ["deep", "train"]
    assert [node.path for node in nodes.values()] == ["deep", "train"]
    assert [(name, node.path) for name, node in nodes.items()] == [
        ("deep", "deep"),
        ("train", "train"),
    ]
    assert dict(nodes).keys() == {"deep", "train"}
    assert dict(nodes)["train"]["label"][:].tolist() == [3, 1, 4]
    assert {**nodes}.keys() == dict(nodes).keys()


def test_a_mapping_of_the_names_in_a_group(nodes: Any) -> None:
    group = nodes["deep"]
    assert isinstance(group, Mapping)
    assert list(group) == ["er", "test"]
    assert len(group) == 2
    assert [(name, node.path) for name, node in group.items()] == [
        ("er", "deep/er"),
        ("test", "deep/test"),
    ]
    assert list(dict(group)["er"]) == ["x"]
    assert group["er"]["x"][:].tolist() == [5, 6, 7]
    assert repr(group["er"]).endswith("Group 'deep/er': x>")


@pytest.mark.parametrize(
    "path", ["train", "/train/", "train/image", "deep", "deep/er", "deep/er/x", "deep/test/label"]
)
def test_in_and_get_follow_paths(nodes: Any, path: str) -> None:
    assert path in nodes
    assert nodes.get(path) is not None
    assert nodes.get(path, 3) != 3
    assert repr(nodes.get(path)) == repr(nodes[path])
    if path.startswith("deep/"):
        below = path.removeprefix("deep/")
        assert below in nodes["deep"]
        assert repr(nodes["deep"].get(below)) == repr(nodes[path])


@pytest.mark.parametrize(
    "path", ["nope", "train/nope", "train/image/0", "deep/er/x/y", "deep/nope/x", "a//b"]
)
def test_what_is_not_there(nodes: Any, path: str) -> None:
    for found in (nodes, nodes["deep"]):
        assert path not in found
        assert found.get(path) is None
        assert found.get(path, 3) == 3
        assert (path, None) not in found.items()
        with pytest.raises((vstore.NotFoundError, vstore.InvalidInputError)):
            found[path]
    with pytest.raises(LookupError):
        nodes["nope"]


@pytest.mark.parametrize("name", [5, None, ("train",), ["train"], slice(None)])
def test_what_is_no_name_is_not_in_it(nodes: Any, name: Any) -> None:
    for found in (nodes, nodes["deep"]):
        assert name not in found
        assert found.get(name) is None
        with pytest.raises(vstore.InvalidInputError, match="a string of names"):
            found[name]


def test_nodes_by_kind(nodes: Any) -> None:
    assert nodes.table("train")["label"][:].tolist() == [3, 1, 4]
    assert nodes.array("deep/er/x")[1] == 6
    assert list(nodes.group("deep")) == ["er", "test"]
    assert list(nodes.group("")) == ["deep", "train"]
    group = nodes.group("deep")
    assert group.table("test")["label"][0] == 3
    assert group.array("er/x")[2] == 7
    assert list(group.group("er")) == ["x"]


@pytest.mark.parametrize(
    ("path", "kind", "others"),
    [
        ("train", "a table", ["array", "group"]),
        ("train/image", "a column", ["array", "group", "table"]),
        ("deep/er/x", "an array", ["group", "table"]),
        ("deep/er", "a group", ["array"]),
    ],
)
def test_nodes_of_another_kind(nodes: Any, path: str, kind: str, others: list[str]) -> None:
    for other in others:
        with pytest.raises(vstore.InvalidInputError, match=f"'{path}' is {kind}, not an? {other}"):
            getattr(nodes, other)(path)
        with pytest.raises(vstore.NotFoundError):
            getattr(nodes, other)("nope")


def test_a_table_is_a_mapping_of_columns_and_a_sequence_of_samples(nodes: Any) -> None:
    table = nodes["train"]
    assert list(table.keys()) == ["image", "label"]
    assert [column[1].tolist() for column in table.values()] == [[2, 3], 1]
    assert [(name, len(column)) for name, column in table.items()] == [("image", 3), ("label", 3)]
    assert {name: column[:].tolist() for name, column in dict(table).items()} == {
        "image": SAMPLES["image"].tolist(),
        "label": SAMPLES["label"],
    }
    assert "label" in table
    assert "nope" not in table
    assert table.get("nope") is None
    assert table.get("nope", 3) == 3
    assert table.get("label")[2] == 4
    assert table.columns["label"][2] == 4
    assert len(table) == 3
    assert [sample["label"] for sample in table] == [3, 1, 4]
    assert table[1]["label"] == 1
    assert table[1:]["label"].tolist() == [1, 4]
    assert table[np.array([True, False, True])]["image"].tolist() == [[0, 1], [4, 5]]
    with pytest.raises(vstore.NotFoundError, match="has no column 'nope'") as raised:
        table["nope"]
    assert raised.value.hint == "choose one of 'image', 'label'"


def test_equal_is_the_same(repository: Repository) -> None:
    one, other = repository.checkout("main"), repository.checkout("main")
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    assert one["deep"] != other["deep"]


def test_looking_for_names_reads_no_data(tmp_path: Any) -> None:
    repository = vstore.create(tmp_path)
    with repository.transaction("main", message="Add") as tx:
        fill(tx)
    snapshot: Snapshot = repository.checkout("main")
    for pack in tmp_path.rglob("packs/*/*"):
        pack.unlink()
    assert "train/image" in snapshot
    assert next(iter(snapshot["deep"].items()))[0] == "er"
    assert [name for name, _ in snapshot.items()] == ["deep", "train"]


def test_a_transaction_shows_what_was_changed(repository: Repository) -> None:
    with repository.transaction("main", message="Change") as tx:
        tx.delete("train")
        tx.move("deep/er", "moved")
        tx["deep/test"].add_column("more", vstore.text())
        assert list(tx) == ["deep", "moved"]
        assert list(tx["deep"]) == ["test"]
        assert "train" not in tx
        assert tx.get("train/image") is None
        assert "deep/test/more" in tx
        tx.group("moved").set_attributes({"unit": "K"})
        assert tx["moved"].attributes == {"unit": "K"}
    assert repository.checkout("main").group("moved").attributes == {"unit": "K"}
    with pytest.raises(vstore.ClosedError):
        list(tx)


def test_what_vstore_keeps_for_itself_is_not_among_the_names() -> None:
    pytest.importorskip("zarr")
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        fill(tx)
        TransactionTable(internals(tx).staged.objects()).append({"data": b"1"}, key="loose")
        assert list(tx) == ["deep", "train"]
    assert list(repository.checkout("main")) == ["deep", "train"]
