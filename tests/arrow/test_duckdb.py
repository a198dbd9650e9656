"""SQL over commits: a schema for each revision."""

import pytest

import vstore
from tests.repositories import new_repository
from vstore.errors import InvalidInputError, NotFoundError

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")
from vstore.duckdb import attach  # noqa: E402 - where the library is


def releases() -> vstore.Repository:
    repository = new_repository()
    columns = {"label": vstore.ndarray((), "int64"), "image": vstore.ndarray((2,), "uint8")}
    with repository.transaction("main", message="First") as tx:
        table = tx.create_table('a/odd "name"', columns, keys="str")
        table.extend({"label": [1, 2, 2], "image": [[1, 2]] * 3}, keys=["a", "b", "c"])
        tx.create_table("empty", columns)
    with repository.transaction("main", message="Second") as tx:
        table = tx['a/odd "name"']
        table.append({"label": 3, "image": [3, 4]}, key="d")
        table.loc["a"] = {"label": 7}
        table.delete(keys=["c"])
    return repository


ODD = '"a/odd ""name"""'


def test_revisions_are_schemas() -> None:
    connection = attach(releases(), old="main~1", new="main")
    query = f"select sample from new.{ODD} anti join old.{ODD} using (sample)"
    assert connection.sql(query).fetchall() == [("d",)]
    changed = connection.sql(
        f"select sample, o.label, n.label from old.{ODD} o join new.{ODD} n using (sample) "
        "where o.label <> n.label"
    )
    assert changed.fetchall() == [("a", 1, 7)]
    assert connection.sql("select count(*) from new.empty").fetchall() == [(0,)]
    assert connection.sql(f"select image[2] from new.{ODD} where label = 3").fetchall() == [(4,)]


def test_snapshots_and_connections_of_the_callers_are_taken() -> None:
    repository = releases()
    with duckdb.connect() as own:
        own.execute("create table names as select 7 label, 'seven' name")
        assert attach(repository, connection=own, main=repository.checkout("main~1")) is own
        assert own.sql(f"select count(*) from main.{ODD}").fetchall() == [(3,)]
        attach(repository, connection=own, main="main")
        found = own.sql(f"select sample, name from main.{ODD} join names using (label)")
        assert found.fetchall() == [("a", "seven")]


def test_what_a_branch_gets_later_is_not_seen() -> None:
    repository = releases()
    connection = attach(repository, new="main")
    with repository.transaction("main", message="Third") as tx:
        tx['a/odd "name"'].append({"label": 9, "image": [0, 0]}, key="z")
    assert connection.sql(f"select count(*) from new.{ODD} where label = 9").fetchall() == [(0,)]


def test_what_is_refused() -> None:
    with pytest.raises(NotFoundError):
        attach(releases(), old="nope")
    with pytest.raises(InvalidInputError):
        attach(releases())
