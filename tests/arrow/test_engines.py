"""Scans in DuckDB, Polars, pandas and pyarrow's datasets, compared with the same data in memory."""

import pickle
import threading
from typing import Any

import numpy as np
import pytest

import vstore
from tests.arrow.test_scan import Model
from tests.patience import comes_true
from tests.repositories import committed_table, counted, new_repository, table_of

pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.compute")
pads = pytest.importorskip("pyarrow.dataset")


@pytest.fixture(scope="module")
def model() -> Model:
    seed = next(seed for seed in range(100) if len(Model(seed).samples) > 50)
    return Model(seed)


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("vstore-scan")]


QUERIES = [
    "select count(*) from {}",
    "select n, count(*), sum(f) from {} group by n order by n nulls last",
    "select f, v from {} where n = 3 and t is not null order by f",
    "select f from {} where n in (1, 2) or n is null order by f",
    "select t, r from {} where f > 10 and t >= 'é' order by f",
    "select a.f from {0} a join {0} b on a.f = b.f where b.n = 2 order by 1",
    "select f from {} limit 3",
]


@pytest.mark.parametrize("query", QUERIES)
def test_duckdb_answers_as_over_the_same_data_in_memory(model: Model, query: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.register("whole", model.table.arrow(tensors="list").table())
        connection.register("found", model.table.arrow(tensors="list").dataset())
        found = connection.sql(query.format("found")).fetchall()
        assert found == connection.sql(query.format("whole")).fetchall()
    assert comes_true(lambda: not threads())


def test_duckdb_takes_tables_by_name() -> None:
    duckdb = pytest.importorskip("duckdb")
    columns = {"x": vstore.ndarray((), "int64"), "v": vstore.ndarray((2,), "float32")}
    _, table = committed_table(columns, {"x": [1, 2], "v": [[1, 2], [3, 4]]})
    assert table is not None
    assert duckdb.sql("select x, v[2] from table_ where x = 2", connection=_with(table)).fetchall()


def _with(table: vstore.Table) -> object:
    duckdb = pytest.importorskip("duckdb")
    return duckdb.connect().register("table_", table.arrow().dataset())


def test_polars_answers_as_over_the_same_data_in_memory(model: Model) -> None:
    pl = pytest.importorskip("polars")
    whole = pl.from_arrow(model.table.arrow(tensors="list").table()).lazy()
    lazy = model.table.arrow(tensors="list").lazy()
    queries: list[Any] = [
        lambda frame: frame.select(pl.len()),
        lambda frame: frame.filter(pl.col("n") == 3).select("f", "t"),
        lambda frame: frame.filter(pl.col("n").is_in([1, 2]) | pl.col("t").is_null()).select("v"),
        lambda frame: frame.group_by("n").agg(pl.col("f").sum()).sort("n"),
        lambda frame: frame.head(3),
        lambda frame: frame.filter(pl.col("f") > 5).head(2).select("f"),
        lambda frame: frame.filter(pl.col("f") < 0),
        lambda frame: frame.join(frame.filter(pl.col("n") == 2), on="f").sort("f"),
    ]
    for ask in queries:
        assert ask(lazy).collect().equals(ask(whole).collect())
        assert ask(lazy).collect().equals(ask(whole).collect())
    assert comes_true(lambda: not threads())
    assert pl.DataFrame(model.table.arrow(["f"])).equals(whole.select("f").collect())


def test_conditions_of_polars_mean_what_they_mean_there(model: Model) -> None:
    pl = pytest.importorskip("polars")
    whole = pl.from_arrow(model.table.arrow(tensors="list").table())
    for where in (pl.col("n") > 3, pl.col("t").is_null() | (pl.col("f") < 2), pl.lit(value=True)):
        found = model.table.arrow(["f", "n"], where=where).table()
        assert pl.from_arrow(found).equals(whole.filter(where).select("f", "n"))


def test_pandas_has_the_same_values(model: Model) -> None:
    pd = pytest.importorskip("pandas")
    frame = model.table.arrow(["f", "t", "v"]).to_pandas()
    assert frame["f"].tolist() == [each["f"] for each in model.samples]
    assert [list(each) for each in frame["v"]] == [each["v"] for each in model.samples]
    assert frame["t"].isna().tolist() == [each["t"] is None for each in model.samples]
    assert len(pd.DataFrame.from_arrow(model.table.arrow(["f"]))) == len(model.samples)


def test_datasets_do_what_those_of_pyarrow_do(model: Model) -> None:
    dataset = model.table.arrow().dataset()
    whole = pa.table(model.table)
    where = pc.field("n") == 3
    assert dataset.schema == whole.schema
    assert dataset.to_table().to_pylist() == whole.to_pylist()
    assert dataset.count_rows() == len(whole)
    assert dataset.count_rows(filter=where) == len(whole.filter(where))
    assert dataset.head(5, columns=["f"]).to_pylist() == whole.select(["f"])[:5].to_pylist()
    found = dataset.filter(where).to_table(columns=["t"], filter=pc.field("f") > 3)
    wanted = whole.filter(where & (pc.field("f") > 3)).select(["t"])
    assert found.to_pylist() == wanted.to_pylist()
    parts = [row for part in dataset.get_fragments() for row in part.to_table().to_pylist()]
    assert parts == whole.to_pylist()
    assert (
        dataset.take([1, 0], columns=["f"]).to_pylist()
        == whole.select(["f"]).take([1, 0]).to_pylist()
    )
    assert pickle.loads(pickle.dumps(dataset)).count_rows() == len(whole)
    assert dataset.sort_by("f").to_table(columns=["f"]).num_rows == len(whole)


def test_engines_read_what_they_need() -> None:
    columns = {
        "label": vstore.ndarray((), "int64", rows_per_chunk=1024),
        "image": vstore.ndarray((4096,), "uint8", codecs="none", rows_per_chunk=16),
    }
    samples = {"label": np.arange(1024) // 16, "image": np.ones((1024, 4096), "uint8")}
    repository, _ = committed_table(columns, samples)
    other, store = counted(repository)
    table = table_of(other)
    scan = table.arrow(tensors="list")
    duckdb, pl = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    with duckdb.connect() as connection:
        connection.register("t", scan.dataset())
        queries: list[tuple[Any, int]] = [
            (lambda: connection.sql("select count(*) from t where label = 3").fetchall(), 20_000),
            (lambda: connection.sql("select image from t where label = 3").fetchall(), 150_000),
            (lambda: scan.lazy().select(pl.len()).collect(), 20_000),
            (lambda: scan.lazy().filter(pl.col("label") == 3).collect(), 150_000),
        ]
        for ask, most in queries:
            store.reset()
            ask()
            assert 0 < store.nbytes_received < most


def test_a_dataset_takes_heads_and_counts_as_arrows_own_does() -> None:
    own = pads.dataset(pa.table({"n": range(10), "t": [f"{i}" for i in range(10)]}))
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        tx.write_arrow("t", own)
    dataset = repo.checkout()["t"].arrow(["n", "t"]).dataset()
    above = pads.field("n") > 6
    for many in (0, 1, 1024):
        assert dataset.head(many).to_pydict() == own.head(many).to_pydict()
        found = dataset.head(many, columns=["t"], filter=above)
        assert found.to_pydict() == own.head(many, columns=["t"], filter=above).to_pydict()
    for indices in ([1, 7, 1], pa.array([9, 0])):
        assert dataset.take(indices).to_pydict() == own.take(indices).to_pydict()
        scanner = dataset.scanner(columns=["n"])
        assert scanner.take(indices).to_pydict() == own.take(indices, columns=["n"]).to_pydict()
    for where in (None, above, pads.field("n") < 0):
        assert dataset.count_rows(filter=where) == own.count_rows(filter=where)
    with pytest.raises(IndexError):
        dataset.scanner(filter=above).take([3])
