"""References as Parquet, read part by part by plain zarr and xarray without vstore."""

import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import zarr
from fsspec.implementations.reference import LazyReferenceMapper, ReferenceFileSystem
from zarr.storage import FsspecStore

import vstore
from tests.exporters.test_references import CODE, EXPECTED, fill, read_elsewhere
from tests.repositories import new_repository
from tests.zarr import repositories
from vstore.exporters import export_refs

pytest.importorskip("pyarrow")
pytest.importorskip("pandas")

MAPPER = """
from fsspec.implementations.reference import LazyReferenceMapper, ReferenceFileSystem

files = ReferenceFileSystem(
    LazyReferenceMapper(refs, engine="pyarrow"), remote_protocol="file", asynchronous=True
)
store = FsspecStore(files, read_only=True, path="")
root = zarr.open_group(store, mode="r")
"""


def test_plain_zarr_reads_a_commit_on_disk(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    count = export_refs(repository.checkout(), tmp_path / "refs.parquet")
    assert count == export_refs(repository.checkout(), tmp_path / "refs.json")
    assert read_elsewhere(tmp_path / "refs.parquet", CODE, opening=MAPPER) == EXPECTED


def opened(folder: Path) -> Any:
    """Return the root group of a folder, as zarr reads it through fsspec."""
    files = ReferenceFileSystem(
        LazyReferenceMapper(str(folder), engine="pyarrow"),
        remote_protocol="file",
        asynchronous=True,
    )
    return zarr.open_group(FsspecStore(files, read_only=True, path=""), mode="r")


def test_chunks_that_are_not_stored_have_the_fill_value(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    with repository.transaction(message="Add") as tx:
        tx.create_array("few", shape=(30_000, 6), chunk_shape=(1, 3), dtype="i2", fill_value=-1)[
            25_000, 4
        ] = 7
        tx.create_array("single", shape=(), dtype="f8")[...] = 1.5
        tx.create_array("empty", shape=(0, 3), dtype="i1")
        tx.create_array("none", shape=(5,), dtype="i1", fill_value=3)
    export_refs(repository.checkout(), tmp_path / "refs.parquet")
    assert len(list((tmp_path / "refs.parquet/few").iterdir())) == 1
    root = opened(tmp_path / "refs.parquet")
    few = root["few"]
    assert few[24_999:25_002].tolist() == [[-1] * 6, [-1, -1, -1, -1, 7, -1], [-1] * 6]
    assert few[0].tolist() == few[-1].tolist() == [-1] * 6
    assert float(root["single"][()]) == 1.5
    assert root["empty"].shape == (0, 3)
    assert root["none"][:].tolist() == [3] * 5
    assert sorted(root) == ["empty", "few", "none", "single"]


def test_a_group_becomes_the_root(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    export_refs(repository.checkout(), tmp_path / "refs.parquet", group="climate")
    root = opened(tmp_path / "refs.parquet")
    assert sorted(root) == ["wind"]
    assert float(root["wind"][0, 5]) == 5.0


def test_every_key_is_listed(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    export_refs(repository.checkout(), tmp_path / "refs.parquet", group="climate")
    files = ReferenceFileSystem(LazyReferenceMapper(f"{tmp_path}/refs.parquet", engine="pyarrow"))
    chunks = [f"wind/{i}.{j}" for i in range(3) for j in range(2)]
    assert [key for key in files.find("") if key in chunks] == chunks
    assert len(files.cat(chunks)) == 6


def test_patched_chunks_and_bytes_that_look_encoded(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    with repository.transaction(message="Add") as tx:
        array = tx.create_array(
            "x", shape=(32,), dtype="u1", chunk_shape=(16,), codecs=[{"name": "bytes"}]
        )
        array[:16] = np.frombuffer(b"base64:aGVsbG8=!", "u1")
    with repository.transaction(message="Change") as tx:
        tx["x"][20] = 9
    export_refs(repository.checkout(), tmp_path / "refs.parquet")
    found = opened(tmp_path / "refs.parquet")["x"][:]
    assert found.tolist() == repository.checkout()["x"][:].tolist()


def test_any_address(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    snapshot = repository.checkout()
    for name in ("refs.json", "refs.parquet"):
        count = export_refs(snapshot, f"memory://{tmp_path.name}-refs/{name}")
        assert count == export_refs(snapshot, tmp_path / name)
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}-refs"
    assert json.loads(memory.cat(f"{root}/refs.json")) == json.loads(
        (tmp_path / "refs.json").read_text()
    )
    local = tmp_path / "refs.parquet"
    assert {each.removeprefix(root + "/refs.parquet/") for each in memory.find(root)} - {
        f"{root}/refs.json"
    } == {str(each.relative_to(local)) for each in local.rglob("*") if each.is_file()}


def test_an_address_that_cannot_be_written_to(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    for name in ("refs.json", "refs.parquet"):
        with pytest.raises(vstore.InvalidInputError, match="cannot write"):
            export_refs(repository.checkout(), f"nothing-like-it://somewhere/{name}")
        with pytest.raises(vstore.NotFoundError, match="there is no folder"):
            export_refs(repository.checkout(), tmp_path / "missing" / name)


def test_what_is_there_stays(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    export_refs(repository.checkout(), tmp_path / "refs.parquet")
    before = {each: each.read_bytes() for each in tmp_path.rglob("refs.parquet/**/*.parq")}
    with repository.transaction(message="Change") as tx:
        tx["sparse"][:] = 5
    for place in (tmp_path / "refs.parquet", f"{tmp_path}/refs.parquet/"):
        with pytest.raises(vstore.AlreadyExistsError, match="already"):
            export_refs(repository.checkout(), place)
    assert {each: each.read_bytes() for each in tmp_path.rglob("refs.parquet/**/*.parq")} == before


def test_what_such_a_folder_cannot_hold(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    with repository.transaction(message="Add") as tx:
        zarr.open_group(tx.store)
        tx.store.set_sync("a/text", zarr.core.buffer.cpu.Buffer.from_bytes(b"x"))
        tx.create_array("good/.zoo", shape=(1,), dtype="i1")
    for group in ("", "good"):
        with pytest.raises(vstore.InvalidInputError, match="references as Parquet cannot hold it"):
            export_refs(repository.checkout(), tmp_path / "refs.parquet", group=group)
    assert not list(tmp_path.glob("*refs.parquet*"))


@pytest.mark.parametrize("name", ["refs", "refs.zarr", "refs.json.gz", ".json"])
def test_unknown_endings_are_refused(tmp_path: Path, name: str) -> None:
    repository = new_repository()
    with repository.transaction(message="Add") as tx:
        tx.create_array("x", shape=(1,), dtype="i1")
    with pytest.raises(vstore.InvalidInputError, match="end") as found:
        export_refs(repository.checkout(), tmp_path / name)
    assert found.value.code == "unknown-reference-file"
