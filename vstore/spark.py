"""Tables as Spark's frames, and frames as tables, by Spark's Python data sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vstore.arrow.parts import TableParts
from vstore.arrow.scan import ArrowScan
from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.optional import needed
from vstore.repository import opening
from vstore.sharing.forks import Fork
from vstore.sharing.handover import Handover
from vstore.writing.transaction import Transaction

with needed("pyarrow", extra="spark", purpose="vstore.spark"):
    import pyarrow as pa
with needed("pyspark", extra="spark", purpose="vstore.spark"):
    from pyspark import TaskContext
    from pyspark.sql.datasource import (
        DataSource,
        DataSourceArrowWriter,
        DataSourceReader,
        InputPartition,
        WriterCommitMessage,
    )
    from pyspark.sql.pandas.types import to_arrow_schema

__all__ = ["TableSource"]

_SPLITS = "64"


@exported_from("vstore.spark")
class TableSource(DataSource):  # type: ignore[misc]
    """The format `vstore` of Spark: tables of commits to read, and of branches to write.

    Register it with `spark.dataSource.register(vstore.spark.TableSource)`. To read,
    `spark.read.format("vstore").option("table", "train").load("s3://bucket/repo@main")`, with
    these options:

    - `table`: the path of the table,
    - `columns`: those to read, with commas between them; all if it is left out,
    - `where`: a condition as `Table.arrow` takes it, which is applied where chunks are read,
    - `splits`: how many partitions there are at most, 64.

    To write, `frame.write.format("vstore").mode("append").option("table", "train").save(url)`
    makes one commit of all tasks, with these options:

    - `table`: where the table is to be, which is made if there is none,
    - `branch` and `message` of the commit: `main`, and a message that names the table,
    - `keys`: the column whose values are the keys of the samples; `sample` if left out.

    The mode `overwrite` puts the samples in the place of the table. They are in the order of
    the partitions.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "vstore"

    def schema(self) -> str:
        """Return the columns as Spark has them."""
        kinds = [(field.name, _spark_kind(field.type)) for field in self._scan().schema]
        return ", ".join(f"{_quoted(name)} {kind}" for name, kind in kinds)

    def _option(self, name: str) -> str:
        if name not in self.options:
            raise InvalidInputError(
                f"the option {name!r} is missing",
                hint=f"give it as in `.option({name!r}, ...)`",
            )
        return str(self.options[name])

    def _scan(self) -> ArrowScan:
        """Return what is read of the table."""
        snapshot = opening.checkout(self._option("path"))
        names = self.options.get("columns")
        columns = None if names is None else [name.strip() for name in names.split(",")]
        where = self.options.get("where")
        return snapshot.table(self._option("table")).arrow(columns, where=where, tensors="list")

    def reader(self, schema: Any) -> DataSourceReader:
        """Return what reads the table."""
        splits = int(self.options.get("splits", _SPLITS))
        return _Reader(self._scan(), to_arrow_schema(schema), splits)

    def writer(self, schema: Any, overwrite: bool) -> DataSourceArrowWriter:  # noqa: FBT001 - Spark's
        """Begin a commit, and return what writes it."""
        path = self._option("table")
        to = _Target(
            self._option("path"),
            str(self.options.get("branch", "main")),
            str(self.options.get("message", f"Write {path} with Spark")),
            path,
            self.options.get("keys"),
        )
        return _Writer(to, to_arrow_schema(schema), overwrite=overwrite)


class _Split(InputPartition):  # type: ignore[misc]
    """Some samples."""


class _Reader(DataSourceReader):  # type: ignore[misc]
    """Reads a scan as batches of a schema."""

    def __init__(self, scan: ArrowScan, schema: "pa.Schema", splits: int) -> None:
        self._scan, self._schema, self._splits = scan, schema, splits

    def partitions(self) -> Sequence[InputPartition]:
        """Return the parts of the scan, each of whole chunks."""
        return [_Split(split) for split in self._scan.splits(self._splits)]

    def read(self, partition: InputPartition) -> Iterator["pa.RecordBatch"]:
        """Yield the samples of a part."""
        for batch in partition.value.narrowed(columns=self._schema.names).batches():
            columns = [_plain(column) for column in batch.columns]
            yield pa.record_batch(
                [
                    column.cast(field.type)
                    for column, field in zip(columns, self._schema, strict=True)
                ],
                schema=self._schema,
            )


@dataclass(frozen=True)
class _Target:
    """The commit that is to be made, and where in it the table is to be."""

    url: str
    branch: str
    message: str
    path: str
    keys: str | None

    def begin(self) -> Transaction:
        """Return a transaction for it."""
        return opening.open(self.url).transaction(self.branch, message=self.message)


@dataclass
class _Written(WriterCommitMessage):  # type: ignore[misc]
    """What a task wrote."""

    fork: Fork | None


class _Writer(DataSourceArrowWriter):  # type: ignore[misc]
    """Writes batches into forks, and joins them in one commit.

    Spark begins and ends a write in different processes, so the transaction is handed over.
    """

    def __init__(self, to: _Target, schema: "pa.Schema", *, overwrite: bool) -> None:
        self._to = to
        transaction = to.begin()
        self._handover = Handover(transaction)
        if overwrite and to.path in transaction:
            transaction.delete(to.path)
        self._parts = TableParts(transaction, to.path, keys=to.keys)
        self._parts.begin(schema)
        self._handover.close(self._parts.fork)

    def write(self, iterator: Iterator["pa.RecordBatch"]) -> WriterCommitMessage:
        """Store the samples of a task."""
        task = TaskContext.get()
        number = 0 if task is None else task.partitionId()
        return _Written(self._parts.write(number, iterator))

    def commit(self, messages: list[Any]) -> None:
        """Make the commit of what all tasks stored."""
        forks = [each.fork for each in messages if each is not None and each.fork is not None]
        with self._to.begin() as transaction:
            self._handover.put_into(transaction, forks)

    def abort(self, messages: list[Any]) -> None:
        """Leave everything as it was: what tasks stored is garbage."""


# Types of Spark ---------------------------------------------------------------------------


def _quoted(name: str) -> str:
    """Return a column's name as Spark's SQL takes it, whatever characters it has."""
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def _spark_kind(kind: "pa.DataType") -> str:
    """Return what Spark calls a type, or the next larger one that it has."""
    if isinstance(kind, pa.BaseExtensionType):
        return _spark_kind(kind.storage_type)
    if hasattr(kind, "value_type"):
        return f"ARRAY<{_spark_kind(kind.value_type)}>"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP_NTZ"
    if pa.types.is_duration(kind):
        return "INTERVAL DAY TO SECOND"
    if str(kind) not in _KINDS:
        raise InvalidInputError(
            f"Spark has no type for {kind}", hint="choose other columns, with the option `columns`"
        )
    return _KINDS[str(kind)]


_KINDS: Mapping[str, str] = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "uint8": "SMALLINT",
    "int16": "SMALLINT",
    "uint16": "INT",
    "int32": "INT",
    "uint32": "BIGINT",
    "int64": "BIGINT",
    "uint64": "DECIMAL(20, 0)",
    "halffloat": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "STRING",
    "binary": "BINARY",
    "date32[day]": "DATE",
}


def _plain(array: "pa.Array") -> "pa.Array":
    return array.storage if isinstance(array, pa.ExtensionArray) else array
