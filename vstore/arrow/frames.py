"""Scans as lazy frames of Polars: it says which columns and rows it needs."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from vstore.format.numbers import Ints
from vstore.optional import needed

with needed("polars", extra="polars", purpose="a table as a lazy frame"):
    import polars as pl
    from polars.io.plugins import register_io_source

if TYPE_CHECKING:
    import pyarrow as pa

    from vstore.arrow.scan import ArrowScan

_PLACE = "\0place"


class PolarsFilter:
    """A condition as an expression of Polars, with what that says of nulls and NaN."""

    def __init__(self, expression: pl.Expr, columns: Sequence[str]) -> None:
        self._expression = expression
        self._columns = columns

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it is about."""
        return self._columns

    def hits(self, batch: "pa.RecordBatch") -> Ints:
        """Return which rows of a batch fulfill it."""
        frame = _frame(batch).with_row_index(_PLACE).filter(self._expression)
        found: Ints = frame[_PLACE].cast(pl.Int64).to_numpy()
        return found


def _frame(batch: "pa.RecordBatch") -> pl.DataFrame:
    return cast("pl.DataFrame", pl.from_arrow(batch))


def lazy_frame(scan: "ArrowScan") -> pl.LazyFrame:
    """Return a lazy frame that reads what a query needs each time it is collected."""

    def read(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG001 - a hint
    ) -> Iterator[pl.DataFrame]:
        names = list(scan.schema.names) if with_columns is None else with_columns
        found = scan.narrowed(columns=names or scan.schema.names[:1])
        yield from _rows(found, names, predicate, n_rows)

    schema = _frame_schema(scan)
    return register_io_source(read, schema=schema, validate_schema=False)


def _frame_schema(scan: "ArrowScan") -> Any:
    return cast("pl.DataFrame", pl.from_arrow(scan.schema.empty_table())).schema


def _rows(
    scan: "ArrowScan", names: Sequence[str], predicate: pl.Expr | None, most: int | None
) -> Iterator[pl.DataFrame]:
    """Yield the samples that a predicate takes besides the scan's own, at most so many."""
    for batch in scan.asking(predicate).batches():
        if most is not None and most <= 0:
            return
        frame = _frame(batch)
        frame = frame if most is None else frame.head(most)
        most = None if most is None else most - frame.height
        yield frame if names else frame.select([])
        if most is not None and most <= 0:
            return
