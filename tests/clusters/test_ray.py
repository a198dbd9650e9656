"""Ray datasets from and to tables, on a cluster of worker processes of which one is killed."""

import gc
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.zarr import repositories

ray: Any = pytest.importorskip("ray")
data: Any = pytest.importorskip("ray.data")
vray: Any = pytest.importorskip("vstore.ray")
pa: Any = pytest.importorskip("pyarrow")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ROWS = 120


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two workers; this process is the driver."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 * 2**20,
        logging_level="ERROR",
        runtime_env={"env_vars": {"PYTHONPATH": str(Path(vstore.__file__).parents[1])}},
    )
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray lets go of processes that have not ended
        ray.shutdown()
        gc.collect()


def sample_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """Return samples that follow from their numbers."""
    numbers = batch["id"]
    return {
        "id": np.array([f"k{n}" for n in numbers]),
        "x": numbers,
        "v": np.repeat(numbers[:, np.newaxis], 6, axis=1).reshape(-1, 2, 3).astype("f4"),
        "flags": numbers[:, np.newaxis] % np.array([2, 3, 4]) == 0,
    }


def ragged(sample: dict[str, Any]) -> dict[str, Any]:
    """Add to a sample an array whose shape differs from that of others."""
    return {**sample, "r": np.full((sample["x"] % 3, 2), sample["x"], "i2")}


def dataset(blocks: int = 6) -> Any:
    return data.range(ROWS, override_num_blocks=blocks).map_batches(sample_batch)


def check(table: vstore.Table) -> None:
    numbers = np.arange(ROWS)
    assert table["x"][:].tolist() == numbers.tolist()
    assert table.loc["k7"]["v"].tolist() == [[7] * 3] * 2
    assert table["flags"][:].tolist() == (numbers[:, np.newaxis] % [2, 3, 4] == 0).tolist()


def test_a_dataset_becomes_a_table(tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    with repo.transaction("main", message="Write") as tx:
        vray.write(dataset().map(ragged), tx, "t", keys="id")
        assert not list(repo.branches)
    table = repo.checkout("main")["t"]
    check(table)
    assert table["r"][5].tolist() == [[5, 5], [5, 5]]
    assert len(list(repo.log("main"))) == 1
    with repo.transaction("main", message="Write what is not fused with its source") as tx:
        vray.write(dataset().materialize().repartition(4), tx, "again", keys="id")
    assert sorted(repo.checkout("main")["again"]["x"][:].tolist()) == list(range(ROWS))


def test_a_table_becomes_a_dataset(tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    columns = {
        "x": vstore.ndarray((), "int64", rows_per_chunk=16),
        "v": vstore.ndarray((2, 3), "float32", rows_per_chunk=8),
        "name": vstore.text().as_optional(),
    }
    numbers = np.arange(ROWS)
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", columns, keys="str").extend(
            {
                "x": numbers,
                "v": np.repeat(numbers, 6).reshape(-1, 2, 3),
                "name": [None if n % 2 else f"name {n}" for n in numbers],
            },
            keys=[f"k{n}" for n in numbers],
        )
    table = repo.checkout("main")["t"]
    found = vray.read_table(table)
    assert found.count() == ROWS
    assert found.take(8)[7]["v"].tolist() == [[7] * 3] * 2
    assert [row["x"] for row in found.select_columns(["x"]).take_all()] == numbers.tolist()
    few = found.filter(expr="x < 5").select_columns(["sample", "name"])
    names = [None if n % 2 else f"name {n}" for n in range(5)]
    assert few.take_all() == [{"sample": f"k{n}", "name": names[n]} for n in range(5)]
    assert few.count() == 5
    assert vray.read_table(table, where="x < 5").count() == 5
    with repo.transaction("main", message="Copy") as tx:
        vray.write(found, tx, "copy")
    copied = repo.checkout("main")["copy"]
    assert copied["x"][:].tolist() == numbers.tolist()
    assert copied.loc["k7"]["v"].tolist() == [[7] * 3] * 2


def dying(batch: dict[str, Any], mark: str) -> dict[str, Any]:
    """Kill the worker that gets to the middle first."""
    if ROWS // 2 in batch["x"]:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return batch
        os.kill(os.getpid(), signal.SIGKILL)
    return batch


class DyingSink(vray.Sink):  # type: ignore[misc]
    """Kills the worker of the third task once it has stored its samples."""

    mark = ""

    def write(self, blocks: Any, ctx: Any) -> Any:
        written = super().write(blocks, ctx)
        if ctx.task_idx == 2 and not os.path.exists(self.mark):
            open(self.mark, "w").close()
            written.__reduce_ex__(2)
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def test_workers_are_killed(tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    mark = str(tmp_path / "died")
    with repo.transaction("main", message="Write") as tx:
        vray.write(dataset().map_batches(dying, fn_args=(mark,)), tx, "t", keys="id")
        sink = DyingSink(tx, "late", keys="id")
        sink.mark = str(tmp_path / "died late")
        dataset().write_datasink(sink)
        assert not list(repo.branches)
    assert (tmp_path / "died").exists()
    assert (tmp_path / "died late").exists()
    check(repo.checkout("main")["t"])
    check(repo.checkout("main")["late"])
    assert len(list(repo.log("main"))) == 1
    assert repo.fsck(mode="full").is_sound


def failing(batch: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("no such sample")


def test_a_job_that_fails_leaves_nothing(tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    with pytest.raises(Exception, match="no such sample"), repo.transaction(message="Write") as tx:
        vray.write(dataset().map_batches(failing), tx, "t", keys="id")
    assert not list(repo.branches)
