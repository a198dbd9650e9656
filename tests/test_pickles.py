"""Pickles name public places alone, so that they outlive a move of the code."""

import io
import operator
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import vstore
import vstore.errors
from tests.test_faces import exported
from vstore import pickles
from vstore.faces import SOURCES, internals
from vstore.reader import Mixture, Reader, packed, regions, windows
from vstore.storage import CountingStore, MemoryStore, open_store


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> vstore.Repository:
    repo = vstore.create(tmp_path_factory.mktemp("pickles") / "repo")
    columns = {
        "x": vstore.ndarray((), "int64"),
        "name": vstore.text().as_optional(),
        "words": vstore.ndarray((None,), "int64"),
    }
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("deep/t", columns, keys="str").extend(
            {"x": [1, 2, 3], "name": ["a", None, "c"], "words": [[1], [2, 3], [4, 5, 6]]},
            keys=["a", "b", "c"],
        )
        tx.create_array("deep/a", shape=(3,), dtype="float32")[:] = 7
    with repo.transaction("main", message="Change") as tx:
        tx.table("deep/t")["x"][0] = 9
    repo.tags.create("v1", message="First")
    return repo


PLAIN = {*sys.stdlib_module_names, "numpy", "torch", "fsspec", "obstore", "pyarrow", "tblib"}
"""The libraries besides vstore of which pickles name something."""


