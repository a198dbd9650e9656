"""Spark's frames from and to tables: one commit of all tasks, also where one of them is killed."""

import os
import signal
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.zarr import repositories

pyspark_sql: Any = pytest.importorskip("pyspark.sql")
vspark: Any = pytest.importorskip("vstore.spark")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ROWS = 200


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session whose tasks may fail, in worker processes that see this vstore."""
    root = str(Path(vstore.__file__).parents[1])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        session = (
            pyspark_sql.SparkSession.builder.master("local[2, 4]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.executorEnv.PYTHONPATH", root)
            .getOrCreate()
        )
    except Exception as error:  # noqa: BLE001 - without Java there is no session
        pytest.skip(f"Spark does not start here: {type(error).__name__}")
    session.sparkContext.setLogLevel("OFF")
    session.dataSource.register(vspark.TableSource)
    yield session
    session.stop()


def frame(spark: Any, partitions: int = 5) -> Any:
    return spark.range(0, ROWS, 1, partitions).selectExpr(
        "concat('k', id) as id",
        "cast(id as int) as x",
        "if(id % 3 = 0, null, concat('name ', id)) as name",
        "array(id, id) as v",
    )


def written(frame: Any, url: str, **options: str) -> None:
    frame.write.format("vstore").mode(options.pop("mode", "append")).options(
        table="t", keys="id", **options
    ).save(url)


def check(table: vstore.Table) -> None:
    assert table["x"][:].tolist() == list(range(ROWS))
    assert table["name"].valid.tolist() == [n % 3 != 0 for n in range(ROWS)]
    assert table.loc["k7"]["v"].tolist() == [7, 7]


def test_a_frame_becomes_a_table(spark: Any, tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    written(frame(spark), repo.url, message="Write with Spark")
    check(repo.checkout("main")["t"])
    assert [commit.message for commit in repo.log("main")] == ["Write with Spark"]
    more = frame(spark).selectExpr("concat('again ', id) as id", "x", "name", "v")
    written(more, repo.url)
    assert repo.checkout("main")["t"]["x"][:].tolist() == [*range(ROWS)] * 2
    written(frame(spark), repo.url, mode="overwrite")
    check(repo.checkout("main")["t"])
    assert len(list(repo.log("main"))) == 3
    assert repo.fsck(mode="full").is_sound


def test_a_table_becomes_a_frame(spark: Any, tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    columns = {
        "small": vstore.ndarray((), "uint8"),
        "large": vstore.ndarray((), "uint64"),
        "half": vstore.ndarray((2, 3), "float16"),
        "when": vstore.ndarray((), "datetime64[ns]"),
        "ragged": vstore.ndarray((None,), "int16"),
        "name": vstore.text().as_optional(),
        "n": vstore.ndarray((), "int64", rows_per_chunk=8),
    }
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", columns, keys="int").extend(
            {
                "small": np.arange(64) % 256,
                "large": np.full(64, 2**64 - 1, "u8"),
                "half": np.ones((64, 2, 3)),
                "when": np.full(64, np.datetime64("2020-01-02", "ns")),
                "ragged": [np.arange(n % 3) for n in range(64)],
                "name": [None if n % 2 else f"name {n}" for n in range(64)],
                "n": np.arange(64),
            },
            keys=range(64),
        )
    read = spark.read.format("vstore").option("table", "t")
    found = read.load(f"{repo.url}@main")
    rows = sorted(found.collect(), key=lambda row: row["n"])
    assert [row["sample"] for row in rows] == list(range(64))
    assert rows[5]["ragged"] == [0, 1]
    assert rows[5]["name"] is None
    assert rows[4]["half"] == [[1.0] * 3] * 2
    assert rows[4]["large"] == Decimal(2**64 - 1)
    assert str(rows[4]["when"]) == "2020-01-02 00:00:00"
    assert found.where("n > 60").count() == 3
    few = read.options(columns="sample, name", where="n < 20").load(f"{repo.url}@main")
    assert few.columns == ["sample", "name"]
    assert sorted(row["sample"] for row in few.collect()) == list(range(20))
    parts = read.options(columns="n", where="n < 20", splits="3").load(f"{repo.url}@main")
    assert parts.rdd.getNumPartitions() == 3
    assert parts.count() == 20


class DyingSource(vspark.TableSource):  # type: ignore[misc]
    """Kills the worker process of a task once it has stored its samples."""

    @classmethod
    def name(cls) -> str:
        return "dying"

    def writer(self, schema: Any, overwrite: bool) -> Any:
        writer = super().writer(schema, overwrite)
        return dying(writer, str(self.options["mark"]))


def dying(writer: Any, mark: str) -> Any:
    """Return a writer whose third task dies once."""

    class Dying(type(writer)):  # type: ignore[misc]
        def __init__(self) -> None:
            self.__dict__ = dict(writer.__dict__)

        def write(self, iterator: Any) -> Any:
            from pyspark import TaskContext  # noqa: PLC0415 - the class travels by value

            found = super().write(iterator)
            if TaskContext.get().partitionId() == 2 and not os.path.exists(mark):
                open(mark, "w").close()
                found.fork.__reduce_ex__(2)
                os.kill(os.getpid(), signal.SIGKILL)
            return found

    return Dying()


def test_a_worker_is_killed(spark: Any, tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    spark.dataSource.register(DyingSource)
    mark = tmp_path / "died"
    frame(spark).write.format("dying").mode("append").options(
        table="t", keys="id", mark=str(mark)
    ).save(repo.url)
    assert mark.exists()
    check(repo.checkout("main")["t"])
    assert len(list(repo.log("main"))) == 1
    assert repo.fsck(mode="full").is_sound


def test_a_job_that_fails_leaves_nothing(spark: Any, tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    bad = frame(spark).selectExpr("id", "if(x = 150, raise_error('no such sample'), x) as x")
    with pytest.raises(Exception, match="no such sample"):
        written(bad, repo.url)
    assert not list(repo.branches)


def test_what_changed_meanwhile_stays(spark: Any, tmp_path: Path) -> None:
    repo = repositories.on_disk(tmp_path)
    written(frame(spark), repo.url)
    source = vspark.TableSource({"path": repo.url, "table": "t", "keys": "id"})
    schema = frame(spark).schema
    writer = source.writer(schema, overwrite=False)
    with repo.transaction("main", message="Meanwhile") as tx:
        tx["t"].loc["k3"] = {"x": -3}
    batch = frame(spark, 1).limit(2).selectExpr("concat('new ', id) as id", "x", "name", "v")
    writer.commit([writer.write(iter(batch.toArrow().to_batches())), None])
    table = repo.checkout("main")["t"]
    assert table.loc["k3"]["x"] == -3
    assert table["x"][-2:].tolist() == [0, 1]
    assert len(list(repo.log("main"))) == 3
