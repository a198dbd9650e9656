"""Pickles name public places alone, so that they outlive a move of the code."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import vstore
import vstore.errors
from tests.test_faces import exported
from vstore.faces import internals
from vstore.storage import CountingStore, MemoryStore, open_store


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> vstore.Repository:
    repo = vstore.create(tmp_path_factory.mktemp("pickles") / "repo")
    columns = {"x": vstore.ndarray((), "int64"), "name": vstore.text().as_optional()}
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("deep/t", columns, keys="str").extend(
            {"x": [1, 2, 3], "name": ["a", None, "c"]}, keys=["a", "b", "c"]
        )
        tx.create_array("deep/a", shape=(3,), dtype="float32")[:] = 7
    with repo.transaction("main", message="Change") as tx:
        tx.table("deep/t")["x"][0] = 9
    repo.tags.create("v1", message="First")
    return repo


class Reading(pickle.Unpickler):
    """Notes everything of vstore that a pickle names."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.named: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "vstore":
            self.named.add(f"{module}.{name}")
        return super().find_class(module, name)


def copied(value: Any) -> Any:
    """Return what a pickle makes of a value, having seen that it names public places only."""
    reading = Reading(pickle.dumps(value))
    found = reading.load()
    assert reading.named <= exported().keys()
    return found


HELD: dict[str, Callable[[vstore.Repository], Any]] = {
    "repository": lambda repo: repo,
    "snapshot": lambda repo: repo.checkout("main"),
    "group": lambda repo: repo.checkout("main").group("deep"),
    "table": lambda repo: repo.checkout("main").table("deep/t"),
    "column": lambda repo: repo.checkout("main").table("deep/t")["name"],
    "loc": lambda repo: repo.checkout("main").table("deep/t").loc,
    "array": lambda repo: repo.checkout("main").array("deep/a"),
    "zarr store": lambda repo: repo.checkout("main").store,
    "diff": lambda repo: repo.diff("main~1", "main"),
}
VALUES: dict[str, Callable[[vstore.Repository], Any]] = {
    "commit": lambda repo: repo.commit("main"),
    "description": lambda repo: repo.description,
    "log": lambda repo: repo.branches.log("main"),
    "tag": lambda repo: repo.tags.get("v1"),
    "summary": lambda repo: repo.checkout("main").summary(),
    "metadata": lambda repo: repo.checkout("main").array("deep/a").metadata,
    "statistics": lambda repo: repo.diff("main~1", "main").tables["deep/t"].statistics("x"),
    "fsck": lambda repo: repo.fsck(),
    "gc": lambda repo: repo.gc(dry_run=True),
    "probe": lambda repo: repo.probe(),
}


@pytest.mark.parametrize("what", HELD)
def test_what_users_hold_is_the_same_after_a_pickle(what: str, repo: vstore.Repository) -> None:
    value = HELD[what](repo)
    assert repr(copied(value)) == repr(value)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/prefix", {"key": "name", "secret": "hidden", "anon": False}),
        ("gs://bucket/prefix", {"token": "anon"}),
        ("az://container/prefix", {"account_name": "account", "anon": True}),
        ("simplecache::file:///there", {}),
    ],
)
def test_stores_elsewhere_are_reopened_by_their_address(url: str, options: dict[str, Any]) -> None:
    pytest.importorskip({"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}.get(url[:2], "fsspec"))
    store: Any = open_store(url, storage_options=options)
    again: Any = copied(vstore.Repository(store)).store
    assert (again.url, type(again)) == (store.url, type(store))
    assert again._opening == store._opening


@pytest.mark.parametrize("what", VALUES)
def test_values_are_equal_after_a_pickle(what: str, repo: vstore.Repository) -> None:
    value = VALUES[what](repo)
    assert copied(value) == value


def test_copies_read_the_same_samples(repo: vstore.Repository) -> None:
    snapshot = repo.checkout("main")
    table, column, loc = copied(
        (snapshot.table("deep/t"), snapshot.table("deep/t")["x"], snapshot.table("deep/t").loc)
    )
    assert column[:].tolist() == [9, 2, 3]
    assert table[1] == {"x": 2, "name": None}
    assert loc["c"] == {"x": 3, "name": "c"}
    assert internals(table) is internals(column).table
    assert np.array_equal(copied(snapshot.array("deep/a"))[:], [7, 7, 7])


@pytest.mark.parametrize("name", sorted(exported()))
def test_classes_and_functions_pickle_by_their_addresses(name: str) -> None:
    value = exported()[name]
    if isinstance(value, type | FunctionType):
        assert pickle.loads(pickle.dumps(value)) is value


def test_errors_name_public_places() -> None:
    kinds = [kind for kind in vars(vstore.errors).values() if isinstance(kind, type)]
    plain = [kind for kind in kinds if issubclass(kind, vstore.VstoreError)]
    plain.remove(vstore.MissingExtraError)
    missing = vstore.MissingExtraError("zarr", extra="zarr", purpose="this")
    for error in (missing, *(kind("why") for kind in plain)):
        found = copied(error)
        assert (type(found), str(found)) == (type(error), str(error))


def test_specs_and_stores(tmp_path: Path) -> None:
    spec = vstore.ndarray((2, 3), "uint8")
    assert copied(spec) == spec
    memory = MemoryStore("pickled")
    for store in (memory, CountingStore(memory), vstore.create(tmp_path / "r").store):
        assert copied(store).url == store.url


def test_what_a_transaction_shows_does_not_pickle(repo: vstore.Repository) -> None:
    with repo.transaction("main", message="Nothing") as tx:
        table = tx.table("deep/t")
        for held in (tx.array("deep/a"), table.loc, internals(table).open_column("x")):
            with pytest.raises(TypeError, match="does not pickle"):
                pickle.dumps(held)
        tx.discard()
