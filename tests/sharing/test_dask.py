"""Dask arrays and datasets written into a transaction by worker processes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array
import dask.distributed
import numpy as np
import pytest
import xarray as xr
import zarr

import vstore
from tests.conftest import Bucket
from tests.zarr import repositories
from vstore import Repository
from vstore.faces import internals
from vstore.sharing.forks import Fork

da: Any = dask.array  # which has hardly any types
to_zarr: Any = da.to_zarr
delayed: Any = vars(dask)["delayed"]
distributed: Any = dask.distributed
open_group: Any = zarr.open_group

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")

VALUES = np.arange(1200, dtype="f4").reshape(40, 30)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two worker processes."""
    settings = {
        "distributed.scheduler.allowed-failures": 20,
        "distributed.comm.timeouts.connect": "120s",
        "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": "1"},
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made


def blocks() -> Any:
    return da.from_array(VALUES, chunks=(10, 30))


def dataset(first_day: int) -> Any:
    return xr.Dataset(
        {"t2m": (("time", "x"), blocks() + first_day)},
        {"time": np.arange(first_day, first_day + 40), "x": np.arange(30)},
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repositories.on_disk(tmp_path)


def test_an_array(client: Any, repository: Repository) -> None:
    with repository.transaction(message="Ingest") as tx:
        to_zarr(blocks(), tx.store, component="x")
        later = to_zarr(blocks() * 2, tx.store, component="twice", compute=False)
        assert tx["twice"][0, 1] == 0
        later.compute()
        assert tx["twice"][0, 1] == 2
        assert internals(repository).refs.find_branch("main") is None
    snapshot = repository.checkout()
    np.testing.assert_array_equal(snapshot["x"][:], VALUES)
    np.testing.assert_array_equal(snapshot["twice"][:], VALUES * 2)
    assert len(list(repository.log())) == 1


def test_a_dataset(client: Any, repository: Repository) -> None:
    with repository.transaction(message="Ingest") as tx:
        dataset(0).to_zarr(tx.store, group="climate", compute=False).compute()
        dataset(40).to_zarr(tx.store, group="climate", append_dim="time")
        changed = dataset(0).isel(time=slice(0, 10)) * 0
        changed.drop_vars(["time", "x"]).to_zarr(
            tx.store, group="climate", region={"time": slice(20, 30)}
        )
        assert internals(repository).refs.find_branch("main") is None
    found = xr.open_zarr(repository.checkout().store, group="climate")
    assert found["time"].values.tolist() == list(range(80))
    expected = np.concatenate([VALUES[:20], VALUES[:10] * 0, VALUES[30:], VALUES + 40])
    np.testing.assert_array_equal(found["t2m"], expected)  # which workers read


@pytest.mark.s3
def test_a_dataset_in_a_bucket(client: Any, s3_bucket: Bucket) -> None:
    repository = repositories.on_s3(s3_bucket)
    with repository.transaction(message="Ingest") as tx:
        dataset(0).to_zarr(tx.store, group="climate", compute=False).compute()
    found = xr.open_zarr(repository.checkout().store, group="climate")
    np.testing.assert_array_equal(found["t2m"], VALUES)


def dying(block: Any, mark: str) -> Any:
    """End the worker process, the first time one gets here."""
    if block.any() and block[0, 0] == 600:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return block
        os._exit(1)
    return block


def test_a_worker_dies(client: Any, repository: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "died"
    blocks_of_five = da.from_array(VALUES, chunks=(5, 30))
    array = blocks_of_five.map_blocks(dying, str(mark), meta=VALUES[:0])
    with repository.transaction(message="Ingest") as tx:
        to_zarr(array, tx.store, component="x")
    assert mark.exists()
    np.testing.assert_array_equal(repository.checkout()["x"][:], VALUES)
    assert len(list(repository.log())) == 1


def failing(block: Any) -> Any:
    if block.any() and block[0, 0] == 600:
        raise ZeroDivisionError
    return block


def test_a_task_that_fails_leaves_nothing(client: Any, repository: Repository) -> None:
    array = blocks().map_blocks(failing, meta=VALUES[:0])
    with (
        pytest.raises(ZeroDivisionError),
        repository.transaction(message="Ingest") as tx,
    ):
        to_zarr(array, tx.store, component="x")
    assert internals(repository).refs.find_branch("main") is None


def append(fork: Fork, first: int) -> Fork:
    fork["train"].extend({"label": np.arange(first, first + 5)})
    return fork


def test_forks_append_samples_in_their_order(client: Any, repository: Repository) -> None:
    with repository.transaction(message="Label") as tx:
        tx.create_table("train", {"label": vstore.ndarray((), "int64")})
        tasks = [delayed(append)(tx.fork(), first) for first in (10, 0, 5)]
        tx.merge(*delayed(tasks).compute())
    labels = repository.checkout()["train"]["label"][:].tolist()
    assert labels == [*range(10, 15), *range(5), *range(5, 10)]


def test_threads(repository: Repository) -> None:
    with dask.config.set(scheduler="threads"), repository.transaction(message="Ingest") as tx:
        to_zarr(blocks(), tx.store, component="x")
    np.testing.assert_array_equal(repository.checkout()["x"][:], VALUES)
