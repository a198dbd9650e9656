"""Which chunks a path, or some samples of it, take in a commit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format.index import walk
from vstore.format.nodes import ArrayNode
from vstore.format.numbers import StoredRows
from vstore.format.page import ChunkRef
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.zarr.selection import select
from vstore.reading.array import StoredArray
from vstore.reading.column import Column, column_not_found
from vstore.reading.snapshot import Snapshot
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a commit is meant.

    Attributes:
        path: a group, table, column or array; empty for everything.
        samples: an index of samples of a table or column, as in `table[samples]`; None for all.
        keys: the keys of samples, in place of their positions.
        columns: the columns of a table; None for all.
        with_keys: whether keys belong to some columns as well, so that samples are found by them;
            to a whole table they always do.
    """

    path: str = ""
    samples: Any = None
    keys: Sequence[Any] | None = None
    columns: Sequence[str] | None = None
    with_keys: bool = False

    def __post_init__(self) -> None:
        if self.samples is not None and self.keys is not None:
            raise InvalidInputError("give samples by position or by key, not both")

    @property
    def is_part(self) -> bool:
        """Whether only some samples are meant."""
        return self.samples is not None or self.keys is not None


def chunks_in(snapshot: Snapshot, wanted: Selection) -> Iterator[ChunkRef]:
    """Yield every chunk, and every patch of one, that a selection takes, some perhaps twice.

    Reads index pages, and what it takes to find samples.

    Raises:
        NotFoundError: nothing is at the path, or a sample or column does not exist.
        InvalidInputError: samples or columns of what has none.
    """
    found = snapshot[wanted.path] if wanted.path.strip("/") else None
    if isinstance(found, Table):
        yield from _of_table(internals(found), wanted, wanted.columns)
    elif isinstance(found, Column):
        path = wanted.path.strip("/").rpartition("/")[0]
        yield from _of_table(internals(snapshot.table(path)), wanted, [found.name])
    elif wanted.is_part or wanted.columns is not None:
        raise InvalidInputError(
            f"{wanted.path!r} is no table, so it has no samples and no columns to choose",
            code="not-a-table",
        )
    else:
        yield from _below(snapshot, wanted.path.strip("/"))


def array_paths(snapshot: Snapshot, path: str) -> Iterator[tuple[str, ArrayNode]]:
    """Yield all arrays at and below a path, those that tables keep besides columns included."""
    for place, node in internals(snapshot).tree.walk():
        is_below = not path or place == path or place.startswith(f"{path}/")
        if is_below and isinstance(node, ArrayNode):
            yield place, node


def _below(snapshot: Snapshot, path: str) -> Iterator[ChunkRef]:
    fetcher = internals(snapshot).fetcher
    for place, node in array_paths(snapshot, path):
        yield from _of_array(StoredArray(fetcher, node, path=place))


def _of_table(
    table: StoredTable, wanted: Selection, columns: Sequence[str] | None
) -> Iterator[ChunkRef]:
    names = list(table.infos) if columns is None else list(columns)
    for name in names:
        if name not in table.infos:
            raise column_not_found(table.path, name, table.infos)
    arrays = [name + suffix for name in names for suffix in table.infos[name].suffixes]
    own = [KEYS, KEY_INDEX, DELETED] if columns is None or wanted.with_keys else []
    if not wanted.is_part:
        yield from _of_arrays(table, [*arrays, *own], None)
        return
    if wanted.keys is not None:
        rows = table.rows_of(list(wanted.keys))
    else:
        index = [wanted.samples] if isinstance(wanted.samples, int) else wanted.samples
        rows = table.rows.locate(index)
    yield from _of_arrays(table, [*arrays, *own[:1]], rows)


def _of_arrays(
    table: StoredTable, names: Iterable[str], rows: StoredRows | None
) -> Iterator[ChunkRef]:
    for name in names:
        source = table.find_source(name)
        if not isinstance(source, StoredArray):
            continue
        if rows is None:
            yield from _of_array(source)
            continue
        metadata = source.metadata
        parts = select((rows,), metadata.shape, metadata.chunk_shape).parts()
        numbers = sorted({part.number for part in parts})
        for place in source.locate(numbers):
            yield from () if place is None else place.parts


def _of_array(source: StoredArray) -> Iterator[ChunkRef]:
    if source.node.chunks is not None:
        for _, place in walk(source.node.chunks, source.fetcher.pages):
            yield from place.parts
