"""Changes of samples as an Arrow stream: a history, or the cells of a diff."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from vstore.diffing.cell_changes import SampleChange
from vstore.diffing.values import ValueDigest, plain_value
from vstore.faces import exported_from
from vstore.optional import needed

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa

CHANGES = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("key", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("old", pa.string()),
        pa.field("new", pa.string()),
        pa.field("old_digest", pa.string()),
        pa.field("new_digest", pa.string()),
        pa.field("commit", pa.string()),
        pa.field("author", pa.string()),
        pa.field("email", pa.string()),
        pa.field("time", pa.timestamp("us", "UTC")),
        pa.field("message", pa.string()),
        pa.field("via", pa.string()),
        pa.field("decision", pa.string()),
        pa.field("decided_by", pa.string()),
    ]
)
"""One row for each cell that changed; see `vstore.SampleChange`.

`key`, `old` and `new` are JSON, since columns differ in type; null for what is not there, and for
a large value, of which there is the digest. A value that is missing is the JSON `null`.
"""

_BATCH_ROWS = 8192


@exported_from("vstore.arrow")
def change_reader(changes: Iterable[SampleChange]) -> pa.RecordBatchReader:
    """Return changes as a stream of record batches, made as they are read.

    >>> import vstore
    >>> repo = vstore.create("memory://change-reader-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": [1, 2, 3]})
    >>> change_reader(repo.history("t")).read_all()["new"].to_pylist()
    ['1', '2', '3']
    """
    return pa.RecordBatchReader.from_batches(CHANGES, _batches(iter(changes)))


def _batches(changes: Iterator[SampleChange]) -> Iterator[pa.RecordBatch]:
    while found := list(islice(changes, _BATCH_ROWS)):
        rows = [_row(change) for change in found]
        yield pa.RecordBatch.from_pylist(rows, schema=CHANGES)


def _row(change: SampleChange) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": change.path,
        "column": change.column,
        "key": _json(change.key) if change.key is not None else None,
        "status": change.status,
        "decision": change.decision,
        "decided_by": change.decided_by,
        "via": change.via,
    }
    for side, gone in (("old", "added"), ("new", "removed")):
        value = getattr(change, side)
        if isinstance(value, ValueDigest):
            row[f"{side}_digest"] = value.digest
        elif change.status != gone:
            row[side] = _json(value)
    commit = change.commit
    if commit is not None:
        row |= {"commit": commit.id, "time": commit.time, "message": commit.message}
        row |= {"author": commit.author.name, "email": commit.author.email}
    return row


def _json(value: Any) -> str:
    return json.dumps(plain_value(value), ensure_ascii=False)
