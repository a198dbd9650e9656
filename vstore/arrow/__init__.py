"""Tables and diffs as Arrow, for DuckDB, Polars, pandas and whatever takes its streams."""

from vstore.arrow.changes import CHANGES, change_reader
from vstore.arrow.diffs import SCHEMA, diff_reader, diff_table
from vstore.arrow.incoming import column_specs
from vstore.arrow.scan import ArrowScan

__all__ = [  # noqa: RUF022 - by code points
    "ArrowScan",
    "CHANGES",
    "SCHEMA",
    "change_reader",
    "column_specs",
    "diff_reader",
    "diff_table",
]
