"""Dask frames from and to tables, on worker processes of which one is killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table
from tests.zarr import repositories

pytest.importorskip("dask.dataframe")
pd: Any = pytest.importorskip("pandas")
dd: Any = pytest.importorskip("dask.dataframe")
vdask: Any = pytest.importorskip("vstore.dask")

ROWS = 500


def frame() -> Any:
    numbers = np.arange(ROWS)
    return pd.DataFrame(
        {
            "id": [f"k{n}" for n in numbers],
            "x": numbers,
            "half": numbers / 2,
            "name": [f"name {n}" if n % 3 else None for n in numbers],
        }
    )


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Run tasks here, where no cluster is meant."""
    dask: Any = pytest.importorskip("dask")
    with dask.config.set(scheduler="synchronous"):
        yield


def check(table: vstore.Table) -> None:
    assert table["x"][:].tolist() == list(range(ROWS))
    assert table.loc["k9"]["half"] == 4.5
    assert table["name"].valid.tolist() == [n % 3 != 0 for n in range(ROWS)]


def test_a_frame_becomes_a_table_in_the_order_of_its_partitions() -> None:
    repo = repositories.in_memory()
    with repo.transaction("main", message="Write") as tx:
        vdask.write(dd.from_pandas(frame(), npartitions=7), tx, "t", keys="id")
        assert not list(repo.branches)
    check(repo.checkout("main")["t"])
    assert len(list(repo.log("main"))) == 1


def test_a_table_becomes_a_frame() -> None:
    columns = {
        "x": vstore.ndarray((), "int64", rows_per_chunk=16),
        "v": vstore.ndarray((2,), "float32", rows_per_chunk=8),
    }
    values = {"x": np.arange(100), "v": np.arange(200).reshape(100, 2)}
    repo, _ = committed_table(columns, values)
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete([3, 17])
    table = repo.checkout("main")["t"]
    found = vdask.read_table(table, splits=4)
    kept = [n for n in range(100) if n not in (3, 17)]
    assert found.npartitions == 4
    assert found["x"].compute().tolist() == kept
    assert list(found[["x"]].columns) == ["x"]
    few = vdask.read_table(table, where="x < 5", columns=["v"])
    assert [each.tolist() for each in few["v"].compute()] == [[2 * n, 2 * n + 1] for n in kept[:4]]
    assert vdask.read_table(table.arrow(["x"]), splits=1)["x"].sum().compute() == sum(kept)


def test_arrays_and_columns_become_dask_arrays() -> None:
    values = np.arange(96, dtype="f4").reshape(16, 6)
    columns = {"v": vstore.ndarray((6,), "float32", rows_per_chunk=4), "t": vstore.text()}
    repo, _ = committed_table(columns, {"v": values, "t": ["x"] * 16})
    with repo.transaction("main", message="Add") as tx:
        tx.create_array("a", shape=(16, 6), chunk_shape=(4, 3), dtype="f4")[:] = values
    snapshot = repo.checkout("main")
    expected = {"a": ((4,) * 4, (3, 3)), "t/v": ((4,) * 4, (6,))}
    for path, chunks in expected.items():
        source = snapshot[path]
        found = vdask.read_array(source)
        assert found.chunks == chunks
        np.testing.assert_array_equal(found.compute(), values)
        np.testing.assert_array_equal(found[3:9:2, 1].compute(), values[3:9:2, 1])
    with pytest.raises(vstore.InvalidInputError, match="no array"):
        vdask.read_array(snapshot["t/t"])


def dying(part: Any, mark: str) -> Any:
    """Kill the worker process that gets the fourth partition first."""
    if len(part) and part["x"].iloc[0] > ROWS // 3:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return part
        os.kill(os.getpid(), signal.SIGKILL)
    return part


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")
def test_a_worker_is_killed(tmp_path: Path) -> None:
    distributed: Any = pytest.importorskip("dask.distributed")
    dask: Any = pytest.importorskip("dask")
    repo = repositories.on_disk(tmp_path)
    settings = {"distributed.scheduler.allowed-failures": 20, "scheduler": None}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        given = dd.from_pandas(frame(), npartitions=10)
        meta = frame()[:0]
        mortal = given.map_partitions(dying, str(tmp_path / "died"), meta=meta)
        with repo.transaction("main", message="Write") as tx:
            vdask.write(mortal, tx, "t", keys="id")
        found = vdask.read_table(repo.checkout("main")["t"], splits=3)
        assert found["x"].sum().compute() == sum(range(ROWS))
    assert (tmp_path / "died").exists()
    check(repo.checkout("main")["t"])
    assert len(list(repo.log("main"))) == 1
    assert repo.fsck(mode="full").is_sound
