"""A table of a transaction as the library sees it: its arrays, and columns without samples."""

from collections.abc import (
    Iterator,
    Mapping,
)
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore import optional
from vstore.errors import ClosedError
from vstore.format.arrow_values import is_arrow
from vstore.format.commit import Changes
from vstore.format.nodes import ArrayNode, GroupNode
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import ARROW_TYPE
from vstore.format.table.sample_rows import SampleForm, as_rows
from vstore.format.table.specs import ColumnSpec
from vstore.format.zarr.attributes import plain_attributes
from vstore.reading.column import Column, column_not_found
from vstore.writing.assignments import Target
from vstore.writing.staged_array import StagedArray
from vstore.writing.table_arrays import Staging, TableArrays

_WAVE_ROWS = 4096


class StagedTable:
    """The arrays of a table in a transaction, and the columns that have had no samples yet.

    `held` are the arrays there are; `stored` makes those that are missing.
    """

    def __init__(
        self,
        staging: Staging,
        path: str,
        node: GroupNode,
        children: Mapping[str, ArrayNode],
        *,
        specs: Mapping[str, ColumnSpec] | None = None,
    ) -> None:
        self.staging = staging
        self.path = path
        self._pending: dict[str, ColumnSpec] = dict(specs or {})
        self.held = TableArrays(staging, path, node, children)
        self._is_deleted = False

    def require_usable(self) -> None:
        """Raise `ClosedError` once the table, or its transaction, is no more."""
        self.staging.door.require_open()
        if self._is_deleted:
            raise ClosedError(f"{self.path!r} was deleted or replaced in this transaction")

    def forget(self) -> None:
        """Refuse use from now on: the table was deleted, or others took its place."""
        self._is_deleted = True

    @property
    def stored(self) -> TableArrays:
        """The table's arrays, row by row as they are stored."""
        for name in list(self._pending):
            self.make(name, None)
        return self.held

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return sorted(self.held.infos.keys() | self._pending.keys())

    def usable_arrays(self) -> TableArrays:
        """Return the table's arrays as they are, or refuse."""
        self.require_usable()
        return self.held

    def make(self, name: str, first: NDArray[Any] | None) -> None:
        """Make the arrays of a column that has had no samples yet."""
        spec = self._pending.pop(name, None)
        if spec is not None:
            self.held.make_column(name, spec, np.zeros(0, spec.dtype) if first is None else first)

    def declare(self, name: str, spec: ColumnSpec, first: NDArray[Any] | None) -> None:
        """Add a column, and make its arrays for values like the first ones."""
        self._pending[name] = spec
        self.make(name, first)

    def info(self, name: str) -> ColumnInfo:
        """Return what a column holds."""
        return self._pending[name].info if name in self._pending else self.held.infos[name]

    def ready(self, name: str, values: Any) -> dict[str, NDArray[Any]]:
        """Return values as rows of a column's arrays, by suffix, or raise if they do not fit."""
        form = self.sample_form(name)
        attributes = self._attributes(name)
        if ARROW_TYPE in attributes and is_arrow(values):
            values = optional.load(
                "vstore.arrow.conventions",
                package="pyarrow",
                extra="arrow",
                purpose="data of Arrow in a table",
            ).stored(values, attributes, form.dtype, name)
        return as_rows(name, self.info(name), form, values)

    def _attributes(self, name: str) -> Mapping[str, Any]:
        if name in self._pending:
            return self._pending[name].attributes or {}
        return self.held[name].metadata.attributes

    def sample_form(self, name: str) -> SampleForm:
        """Return what one sample of a column is like."""
        if name in self._pending:
            spec = self._pending[name]
            return spec.form
        metadata = self.held[name].metadata
        return SampleForm(metadata.data_type, metadata.shape[1:], metadata.fill_value)

    def require_column(self, name: str) -> None:
        """Raise `NotFoundError` where there is no such column."""
        self.require_usable()
        if name not in self.names:
            raise column_not_found(self.path, name, self.names)

    def open_column(self, name: str) -> Column:
        """Return a column as it is now, for reading."""
        self.require_column(name)
        self.make(name, None)
        return self.held.column(name)

    def target(self, name: str) -> Target:
        """Return what assigning to a column writes to."""
        info = self.held.infos[name]
        arrays = {suffix: self.held[name + suffix] for suffix in info.suffixes}
        return Target(name, info, self.sample_form(name), arrays)

    def write_sample(self, name: str, row: int, sample: Any) -> None:
        """Change one stored row of a column, given as a sample; None for a missing one."""
        where = np.array([row], np.int64)
        for suffix, rows in self.ready(name, _repeated(sample, 1)).items():
            self.held.write_rows(name + suffix, where, rows)

    def set_attributes(self, attributes: Mapping[str, Any], *, column: str | None = None) -> None:
        """Replace the attributes of the table, or of one of its columns."""
        self.require_usable()
        if column is not None:
            self.require_column(column)
        plain = plain_attributes(attributes)
        self.stored.set_attributes(plain, column=column)

    def set_document(self, metadata: Mapping[str, Any]) -> None:
        """Replace the group's metadata document."""
        self.held.node = replace(self.held.node, metadata=dict(metadata))

    def flush(self) -> None:
        """Send all that is still held as plain arrays to the codec."""
        self.stored.flush()

    def arrays(self) -> Iterator[tuple[str, StagedArray]]:
        """Yield the table's arrays by name."""
        return self.stored.items()

    @property
    def node(self) -> GroupNode:
        """The group's node; its children are as they were."""
        return self.held.node

    @property
    def is_changed(self) -> bool:
        """Whether anything of the table was changed."""
        return bool(self._pending) or self.changes() != Changes()

    def changes(self) -> Changes:
        """Return how many samples were added, changed and removed."""
        return self.held.changes()


def _repeated(value: Any, count: int) -> Any:
    """Return a batch that holds one sample `count` times."""
    if hasattr(value, "dtype"):
        return np.repeat(np.asarray(value)[np.newaxis], count, axis=0)
    return [value] * count
