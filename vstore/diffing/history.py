"""The history of a table as a table: who changed what, from what to what, when and why."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vstore import optional
from vstore.diffing.cell_changes import SampleChange
from vstore.diffing.timeline import Timeline
from vstore.faces import exported_from

if TYPE_CHECKING:
    import pyarrow


@exported_from("vstore")
class History:
    """What was done to the samples of a table: a `SampleChange` for each cell, newest first.

    Iterate over it, or give it to a library that takes Arrow streams: DuckDB, Polars, pandas.
    Commits are read as they are needed, and each time from the beginning.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    @property
    def path(self) -> str:
        """The table."""
        return self._timeline.tables.path(self._timeline.span.start)

    def __iter__(self) -> Iterator[SampleChange]:
        return iter(self._timeline)

    def to_arrow(self) -> "pyarrow.Table":
        """Return all changes as a `pyarrow.Table`; see `vstore.arrow.CHANGES`.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        table: pyarrow.Table = _arrow().change_reader(self).read_all()
        return table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the changes to any library that takes Arrow streams, lazily."""
        return _arrow().change_reader(self).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<vstore.History of {self.path!r} at {self._timeline.span.start[:12]}>"


def _arrow() -> Any:
    purpose = "a history as an Arrow table"
    return optional.load("vstore.arrow", package="pyarrow", extra="arrow", purpose=purpose)
