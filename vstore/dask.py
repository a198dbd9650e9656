"""Tables as Dask frames, arrays as Dask arrays, and frames as tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vstore.arrow.parts import TableParts
from vstore.arrow.scan import ArrowScan, scan_of
from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.specs import ColumnSpec
from vstore.optional import needed
from vstore.reading.array import Array
from vstore.reading.column import Column
from vstore.reading.table import Table
from vstore.sharing.forks import Fork
from vstore.writing.transaction import Transaction

with needed("pyarrow", extra="dask", purpose="vstore.dask"):
    import pyarrow as pa
with needed("dask", extra="dask", purpose="vstore.dask"):
    import dask
    import dask.array
    import dask.dataframe
    import dask.dataframe.utils

if TYPE_CHECKING:
    import pandas

_dask: Any = dask  # which has hardly any types

__all__ = ["read_array", "read_table", "write"]

_SPLITS = 64


@exported_from("vstore.dask")
def read_table(
    table: Table | ArrowScan, *, splits: int = _SPLITS, **choices: Any
) -> "dask.dataframe.DataFrame":
    """Return a table of a commit as a frame, whose partitions are read by tasks.

    Each partition has whole chunks, and is read with the columns alone that are needed.

    Args:
        table: the table, or a scan of it.
        splits: how many partitions there are at most.
        choices: as `Table.arrow` takes them, such as `columns` and `where`.

    >>> import vstore, vstore.dask
    >>> repo = vstore.create("memory://dask-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
    ...     table.extend({"x": [1, 2, 3]})
    >>> int(vstore.dask.read_table(repo.checkout("main")["t"])["x"].sum().compute())
    6
    """
    scan = scan_of(table, **choices)
    meta = scan.schema.empty_table().to_pandas()
    # Samples that are arrays are objects, which Dask would make text of; text is text already.
    with dask.config.set({"dataframe.convert-string": False}):
        found: dask.dataframe.DataFrame = _dask.dataframe.from_map(
            _frame, scan.splits(splits), meta=meta
        )
    return found


def _frame(scan: ArrowScan, columns: Sequence[str] | None = None) -> "pandas.DataFrame":
    """Read the samples of a scan; Dask says which columns are needed."""
    wanted = scan if columns is None else scan.narrowed(columns=columns)
    frame: pandas.DataFrame = wanted.to_pandas()
    return frame


@exported_from("vstore.dask")
def read_array(array: Array | Column) -> "dask.array.Array":
    """Return an array, or a column of samples of one shape, of a commit as a Dask array.

    Its chunks are those that are stored. Where samples of an optional column are missing, the
    blocks are masked arrays.
    """
    found = _Samples(array) if isinstance(array, Column) else array
    chunks = array.metadata.chunk_shape
    blocks: dask.array.Array = _dask.array.from_array(
        found, chunks=chunks, asarray=False, fancy=False
    )
    return blocks


class _Samples:
    """A column as an array, whose first axis is that of the samples."""

    def __init__(self, column: Column) -> None:
        if column.kind != "ndarray":
            raise InvalidInputError(
                f"the samples of the column {column.name!r} are no array together",
                hint="read the table with `vstore.dask.read_table`",
            )
        self._column = column
        self.shape = column.shape
        self.dtype = column.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> Any:
        return self._column[index]


@exported_from("vstore.dask")
def write(
    frame: "dask.dataframe.DataFrame",
    transaction: Transaction,
    path: str,
    *,
    keys: str | None = None,
    columns: Mapping[str, ColumnSpec] | None = None,
) -> None:
    """Write a frame into a table of a transaction, made with the frame's columns if there is none.

    Each partition is a task on the workers, stored where nobody sees it before the transaction
    commits. A task that is killed leaves nothing, and one that runs twice counts once. The
    samples are in the order of the partitions; the index of the frame is not written.

    Args:
        frame: what to write.
        transaction: is to stay open until the frame is written.
        path: where the table is to be.
        keys: the column whose values are the keys of the samples; `sample` if None.
        columns: descriptions to take in the place of those that would follow: columns of
            arrays need one, for a frame does not say what is in them.
    """
    parts = TableParts(transaction, path, keys=keys, columns=columns)
    given: Any = frame
    example = _dask.dataframe.utils.meta_nonempty(given._meta)  # noqa: SLF001 - Dask's own way
    parts.begin(pa.Schema.from_pandas(example, preserve_index=False))
    tasks = [
        _dask.delayed(_write)(parts, task, part, pure=False)
        for task, part in enumerate(given.to_delayed())
    ]
    parts.finish(_dask.compute(*tasks))


def _write(parts: TableParts, task: int, frame: "pandas.DataFrame") -> Fork | None:
    return parts.write(task, [{name: frame[name] for name in frame.columns}])
