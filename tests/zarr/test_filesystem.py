"""Commits as files of fsspec, and as addresses that zarr and xarray take."""

import pickle
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

import vstore
from vstore.errors import CorruptionError, InvalidInputError, NotFoundError, ReadOnlyError
from vstore.filesystem import CommitFileSystem

VALUES = np.arange(12).reshape(3, 4)


@pytest.fixture(autouse=True)
def registered() -> None:
    """As the entry point of an installation does."""
    fsspec.register_implementation("vstore", CommitFileSystem, clobber=True)


@pytest.fixture(params=["folder", "memory"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    url = str(tmp_path / "repo") if request.param == "folder" else f"memory://fs-{tmp_path.name}"
    repository = vstore.create(url)
    with repository.transaction("main", message="Add") as tx:
        tx.create_array("g/x", shape=(3, 4), dtype="int64", chunk_shape=(2, 4))[:] = VALUES
        table = tx.create_table("t", {"a": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"a": [5, 6]}, keys=["k", "l"])
    return f"{url}@main"


def test_zarr_and_xarray_read_by_address(address: str) -> None:
    zarr, xr = pytest.importorskip("zarr"), pytest.importorskip("xarray")
    array = zarr.open_array(f"vstore://g/x::{address}", mode="r")
    np.testing.assert_array_equal(array[:], VALUES)
    group = zarr.open_group(f"vstore://::{address}", mode="r")
    assert sorted(group) == ["g", "t"]
    table = xr.open_zarr(f"vstore://t::{address}")
    assert table["a"].values.tolist() == [5, 6]
    assert table["sample"].values.tolist() == ["k", "l"]


def test_files_are_those_that_zarr_sees(address: str) -> None:
    files = CommitFileSystem(address)
    assert files.ls("", detail=False) == ["g", "t", "zarr.json"]
    assert [each["type"] for each in files.ls("g")] == ["directory", "file"]
    assert files.find("g") == ["g/x/c/0/0", "g/x/c/1/0", "g/x/zarr.json", "g/zarr.json"]
    assert files.isdir("g/x")
    assert files.isfile("g/x/c/1/0")
    assert not files.exists("g/y")
    whole = files.cat_file("g/x/c/0/0")
    assert files.info("g/x/c/0/0")["size"] == len(whole)
    assert files.cat_file("g/x/c/0/0", 2, 5) == whole[2:5]
    assert files.cat_file("g/x/c/0/0", -3) == whole[-3:]
    with files.open("g/x/c/0/0") as file:
        assert file.read() == whole
    for path in ("g/x/c/9/9", "nope", "g/../g", "objects"):
        with pytest.raises(FileNotFoundError):
            files.cat_file(path)


def test_nothing_is_written(address: str) -> None:
    files = CommitFileSystem(address)
    attempts: list[Any] = [
        lambda: files.pipe_file("a", b""),
        lambda: files.open("a", "wb"),
        lambda: files.rm("g", recursive=True),
        lambda: files.mkdir("a"),
        lambda: files.touch("a"),
        lambda: files.mv("g", "h"),
        lambda: files.cp_file("zarr.json", "a"),
        lambda: files.pipe("a", b""),
    ]
    for attempt in attempts:
        with pytest.raises(ReadOnlyError):
            attempt()


def test_a_pickle_stays_at_its_commit(tmp_path: Path) -> None:
    repository = vstore.create(tmp_path / "repo")
    with repository.transaction("main", message="Add") as tx:
        tx.create_array("x", shape=(1,), dtype="int64")[:] = 1
    files = CommitFileSystem(f"{tmp_path}/repo@main")
    with repository.transaction("main", message="Change") as tx:
        tx["x"][:] = 2
    again = pickle.loads(pickle.dumps(files))
    assert again.cat_file("x/c/0") == files.cat_file("x/c/0")
    new = CommitFileSystem(f"{tmp_path}/repo@main")
    assert new.cat_file("x/c/0") != files.cat_file("x/c/0")


def test_addresses_that_lead_nowhere(address: str) -> None:
    with pytest.raises(NotFoundError):
        CommitFileSystem("memory://nothing-is-here@main")
    with pytest.raises(InvalidInputError):
        fsspec.filesystem("vstore")
    with pytest.raises(NotFoundError):
        fsspec.url_to_fs(f"vstore://::{address}x")


def test_damage_is_not_handed_out(tmp_path: Path) -> None:
    repository = vstore.create(tmp_path / "repo")
    with repository.transaction("main", message="Add") as tx:
        tx.create_array("x", shape=(100,), dtype="int64")[:] = np.arange(100)
    for pack in (tmp_path / "repo" / "packs").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(bytes(255 - byte for byte in pack.read_bytes()))
    with pytest.raises(CorruptionError):
        CommitFileSystem(f"{tmp_path}/repo@main").cat_file("x/c/0")
