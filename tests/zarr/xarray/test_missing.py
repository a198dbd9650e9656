"""What is missing in optional columns, in xarray: NaN or NaT, never a fill value."""

from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr

import vstore
from tests.repositories import new_repository
from vstore.zarr.xarray_backend import VstoreBackendEntrypoint

open_dataset: Any = xr.open_dataset  # which is not told that an engine takes snapshots
ROWS = 70
GONE = np.arange(ROWS) % 7 == 0
SPECS = {
    "score": vstore.ndarray((), "float64"),
    "half": vstore.ndarray((), "float16"),
    "age": vstore.ndarray((), "int64"),
    "small": vstore.ndarray((), "uint8"),
    "flag": vstore.ndarray((), "bool"),
    "when": vstore.ndarray((), "datetime64[ns]"),
    "took": vstore.ndarray((), "timedelta64[s]"),
    "code": vstore.ndarray((), "U3"),
    "wave": vstore.ndarray((), "complex128"),
    "place": vstore.ndarray((2,), "float32"),
    "text": vstore.text(),
}


def values() -> dict[str, list[Any]]:
    made = {name: [spec.dtype.type(i) for i in range(ROWS)] for name, spec in SPECS.items()
            if name not in ("when", "took", "text", "code", "place")}  # fmt: skip
    made["when"] = [
        np.datetime64("2026-01-01", "ns") + np.timedelta64(i, "ns") for i in range(ROWS)
    ]
    made["took"] = [np.timedelta64(i, "s") for i in range(ROWS)]
    made["text"] = [f"word {i}" for i in range(ROWS)]
    made["code"] = [str(i) for i in range(ROWS)]
    made["place"] = [np.full(2, i, "float32") for i in range(ROWS)]
    return {
        name: [None if gone else one for one, gone in zip(each, GONE, strict=True)]
        for name, each in made.items()
    }


@pytest.fixture(scope="module")
def snapshot() -> vstore.Snapshot:
    repo = new_repository()
    columns = {name: spec.as_optional() for name, spec in SPECS.items()}
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", columns, keys="int").extend(values(), keys=range(ROWS))
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete([5, 7, 8])
    return repo.checkout()


LIVE = np.delete(np.arange(ROWS), [5, 7, 8])


@pytest.mark.filterwarnings("ignore:The specified chunks")
@pytest.mark.parametrize("chunks", [None, {}, {"sample": 40}])
@pytest.mark.parametrize("name", SPECS)
def test_missing_samples_are_null(snapshot: vstore.Snapshot, name: str, chunks: Any) -> None:
    with open_dataset(
        snapshot, engine=VstoreBackendEntrypoint, group="t", chunks=chunks
    ) as dataset:
        found = dataset[name].load()
    null = pandas.isnull(found.values.reshape(len(LIVE), -1)).all(axis=1)
    np.testing.assert_array_equal(null, GONE[LIVE])
    wanted = values()[name]
    for one, row in zip(found.values, LIVE.tolist(), strict=True):
        if not GONE[row]:
            np.testing.assert_array_equal(one, wanted[row])


def test_statistics_leave_out_what_is_missing(snapshot: vstore.Snapshot) -> None:
    wanted = LIVE[~GONE[LIVE]].mean()
    with open_dataset(snapshot, engine=VstoreBackendEntrypoint, group="t") as dataset:
        for name in ("score", "age", "small", "half"):
            assert float(dataset[name].astype(float).mean()) == pytest.approx(wanted)
        assert int(dataset["text"].isnull().sum()) == GONE[LIVE].sum()


def test_parts_are_read_as_the_whole_is(snapshot: vstore.Snapshot) -> None:
    with open_dataset(snapshot, engine=VstoreBackendEntrypoint, group="t") as dataset:
        whole = dataset["place"].values
        np.testing.assert_array_equal(dataset["place"][5:30:3, 1].values, whole[5:30:3, 1])
        np.testing.assert_array_equal(dataset["place"][[3, 1, 20]].values, whole[[3, 1, 20]])
        np.testing.assert_array_equal(dataset["place"][6].values, whole[6])
        np.testing.assert_array_equal(dataset["place"][11].values, whole[11])
        found = dataset["age"].sel(sample=[1, 14])
        assert [bool(null) for null in found.isnull()] == [False, True]


def test_masks_are_kept_apart_where_that_is_asked_for(snapshot: vstore.Snapshot) -> None:
    with open_dataset(
        snapshot, engine=VstoreBackendEntrypoint, group="t", mask_and_scale=False
    ) as dataset:
        assert dataset["age"].dtype == np.int64
        np.testing.assert_array_equal(dataset["age.valid"].values, ~GONE[LIVE])


def test_integers_that_floats_cannot_hold_are_refused() -> None:
    repo = vstore.create("memory://missing-large-integers")
    with repo.transaction("main", message="Add") as tx:
        column = vstore.ndarray((), "int64").as_optional()
        tx.create_table("t", {"x": column}).extend({"x": [2**53 + 1, None, 2**53]})
    with open_dataset(repo.checkout(), engine=VstoreBackendEntrypoint, group="t") as dataset:
        assert dataset["x"][1:].isnull().values.tolist() == [True, False]
        with pytest.raises(vstore.InvalidInputError) as raised:
            dataset.load()
    assert raised.value.code == "lossy-masks"
