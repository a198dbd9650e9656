"""Tables as Ray datasets, and datasets as tables: tasks read and write, one commit has it all."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from vstore.arrow.parts import TableParts
from vstore.arrow.scan import ArrowScan
from vstore.faces import exported_from
from vstore.format.table.specs import ColumnSpec
from vstore.optional import needed
from vstore.reading.table import Table
from vstore.sharing.forks import Fork
from vstore.writing.transaction import Transaction

with needed("pyarrow", extra="arrow", purpose="vstore.ray"):
    import pyarrow as pa
with needed("ray", extra="ray", purpose="vstore.ray"):
    import ray.data
    from ray.data.block import BlockAccessor, BlockMetadata
    from ray.data.datasource import Datasink, Datasource, ReadTask

__all__ = ["Sink", "Source", "read_table", "write"]


@exported_from("vstore.ray")
class Source(Datasource):  # type: ignore[misc]
    """Gives a table of a commit to `ray.data.read_datasource`.

    Each task reads whole chunks, and of these the columns and samples that the dataset asks for.

    Args:
        table: the table, or a scan of it.
        choices: as `Table.arrow` takes them, such as `columns` and `where`.
    """

    def __init__(self, table: Table | ArrowScan, **choices: Any) -> None:
        super().__init__()
        self._scan = (
            table.narrowed(**choices) if isinstance(table, ArrowScan) else table.arrow(**choices)
        )
        self._projection_map: dict[str, str] | None = None

    def get_name(self) -> str:
        """Return what Ray calls the tasks."""
        return "Vstore"

    def supports_projection_pushdown(self) -> bool:
        """Return that only the columns are read that are needed."""
        return True

    def supports_predicate_pushdown(self) -> bool:
        """Return that filters are applied where chunks are read."""
        return True

    def _asked(self) -> ArrowScan:
        """Return the scan of what the dataset asks for."""
        scan, names, condition = self._scan, self._get_data_columns(), self._predicate_expr
        if condition is not None:
            scan = scan.asking(condition.to_pyarrow())
        # Ray counts the rows of blocks, which need a column for that.
        return scan if names is None else scan.narrowed(columns=names or scan.schema.names[:1])

    def estimate_inmemory_data_size(self) -> int:
        """Return how much memory all samples take, about."""
        return self._asked().nbytes

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: Any = None,  # noqa: ARG002 - Ray's
    ) -> list[ReadTask]:
        """Return what reads the samples, in their order."""
        return [
            ReadTask(
                partial(_blocks, split),
                BlockMetadata(split.known_count, split.nbytes, None, None),
                schema=split.schema,
                per_task_row_limit=per_task_row_limit,
            )
            for split in self._asked().splits(max(1, parallelism))
        ]


def _blocks(scan: ArrowScan) -> Iterator["pa.Table"]:
    found = False
    for batch in scan.batches():
        found = True
        yield pa.Table.from_batches([batch])
    if not found:
        yield scan.schema.empty_table()


@exported_from("vstore.ray")
class Sink(Datasink[Fork | None]):  # type: ignore[misc]
    """Takes what `Dataset.write_datasink` writes into a table of a transaction.

    The table is made with the columns of the dataset if there is none. Tasks store their
    samples where nobody sees them before the transaction commits; one that is killed leaves
    nothing, and one that runs twice counts once. The samples are in the order of the write
    tasks: that of the dataset where `DataContext.execution_options.preserve_order` is set.

    Args:
        transaction: is to stay open until the dataset is written.
        path: where the table is to be.
        keys: the column whose values are the keys of the samples; `sample` if None.
        columns: descriptions to take in the place of those that would follow.
    """

    def __init__(
        self,
        transaction: Transaction,
        path: str,
        *,
        keys: str | None = None,
        columns: Mapping[str, ColumnSpec] | None = None,
    ) -> None:
        self._parts = TableParts(transaction, path, keys=keys, columns=columns)

    def get_name(self) -> str:
        """Return what Ray calls the tasks."""
        return "Vstore"

    def on_write_start(self, schema: Any = None) -> None:
        """Make the table and the fork that the tasks make theirs of."""
        self._parts.begin(_arrow_schema(schema))

    def write(self, blocks: Iterable[Any], ctx: Any) -> Fork | None:
        """Store the blocks of a task."""
        tables = (BlockAccessor.for_block(block).to_arrow() for block in blocks)
        return self._parts.write(ctx.task_idx, (_plain(table) for table in tables))

    def on_write_complete(self, write_result: Any) -> None:
        """Put what the tasks stored into the transaction."""
        self._parts.finish(write_result.write_returns)


@exported_from("vstore.ray")
def read_table(table: Table | ArrowScan, **choices: Any) -> "ray.data.Dataset":
    """Return a table of a commit as a dataset; see `Source`."""
    return ray.data.read_datasource(Source(table, **choices))


@exported_from("vstore.ray")
def write(
    dataset: "ray.data.Dataset",
    transaction: Transaction,
    path: str,
    *,
    keys: str | None = None,
    columns: Mapping[str, ColumnSpec] | None = None,
) -> None:
    """Write a dataset into a table of a transaction; see `Sink`."""
    dataset.write_datasink(Sink(transaction, path, keys=keys, columns=columns))


# Ray's own types --------------------------------------------------------------------------


def _arrow_schema(schema: Any) -> "pa.Schema | None":
    """Return the schema of a dataset as Arrow's; None where it has none."""
    if hasattr(schema, "base_schema"):
        schema = schema.base_schema
    if isinstance(schema, pa.Schema):
        return _plain(schema.empty_table()).schema
    if schema is None or not hasattr(schema, "names") or not hasattr(schema, "types"):
        return None
    empty = {name: np.zeros(0, "O") for name in schema.names}
    frame = BlockAccessor.for_block(pa.table(empty)).to_pandas()
    typed = frame.astype(dict(zip(schema.names, schema.types, strict=True)))
    return _plain(BlockAccessor.for_block(typed).to_arrow()).schema


