"""What is at and below a path of a commit, an entry each."""

from collections.abc import Iterator
from dataclasses import dataclass

from vstore.errors import NotFoundError
from vstore.faces import internals
from vstore.format.nodes import ArrayNode, Node
from vstore.reading.snapshot import Snapshot
from vstore.reading.summary import ArraySummary, summarize_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A group, table, column or array; sizes are None where they are not known or of no use."""

    path: str
    kind: str
    samples: int | None = None
    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None
    nbytes: int | None = None
    stored_nbytes: int | None = None


def entries(snapshot: Snapshot, path: str, *, recursive: bool) -> list[Entry]:
    """Return what is in the group or table at a path, or what is there if it is an array.

    Raises:
        NotFoundError: nothing is there.
    """
    path = path.strip("/")
    internals(snapshot).tree.get(path)
    found = list(_below(snapshot, path))
    at = [entry for entry in found if entry.path == path]
    if at and at[0].kind not in ("group", "table"):
        return at
    depth = path.count("/") + 1 if path else 0
    inside = [entry for entry in found if entry.path != path]
    return [entry for entry in inside if recursive or entry.path.count("/") == depth]


def _below(snapshot: Snapshot, path: str) -> Iterator[Entry]:
    """Yield everything at and below a path, each table before its columns."""
    tables = snapshot.tables
    for place, node in internals(snapshot).tree.walk():
        is_below = not path or place == path or place.startswith(f"{path}/")
        if not is_below or not place:
            continue
        above = place.rpartition("/")[0]
        if above not in tables:
            yield _entry(snapshot, place, node)
        elif place.rpartition("/")[2] in tables[above].columns:
            yield _array(_summary(place, node, samples=len(tables[above])))


def _entry(snapshot: Snapshot, path: str, node: Node) -> Entry:
    if isinstance(node, ArrayNode):
        return _array(_summary(path, node))
    if node.table is None:
        return Entry(path=path, kind="group")
    table = snapshot.table(path)
    tree = internals(snapshot).tree
    columns = [
        _summary(f"{path}/{name}", tree.get(f"{path}/{name}"), samples=len(table))
        for name in table.columns
    ]
    raw = [column.raw_nbytes for column in columns]
    return Entry(
        path=path,
        kind="table",
        samples=len(table),
        nbytes=None if None in raw else sum(filter(None, raw)),
        stored_nbytes=sum(column.stored_nbytes for column in columns),
    )


def _summary(path: str, node: Node, *, samples: int | None = None) -> ArraySummary:
    if not isinstance(node, ArrayNode):
        raise NotFoundError(f"{path!r} is not an array", code="path-not-found")
    return summarize_array(path, node, samples=samples)


def _array(summary: ArraySummary) -> Entry:
    return Entry(
        path=summary.path,
        kind=summary.kind,
        samples=None if summary.kind == "array" else summary.shape[0],
        shape=summary.shape,
        dtype=summary.dtype or None,
        nbytes=summary.raw_nbytes,
        stored_nbytes=summary.stored_nbytes,
    )
