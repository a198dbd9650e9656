"""What is read of a table as Arrow: columns, samples and a condition, as a value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vstore.arrow.columns import ArrowColumn, Images, KeyColumn, Tensors, arrow_column
from vstore.arrow.filters import Filter, filter_of
from vstore.arrow.streaming import Budget, Wanted, ascending, batches, filtered
from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals, pickled
from vstore.format.numbers import Positions
from vstore.format.table.names import KEYS
from vstore.lazy import lazy
from vstore.optional import needed
from vstore.reading.column import column_not_found
from vstore.reading.table import Table

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa

if TYPE_CHECKING:
    import polars
    import pyarrow.dataset as pads

    from vstore.arrow import dataset as datasets
    from vstore.arrow import frames
else:
    datasets = lazy("vstore.arrow.dataset")
    frames = lazy("vstore.arrow.frames")

_UNORDERED_ROWS = 65_536
"""How many samples are put into the order that was asked for at a time."""


@pickled
@dataclass(frozen=True, slots=True)
class ScanChoices:
    """What of a table is scanned, and in which form; see `Table.arrow`."""

    columns: Sequence[str] | None = None
    where: Any = None
    rows: Any = None
    tensors: Tensors = "tensor"
    images: Images = "encoded"
    batch_nbytes: int = 2 * 2**20
    memory_nbytes: int = 32 * 2**20
    also: tuple[Any, ...] = ()
    """Further conditions, which engines ask."""

    def __post_init__(self) -> None:
        for name, known in (("tensors", ("tensor", "list")), ("images", ("encoded", "tensor"))):
            if getattr(self, name) not in known:
                raise InvalidInputError(
                    f"{name} is one of {', '.join(map(repr, known))}, not {getattr(self, name)!r}"
                )
        for name in ("batch_nbytes", "memory_nbytes"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is a number of bytes, not {getattr(self, name)!r}")
        if isinstance(self.columns, str):
            raise InvalidInputError(f"columns is a list of names, as in [{self.columns!r}]")


@exported_from("vstore.arrow")
class ArrowScan:
    """What is read of a table of a commit, for libraries that take Arrow; made by `Table.arrow`.

    Nothing is read until a library asks, and each time it asks is a new stream: the scan may
    be used again, and is a value that pickles. Every byte is verified.

    >>> import vstore
    >>> repo = vstore.create("memory://scan-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
    ...     table.extend({"x": [1, 2, 3]}, keys=["a", "b", "c"])
    >>> scan = repo.checkout("main")["t"].arrow(where="x >= 2")
    >>> scan.table().to_pylist()
    [{'sample': 'b', 'x': 2}, {'sample': 'c', 'x': 3}]
    """

    def __init__(
        self, table: Table, choices: ScanChoices, *, known: Mapping[str, ArrowColumn] | None = None
    ) -> None:
        self._table = table
        self._choices = choices
        self._known = _columns_of(table, choices) if known is None else known
        # What cannot be read is refused here, before anything is.
        self.schema = pa.schema(
            [self._known[name].field for name in self._names], metadata=self._metadata
        )
        """The columns and their types."""
        wheres = [each for each in (choices.where, *choices.also) if each is not None]
        self._filter: Filter | None = filter_of(wheres, self._whole_schema)
        self._chosen = _chosen(table, choices.rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowScan, (self._table, self._choices)

    @cached_property
    def _names(self) -> Sequence[str]:
        names = self._choices.columns
        if names is None:
            return list(self._known)
        for name in names:
            if name not in self._known:
                raise column_not_found(self._table.path, name, self._known)
        if len(set(names)) < len(names):
            raise InvalidInputError(f"a column is given twice: {list(names)}")
        return list(names)

    @cached_property
    def _whole_schema(self) -> "pa.Schema":
        return pa.schema([column.field for column in self._known.values()])

    @property
    def _metadata(self) -> dict[str, str]:
        commit = internals(self._table).commit
        found = {"vstore.path": self._table.path}
        return found if commit is None else found | {"vstore.commit": commit}

    def reader(self) -> "pa.RecordBatchReader":
        """Return a stream of record batches, in the order of the samples.

        Chunks are read ahead on threads, which end when the reader is closed or forgotten.
        """
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def table(self) -> "pa.Table":
        """Return everything as a table, in memory."""
        return self.reader().read_all()

    def to_pandas(self) -> Any:
        """Return everything as a frame of pandas; samples that are arrays become arrays."""
        return self.table().to_pandas()

    def dataset(self) -> "pads.Dataset":
        """Return a dataset, of which DuckDB and DataFusion read the columns and rows they need."""
        return datasets.ScanDataset(self)

    def lazy(self) -> "polars.LazyFrame":
        """Return a lazy frame, of which Polars reads the columns and rows it needs."""
        return frames.lazy_frame(self)

    def count(self) -> int:
        """Return how many samples there are: from the commit alone where there is no condition."""
        if self._filter is None:
            return len(self._chosen)
        columns = list(self._filter.columns[:1]) or list(self._known)[:1]
        return sum(batch.num_rows for batch in self.narrowed(columns=columns).batches())

    @property
    def known_count(self) -> int | None:
        """How many samples there are, where the commit alone says it; else None."""
        return len(self._chosen) if self._filter is None else None

    @property
    def nbytes(self) -> int:
        """How much memory all samples take, about, those that a condition leaves out too."""
        each = sum(self._known[name].row_nbytes for name in self._names)
        return int(each * len(self._chosen))

    def splits(self, most: int) -> "list[ArrowScan]":
        """Return at most this many scans that are this one together, one behind the other.

        Each is of whole chunks of the column with the longest ones, so that no chunk is read
        twice.
        """
        if most < 1:
            raise InvalidInputError(f"the number of splits is 1 or more, not {most!r}")
        rows = internals(self._table).rows
        if not isinstance(self._chosen, range):
            parts = np.array_split(self._chosen, min(most, max(1, len(self._chosen))))
            return [self.narrowed(rows=part) for part in parts]
        names = {*self._names, *(() if self._filter is None else self._filter.columns)}
        step = max((self._known[name].rows_per_chunk for name in names), default=1)
        chosen = self._chosen
        if not len(chosen):
            return [self]
        first, last = (int(rows.locate(at)) for at in (chosen[0], chosen[-1]))
        chunks = range(first // step, last // step + 1)
        most = min(most, len(chunks))
        cuts = [chunks[len(chunks) * i // most] * step for i in range(1, most)]
        inner = [int(rows.position(np.array([cut]))[0]) for cut in cuts]
        ends = [chosen.start, *(min(max(each, chosen.start), chosen.stop) for each in inner)]
        ends.append(chosen.stop)
        return [
            self.narrowed(rows=slice(start, stop)) for start, stop in pairwise(ends) if start < stop
        ]

    def narrowed(self, **choices: Any) -> "ArrowScan":
        """Return the scan with other choices; `rows` are positions in the table."""
        known = None if choices.keys() & {"tensors", "images"} else self._known
        return ArrowScan(self._table, replace(self._choices, **choices), known=known)

    def asking(self, where: Any) -> "ArrowScan":
        """Return the scan with a further condition, None for none: all must be true."""
        if where is None:
            return self
        return self.narrowed(also=(*self._choices.also, where))

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Return the record batches, in the order of the samples, as `reader` does."""
        return self._batches()

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give a new stream of batches to any library that takes Arrow's."""
        return self.reader().__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator["pa.RecordBatch"]:
        if isinstance(self._chosen, range) or ascending(self._chosen):
            for batch in self._ordered(self._chosen):
                yield batch.cast(self.schema) if batch.schema != self.schema else batch
            return
        for start in range(0, len(self._chosen), _UNORDERED_ROWS):
            yield from self._unordered(self._chosen[start : start + _UNORDERED_ROWS])

    def _ordered(self, chosen: range | Positions) -> Iterator["pa.RecordBatch"]:
        rows = internals(self._table).rows
        budget = Budget(self._choices.batch_nbytes, self._choices.memory_nbytes)
        if self._filter is not None:
            wanted = Wanted(self._names, self._filter)
            return filtered(self._known, rows, chosen, budget, wanted)
        columns = {name: self._known[name] for name in self._names}
        return batches(columns, rows, chosen, budget)

    def _unordered(self, positions: Positions) -> Iterator["pa.RecordBatch"]:
        """Yield samples in an order of the user's: read in that of the table, then put there."""
        distinct, places = np.unique(positions, return_inverse=True)
        about = () if self._filter is None else self._filter.columns
        names = list(dict.fromkeys([*self._names, *about]))
        every = self.narrowed(rows=distinct, where=None, also=(), columns=names).table()
        for batch in every.take(pa.array(places)).combine_chunks().to_batches():
            found = batch
            if self._filter is not None:
                found = batch.take(pa.array(self._filter.hits(batch.select(list(about)))))
            yield found.select(list(self._names))

    def __repr__(self) -> str:
        columns = ", ".join(self.schema.names)
        return f"<vstore.arrow.ArrowScan {self._table.path!r}: {columns}>"


def _columns_of(table: Table, choices: ScanChoices) -> Mapping[str, ArrowColumn]:
    """Return all columns that a table has, the keys among them, in the order of Arrow's."""
    stored = internals(table)
    found: dict[str, ArrowColumn] = {}
    if stored.key_kind is not None:
        found[KEYS] = KeyColumn(stored)
    made = {
        name: arrow_column(column, tensors=choices.tensors, images=choices.images)
        for name, column in stored.columns.items()
    }
    # Engines count samples by the first column, so the cheapest come first.
    return found | dict(sorted(made.items(), key=lambda item: item[1].stored_row_nbytes))


def _chosen(table: Table, rows: Any) -> range | Positions:
    """Return the positions of the samples that are scanned."""
    count = len(table)
    if rows is None:
        return range(count)
    if isinstance(rows, slice):
        start, stop, step = rows.indices(count)
        found = range(start, max(start, stop) if step > 0 else stop, step)
        return found if step == 1 else np.array(found, np.int64)
    return internals(table).rows.checked(rows)


def scan_of(table: Table | ArrowScan, **choices: Any) -> ArrowScan:
    """Return what is read of a table, or of a scan with other choices; see `Table.arrow`."""
    if isinstance(table, ArrowScan):
        return table.narrowed(**choices)
    return ArrowScan(table, ScanChoices(**choices))
