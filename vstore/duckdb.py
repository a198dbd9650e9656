"""SQL over commits: DuckDB reads tables as they are, a schema for each revision."""

import itertools
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.optional import needed
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table
from vstore.repository.repository import Repository

with needed("duckdb", extra="duckdb", purpose="vstore.duckdb"):
    import duckdb

__all__ = ["attach"]

_NUMBERS = itertools.count()


@exported_from("vstore.duckdb")
def attach(
    repository: Repository,
    *,
    connection: "duckdb.DuckDBPyConnection | None" = None,
    **revisions: str | Snapshot,
) -> "duckdb.DuckDBPyConnection":
    """Return a connection in which each revision is a schema, and each of its tables a view.

    The keys of samples are the column `sample`. A query reads the columns that it names, and of
    those the chunks that its conditions need, as they are at the time of the call: what a branch
    gets later is not seen.

    Args:
        repository: where the revisions are.
        connection: an open one, which the schemas are added to; a new one, in memory, if None.
        **revisions: a revision, or an open snapshot, by the name of its schema.

    Raises:
        NotFoundError: there is no such revision.

    >>> import vstore, vstore.duckdb
    >>> repo = vstore.create("memory://duckdb-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
    ...     table.extend({"x": [1, 2]}, keys=["a", "b"])
    >>> with repo.transaction("main", message="Change") as tx:
    ...     tx["t"].append({"x": 3}, key="c")
    >>> con = vstore.duckdb.attach(repo, old="main~1", new="main")
    >>> con.sql("select sample, x from new.t anti join old.t using (sample)").fetchall()
    [('c', 3)]
    """
    if not revisions:
        raise InvalidInputError("no revision was given the name of a schema, as old=... does")
    found = {
        name: revision if isinstance(revision, Snapshot) else repository.checkout(revision)
        for name, revision in revisions.items()
    }
    made = duckdb.connect() if connection is None else connection
    for name, snapshot in found.items():
        made.execute(f"create schema if not exists {_quoted(name)}")
        for path, table in snapshot.tables.items():
            _add_view(made, name, path, table)
    return made


def _add_view(
    connection: "duckdb.DuckDBPyConnection", schema: str, path: str, table: Table
) -> None:
    # What is registered has no schema; a name of its own each time, so that queries that
    # already run over it go on.
    held = f"vstore {next(_NUMBERS)} {path}"
    # Lists and not tensors: DuckDB would make one axis of all.
    dataset: Any = table.arrow(tensors="list").dataset()
    connection.register(held, dataset)
    connection.execute(
        f"create or replace view {_quoted(schema)}.{_quoted(path)} as select * from {_quoted(held)}"
    )


def _quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever characters it has."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
