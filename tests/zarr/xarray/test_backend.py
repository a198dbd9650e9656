"""Commits opened by xarray through the engine of vstore."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import vstore
from tests.conftest import Bucket
from tests.zarr import repositories
from vstore import Repository
from vstore.zarr.xarray_backend import VstoreBackendEntrypoint

ENGINE = VstoreBackendEntrypoint
open_dataset: Any = xr.open_dataset  # which is not told that an engine takes snapshots
open_datatree: Any = xr.open_datatree


def climate() -> xr.Dataset:
    times = np.array(["2026-01-01", "2026-01-02", "2026-01-03"], "datetime64[ns]")
    return xr.Dataset(
        {"temperature": (("time", "y", "x"), np.arange(24, dtype="f4").reshape(3, 2, 4))},
        {"time": times, "y": [10.0, 20.0], "x": np.arange(4)},
        {"source": "made up"},
    )


def fill(repository: Repository) -> None:
    with repository.transaction(message="Add a climate and a table") as tx:
        climate().to_zarr(tx.store, group="climate")
        columns = {"image": vstore.ndarray((2, 3), "uint8"), "caption": vstore.text()}
        table = tx.create_table("train", columns, keys="str")
        images = np.arange(30, dtype="uint8").reshape(5, 2, 3)
        table.extend({"image": images, "caption": list("vwxyz")}, keys=list("abcde"))


def test_a_group_opens_by_address(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    with open_dataset(f"{repository.url}@main", engine=ENGINE, group="climate") as found:
        xr.testing.assert_identical(found.load(), climate())


@pytest.mark.s3
def test_a_group_opens_by_address_in_a_bucket(s3_bucket: Bucket) -> None:
    repository = repositories.on_s3(s3_bucket)
    fill(repository)
    address = f"{repository.url}@{repository.checkout().commit.id}"
    options = dict(s3_bucket.storage_options)
    with open_dataset(
        address, engine=ENGINE, group="climate", storage_options=options, chunks={}
    ) as found:
        xr.testing.assert_identical(found.load(), climate())


def test_a_table_opens_with_its_keys_as_coordinate() -> None:
    repository = repositories.in_memory()
    fill(repository)
    found = open_dataset(repository.checkout(), engine=ENGINE, group="train")
    assert dict(found.sizes) == {"sample": 5, "image_0": 2, "image_1": 3}
    assert found["image"].sel(sample="c").values.tolist() == [[12, 13, 14], [15, 16, 17]]
    assert str(found["caption"].sel(sample="e").values) == "z"


def test_deleted_samples_are_left_out() -> None:
    repository = repositories.in_memory()
    fill(repository)
    with repository.transaction(message="Delete") as tx:
        tx["train"].delete(keys=["b", "d"])
    snapshot = repository.checkout()
    found = open_dataset(snapshot, engine=ENGINE, group="train")
    assert found["sample"].values.tolist() == ["a", "c", "e"]
    np.testing.assert_array_equal(found["image"], snapshot["train"]["image"][:])
    assert set(found.data_vars) == {"image", "caption"}
    tree = open_datatree(snapshot, engine=ENGINE)
    assert tree["train"]["sample"].values.tolist() == ["a", "c", "e"]


def test_a_commit_opens_as_a_tree() -> None:
    repository = repositories.in_memory()
    fill(repository)
    snapshot = repository.checkout()
    tree = open_datatree(snapshot, engine=ENGINE)
    assert set(tree.children) == {"climate", "train"}
    xr.testing.assert_identical(tree["climate"].to_dataset().load(), climate())
    below = open_datatree(snapshot, engine=ENGINE, group="climate")
    xr.testing.assert_identical(below.to_dataset().load(), climate())


def test_an_older_commit_stays_as_it_was() -> None:
    repository = repositories.in_memory()
    fill(repository)
    with repository.transaction(message="Correct") as tx:
        correction = climate().isel(time=[1])[["temperature"]] + 100
        correction.drop_vars(["time", "y", "x"]).to_zarr(
            tx.store, group="climate", region={"time": slice(1, 2)}
        )
    before = open_dataset(repository.checkout("main~1"), engine=ENGINE, group="climate")
    after = open_dataset(repository.checkout(), engine=ENGINE, group="climate")
    changed = (after - before)["temperature"].mean(["y", "x"]).values
    assert changed.tolist() == [0, 100, 0]
    changes = repository.diff("main~1", "main")
    assert "climate/temperature" in str(changes)


def test_appending_along_time() -> None:
    repository = repositories.in_memory()
    fill(repository)
    more = climate().assign_coords(time=climate()["time"] + np.timedelta64(3, "D"))
    with repository.transaction(message="Append") as tx:
        more.to_zarr(tx.store, group="climate", append_dim="time")
    found = open_dataset(repository.checkout(), engine=ENGINE, group="climate")
    xr.testing.assert_identical(found.load(), xr.concat([climate(), more], "time"))


def test_arrays_with_samples_open_as_a_table() -> None:
    repository = repositories.in_memory()
    dataset = xr.Dataset(
        {
            "image": (("sample", "y", "x"), np.arange(60).reshape(10, 2, 3)),
            "label": ("sample", np.arange(10) % 3),
            "palette": ("colour", np.arange(4)),
        },
        {"sample": np.arange(10) * 7},
    )
    with repository.transaction(message="Add") as tx:
        dataset.to_zarr(tx.store, group="train", encoding={"image": {"chunks": (3, 2, 3)}})
    table = repository.checkout().table("train")
    assert list(table.columns) == ["image", "label"]
    assert len(table) == 10
    assert table.loc[21]["label"] == 0
    np.testing.assert_array_equal(table["image"][2:7], dataset["image"][2:7])


def test_what_is_no_table() -> None:
    repository = repositories.in_memory()
    fill(repository)
    snapshot = repository.checkout()
    with pytest.raises(vstore.InvalidInputError, match="first dimension called 'sample'"):
        snapshot.table("climate")
    with pytest.raises(vstore.InvalidInputError, match="is an array"):
        snapshot.table("climate/x")


def test_what_cannot_be_opened() -> None:
    repository = repositories.in_memory()
    fill(repository)
    snapshot = repository.checkout()
    with pytest.raises(vstore.NotFoundError, match="'nope'"):
        open_dataset(snapshot, engine=ENGINE, group="nope")
    with pytest.raises(vstore.InvalidInputError, match="is an array"):
        open_dataset(snapshot, engine=ENGINE, group="climate/x")
    with pytest.raises(vstore.NotFoundError, match="'v9'"):
        open_dataset(f"{repository.url}@v9", engine=ENGINE)
    with pytest.raises(vstore.InvalidInputError, match="got int"):
        open_dataset(7, engine=ENGINE)


def test_what_cannot_be_written() -> None:
    repository = repositories.in_memory()
    fill(repository)
    row = climate().isel(time=[0]).drop_vars(["time", "y", "x"])
    with repository.transaction(message="Nothing") as tx:
        with pytest.raises(ValueError, match="different dimension sizes"):
            row.to_zarr(tx.store, group="climate", region={"time": slice(7, 8)})
        with pytest.raises(ValueError, match="read-only"):
            row.to_zarr(repository.checkout().store, group="other")
    with pytest.raises(vstore.ClosedError, match="is finished"):
        row.to_zarr(tx.store, group="other")
    assert len(list(repository.log())) == 1


def test_a_snapshot_needs_no_engine_named() -> None:
    assert VstoreBackendEntrypoint().guess_can_open(_snapshot())
    assert not VstoreBackendEntrypoint().guess_can_open("some.nc")


def _snapshot() -> vstore.Snapshot:
    repository = repositories.in_memory()
    fill(repository)
    return repository.checkout()
