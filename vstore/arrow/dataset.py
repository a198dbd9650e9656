"""Scans as datasets of pyarrow: DuckDB and DataFusion say which columns and rows they need."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vstore.faces import pickled
from vstore.optional import needed

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa
    import pyarrow.dataset as pads

if TYPE_CHECKING:
    from vstore.arrow.scan import ArrowScan

_FRAGMENTS = 16


class ScanScanner:
    """What a query reads of a dataset; each call reads anew."""

    def __init__(self, scan: "ArrowScan", where: Any) -> None:
        self._scan = scan
        self._where = where

    @property
    def projected_schema(self) -> "pa.Schema":
        """The columns that are read."""
        return self._scan.schema

    @property
    def dataset_schema(self) -> "pa.Schema":
        """The columns that are read."""
        return self._scan.schema

    def to_reader(self) -> "pa.RecordBatchReader":
        """Return the batches as a stream."""
        return pa.RecordBatchReader.from_batches(self._scan.schema, self.to_batches())

    def to_batches(self) -> Iterator["pa.RecordBatch"]:
        """Yield the batches."""
        return self._scan.asking(self._where).batches()

    def to_table(self) -> "pa.Table":
        """Return everything that is read."""
        return self.to_reader().read_all()

    def head(self, num_rows: int) -> "pa.Table":
        """Return the first samples; no more is read than they need."""
        found, left = [], num_rows
        batches = self.to_batches()
        while left > 0 and (batch := next(batches, None)) is not None:
            found.append(batch.slice(0, left))
            left -= found[-1].num_rows
        return pa.Table.from_batches(found, schema=self._scan.schema)

    def take(self, indices: Any) -> "pa.Table":
        """Return the samples at some places among those that are read."""
        return self.to_table().take(pa.array(indices))

    def count_rows(self) -> int:
        """Return how many samples there are."""
        return self._scan.asking(self._where).count()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_reader().__arrow_c_stream__(requested_schema)


class _Scanned:
    """What a dataset and its fragments have in common."""

    _scan: "ArrowScan"

    @property
    def schema(self) -> "pa.Schema":
        """The columns and their types."""
        return self._scan.schema

    def scanner(
        self,
        schema: Any = None,  # noqa: ARG002 - a dataset has one
        columns: Any = None,
        filter: Any = None,  # noqa: A002 - Arrow's name
        **_: Any,
    ) -> ScanScanner:
        """Return what reads some columns of the samples that a filter takes."""
        if isinstance(columns, dict):
            raise pa.ArrowNotImplementedError("columns of a vstore dataset are names")
        names = self._scan.schema.names if columns is None else list(columns)
        return ScanScanner(self._scan.narrowed(columns=names), filter)

    def to_batches(self, **options: Any) -> Iterator["pa.RecordBatch"]:
        """Yield the batches."""
        return self.scanner(**options).to_batches()

    def to_table(self, **options: Any) -> "pa.Table":
        """Return everything as a table."""
        return self.scanner(**options).to_table()

    def head(self, num_rows: int, **options: Any) -> "pa.Table":
        """Return the first samples."""
        return self.scanner(**options).head(num_rows)

    def count_rows(self, filter: Any = None, **options: Any) -> int:  # noqa: A002 - Arrow's name
        """Return how many samples there are."""
        return self.scanner(filter=filter, **options).count_rows()

    def take(self, indices: Any, **options: Any) -> "pa.Table":
        """Return the samples at some places."""
        return self.scanner(**options).take(indices)


@pickled
class ScanFragment(_Scanned, pads.Fragment):  # type: ignore[misc]
    """A part of a dataset, of whole chunks."""

    def __init__(self, scan: "ArrowScan") -> None:
        self._scan = scan

    def __reduce__(self) -> tuple[Any, ...]:
        return ScanFragment, (self._scan,)

    @property
    def physical_schema(self) -> "pa.Schema":
        """The columns and their types."""
        return self._scan.schema

    @property
    def partition_expression(self) -> Any:
        """What holds for every sample: nothing."""
        return pads.scalar(True)  # noqa: FBT003

    def __repr__(self) -> str:
        return f"<vstore fragment of {self._scan!r}>"


@pickled
class ScanDataset(_Scanned, pads.Dataset):  # type: ignore[misc]
    """A scan as a dataset, which may be asked again and again."""

    def __init__(self, scan: "ArrowScan") -> None:
        self._scan = scan

    def __reduce__(self) -> tuple[Any, ...]:
        return ScanDataset, (self._scan,)

    @property
    def partition_expression(self) -> Any:
        """What holds for every sample: nothing."""
        return pads.scalar(True)  # noqa: FBT003

    def get_fragments(self, filter: Any = None) -> Iterator[ScanFragment]:  # noqa: A002, ARG002
        """Yield parts of whole chunks; what a filter leaves of each is for its scanner."""
        return map(ScanFragment, self._scan.splits(_FRAGMENTS))

    def filter(self, expression: Any) -> "ScanDataset":
        """Return the dataset with the samples for which an expression is true."""
        return ScanDataset(self._scan.asking(expression))

    def replace_schema(self, schema: "pa.Schema") -> "ScanDataset":
        """Return the dataset, if the schema is its own."""
        if schema != self.schema:
            raise pa.ArrowNotImplementedError("the schema of a vstore dataset is the table's")
        return self

    def sort_by(self, sorting: Any, **options: Any) -> "pads.InMemoryDataset":
        """Return the samples in another order, in memory."""
        return pads.InMemoryDataset(self.to_table(**options).sort_by(sorting))

    def join(self, right_dataset: Any, keys: Any, *rest: Any, **options: Any) -> Any:
        """Return the samples joined with those of another dataset, in memory."""
        whole = pads.InMemoryDataset(self.to_table())
        right = right_dataset
        if isinstance(right, ScanDataset):
            right = pads.InMemoryDataset(right.to_table())
        return whole.join(right, keys, *rest, **options)

    def __repr__(self) -> str:
        return f"<vstore dataset of {self._scan!r}>"
