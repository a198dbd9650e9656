"""Diffs as Arrow tables and streams, for DuckDB, Polars, pandas and whatever takes them."""

import json
from collections.abc import Iterator
from typing import Any

from vstore.diffing.diff import Diff
from vstore.diffing.table_diff import TableDiff
from vstore.faces import exported_from, internals
from vstore.format.numbers import StoredRows
from vstore.optional import needed
from vstore.reading.table import Table

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa

SCHEMA = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("change", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("key", pa.string()),
        pa.field("old_position", pa.int64()),
        pa.field("new_position", pa.int64()),
    ]
)
"""One row for each sample that was added or removed, and for each column it changed in.

`change` is `added`, `removed` or `changed`, `column` null for the former two. `key` is JSON,
so that `1`, `"1"` and `["a", 1]` differ; null where samples have no keys. A position is null
on the side that lacks the sample.
"""

_BATCH_ROWS = 65_536


@exported_from("vstore.arrow")
def diff_reader(diff: Diff) -> pa.RecordBatchReader:
    """Return the samples that differ as a stream of record batches, made as they are read.

    Chunks are read when a batch needs them, some tens of thousands of rows at a time.

    >>> import vstore
    >>> repo = vstore.create("memory://arrow-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": [1, 2, 3]})
    >>> with repo.transaction("main", message="Change") as tx:
    ...     tx["t"]["x"][1] = 7
    >>> diff_reader(repo.diff("main~1", "main")).read_all().to_pylist()[0]["new_position"]
    1
    """
    return pa.RecordBatchReader.from_batches(SCHEMA, _batches(diff))


@exported_from("vstore.arrow")
def diff_table(diff: Diff) -> pa.Table:
    """Return the samples that differ as one table; see `SCHEMA`."""
    return diff_reader(diff).read_all()


def _batches(diff: Diff) -> Iterator[pa.RecordBatch]:
    for table in diff.each_table():
        rows = internals(table)
        yield from _one_sided(table, "removed", table.old, rows.removed_rows)
        yield from _one_sided(table, "added", table.new, rows.added_rows)
        for column, (old, new) in rows.changes.items():
            for part in _parts(len(new)):
                yield _changed(table, column, old[part], new[part])


def _parts(count: int) -> Iterator[slice]:
    yield from (slice(start, start + _BATCH_ROWS) for start in range(0, count, _BATCH_ROWS))


def _one_sided(
    diff: TableDiff, change: str, table: Table | None, rows: StoredRows
) -> Iterator[pa.RecordBatch]:
    for part in _parts(len(rows) if table is not None else 0):
        if table is not None:
            sides = [None, internals(table).rows.position(rows[part])]
            old, new = sides if change == "added" else sides[::-1]
            yield _batch(diff.path, change, None, _keys(table, rows[part]), old, new)


def _changed(diff: TableDiff, column: str, old: StoredRows, new: StoredRows) -> pa.RecordBatch:
    if diff.old is None or diff.new is None:
        raise AssertionError
    positions = internals(diff.old).rows.position(old), internals(diff.new).rows.position(new)
    return _batch(diff.path, "changed", column, _keys(diff.new, new), *positions)


def _keys(table: Table, rows: StoredRows) -> list[str] | None:
    if table.key_kind is None:
        return None
    return [json.dumps(key, ensure_ascii=False) for key in internals(table).keys_of(rows).tolist()]


def _batch(
    path: str,
    change: str,
    column: str | None,
    keys: list[str] | None,
    old: StoredRows | None,
    new: StoredRows | None,
) -> pa.RecordBatch:
    count = next(len(side) for side in (old, new) if side is not None)
    values: list[Any] = [[path] * count, [change] * count, [column] * count]
    values += [[None] * count if side is None else side for side in (keys, old, new)]
    arrays = [pa.array(part, field.type) for part, field in zip(values, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