class Reading(pickle.Unpickler):
    """Notes everything that a pickle names, except what other libraries have."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.named: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] not in PLAIN:
            self.named.add(f"{module}.{name}")
        return super().find_class(module, name)


def copied(value: Any) -> Any:
    """Return what a pickle makes of a value, having seen that it names public places only."""
    reading = Reading(pickle.dumps(value))
    found = reading.load()
    assert reading.named <= exported().keys() | {f"vstore.pickles.{name}" for name in pickles.HOMES}
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
VIEWS: dict[str, Callable[[vstore.Repository], Any]] = {
    "branches": lambda repo: repo.branches,
    "tags": lambda repo: repo.tags,
    "remotes": lambda repo: repo.remotes,
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


def deep(repo: vstore.Repository) -> vstore.Table:
    return repo.checkout("main").table("deep/t")


READ: dict[str, Callable[[vstore.Repository], Any]] = {
    "batches": lambda repo: Reader(deep(repo), ["x", "name"], batch_size=2, key_label="key"),
    "samples": lambda repo: Reader(deep(repo), ["x"], batch_size=None, shuffle=True, seed=1),
    "padded": lambda repo: Reader(deep(repo), ["words"], batch_size=2, ragged="padded"),
    "flat": lambda repo: Reader(deep(repo), ["words"], batch_size=2, ragged="flat"),
    "ranks": lambda repo: Reader(deep(repo), ["x"], batch_size=1, rank=1, world_size=3),
    "windows": lambda repo: Reader(
        deep(repo), ["x"], batch_size=2, rows=windows([0, 0, 0], offsets=[0, 1])
    ),
    "packed": lambda repo: Reader(
        deep(repo), ["words"], batch_size=1, rows=packed(deep(repo)["words"].lengths, 4)
    ),
    "regions": lambda repo: Reader(
        regions(repo.checkout("main").array("deep/a"), (2,)), batch_size=1
    ),
    "weights": lambda repo: Reader(
        deep(repo), ["x"], batch_size=1, shuffle=True, weights=[1.0, 2.0, 1.0]
    ),
    "lengths": lambda repo: Reader(
        deep(repo), ["words"], batch_size=1, shuffle=True, lengths=deep(repo)["words"].lengths
    ),
    "mixture": lambda repo: Reader(
        Mixture({"a": deep(repo), "b": deep(repo)}, weights={"a": 1, "b": 2}), ["x"], batch_size=2
    ),
}
TRAINED: dict[str, Callable[[Any, vstore.Table], Any]] = {
    "stream": lambda torch, table: torch.StreamingDataset(table, ["x"], batch_size=2),
    "nested": lambda torch, table: torch.StreamingDataset(
        table, ["words"], batch_size=2, ragged="nested", rank=0, world_size=1
    ),
    "transformed": lambda torch, table: torch.StreamingDataset(
        table, ["x"], batch_size=2, transforms={"x": operator.neg}
    ),
    "loader": lambda torch, table: torch.Loader(table, ["x"], batch_size=2),
    "loader with workers": lambda torch, table: torch.Loader(
        table, ["x"], batch_size=2, num_workers=2
    ),
    "map": lambda torch, table: torch.make_torch_dataset([table["x"], table["words"]]),
    "map of dicts": lambda torch, table: torch.make_torch_dataset(
        table, as_dict=True, key_label="key"
    ),
    "sample": lambda torch, table: torch.make_torch_dataset([table["x"], table["words"]])[0],
}


@pytest.mark.parametrize("what", VIEWS)
def test_views_of_a_repository_are_the_same_after_a_pickle(
    what: str, repo: vstore.Repository
) -> None:
    view = VIEWS[what](repo)
    assert list(copied(view)) == list(view)
    assert copied(repo.policies).log() == repo.policies.log()


@pytest.mark.parametrize("what", READ)
def test_readers_go_on_alike_after_a_pickle(what: str, repo: vstore.Repository) -> None:
    reader = READ[what](repo)
    found, expected = list(copied(reader)), list(reader)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert repr(one) == repr(other)


@pytest.mark.parametrize("what", TRAINED)
def test_datasets_and_loaders_name_public_places(what: str, repo: vstore.Repository) -> None:
    torch = pytest.importorskip("vstore.torch", exc_type=ImportError)
    held = TRAINED[what](torch, deep(repo))
    assert len(copied(held)) == len(held)


def test_a_loader_and_a_map_with_a_cache_name_public_places(
    repo: vstore.Repository, tmp_path: Path
) -> None:
    torch = pytest.importorskip("vstore.torch", exc_type=ImportError)
    loader = torch.Loader(deep(repo), ["x"], batch_size=1)
    batches = iter(loader)
    next(batches)
    next(batches)
    assert copied(loader).state_dict() == loader.state_dict()
    cached = torch.make_torch_dataset([deep(repo)["x"]], cache_dir=tmp_path)
    assert copied(cached)[0] == cached[0]
    batches.close()


def test_what_is_sent_to_other_writers_names_public_places(repo: vstore.Repository) -> None:
    with repo.transaction("main", message="Nothing") as tx:
        fork = tx.fork()
        fork["deep/a"][1] = 3
        assert type(copied(fork)) is vstore.Fork
        assert type(copied(tx.store)) is type(tx.store)
        tx.discard()


def test_arrow_scans_name_public_places(repo: vstore.Repository) -> None:
    pytest.importorskip("pyarrow")
    scan = deep(repo).arrow(columns=["x"])
    assert copied(scan).table().equals(scan.table())
    assert [copied(part).table().num_rows for part in scan.splits(1)] == [3]
    dataset = scan.dataset()
    assert copied(dataset).count_rows() == 3
    assert [copied(part).count_rows() for part in dataset.get_fragments()] == [3]


def test_what_clusters_send_names_public_places(repo: vstore.Repository) -> None:
    parts = pytest.importorskip("vstore.arrow.parts", exc_type=ImportError)
    with repo.transaction("main", message="Nothing") as tx:
        held = parts.TableParts(tx, "new")
        held.begin()
        assert type(copied(held)) is parts.TableParts
        tx.discard()


def test_filesystems_name_public_places(repo: vstore.Repository) -> None:
    files = pytest.importorskip("vstore.filesystem").CommitFileSystem(f"{repo.url}@main")
    assert copied(files).ls("deep", detail=False) == files.ls("deep", detail=False)


def test_names_for_pickles_follow_the_code() -> None:
    """What is marked is listed with its home, and what is listed is found there."""
    pytest.importorskip("torch")
    for name, home in pickles.HOMES.items():
        found = getattr(pickles, name)
        assert found is getattr(import_module(home), name)
        assert (found.__module__, found.__qualname__) == ("vstore.pickles", name)
    marked = {
        a.removeprefix("vstore.pickles."): home for a, home in SOURCES.items() if ".pickles." in a
    }
    assert marked == pickles.HOMES


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
    assert (table[1]["x"], table[1]["name"]) == (2, None)
    assert (loc["c"]["x"], loc["c"]["name"]) == (3, "c")
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


BY_CLOUDPICKLE = """
import sys
import cloudpickle
import vstore
import vstore.torch
repo = vstore.open(sys.argv[1])
table = repo.checkout()["t"]
held = [vstore.torch.make_torch_dataset(table), vstore.torch.StreamingDataset(table, batch_size=2)]
for each in [*held, repo, table, table["x"]]:
    data = cloudpickle.dumps(each)
    assert b"_make_skeleton_class" not in data, each
    cloudpickle.loads(data)
"""


def test_cloudpickle_takes_no_class_along_by_value(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    pytest.importorskip("torch")
    repo = vstore.create(tmp_path / "repo", author="Ann Lee <ann@example.org>")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": range(8)})
    command = [sys.executable, "-c", BY_CLOUDPICKLE, str(tmp_path / "repo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