def _plain(table: "pa.Table") -> "pa.Table":
    """Return a block with tensors of Arrow, and lists, in place of Ray's own."""
    for i, field in enumerate(table.schema):
        if _is_tensor_of_ray(field.type):
            parts = [_tensors(part) for part in table.column(i).chunks]
            kind = parts[0].type if parts else _tensors(_none_of(field.type)).type
            made = pa.field(field.name, kind, nullable=field.nullable)
            table = table.set_column(i, made, pa.chunked_array(parts, kind))
    return table


def _is_tensor_of_ray(kind: Any) -> bool:
    name = str(getattr(kind, "extension_name", ""))
    return name.startswith("ray.") and hasattr(kind, "shape")


def _none_of(kind: Any) -> Any:
    return pa.ExtensionArray.from_storage(kind, pa.array([], kind.storage_type))


def _tensors(array: Any) -> "pa.Array":
    """Return tensors of Ray as what Arrow has for them."""
    kind, storage = array.type, array.storage
    if isinstance(storage, pa.StructArray):
        return _ragged(storage, kind.ndim)
    tensor = pa.fixed_shape_tensor(kind.value_type, kind.shape)
    size = int(np.prod(kind.shape, dtype=np.int64))
    if array.null_count or not size:
        flat = pa.array(storage.to_pylist(), tensor.storage_type)
    else:
        flat = pa.FixedSizeListArray.from_arrays(storage.flatten(), size)
    return pa.ExtensionArray.from_storage(tensor, flat.cast(tensor.storage_type))


def _ragged(storage: Any, ndim: int) -> "pa.Array":
    """Return tensors that differ in shape as lists in lists."""
    shapes = np.zeros((len(storage), ndim), np.int64)
    are_there = np.asarray(storage.is_valid())
    shapes[are_there] = np.asarray(storage.field("shape").flatten()).reshape(-1, ndim)
    child = storage.field("data").flatten()
    for axis in reversed(range(ndim)):
        lengths = np.repeat(shapes[:, axis], shapes[:, :axis].prod(axis=1))
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        mask = pa.array(~are_there) if axis == 0 and storage.null_count else None
        child = pa.LargeListArray.from_arrays(offsets, child, mask=mask)
    return child
