"""Cells: what samples hold in a column, as elements of the arrays that the column consists of.

A cell is missing, or has a value and, where samples differ in it, a shape. These are read,
compared and written together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.diffing.columns import stored
from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format import document
from vstore.format.numbers import StoredRows
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import SHAPE_SUFFIX, VALID_SUFFIX
from vstore.format.table.ragged import set_shapes
from vstore.format.zarr.conversion import as_dtype
from vstore.format.zarr.differing import Mask, differing_elements
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import read
from vstore.reading.stored_table import StoredTable


@dataclass(frozen=True)
class Form:
    """What the cells of a column may be: how they are encoded does not matter."""

    info: ColumnInfo
    metadata: ArrayMetadata = field(repr=False, compare=False)
    element: bytes
    """The data type, shape and fill value of an element, as a canonical document."""

    @classmethod
    def of(cls, table: StoredTable, name: str) -> "Form":
        """Return the form of a column of a table."""
        return cls.made(table.infos[name], stored(table, name).metadata)

    @classmethod
    def made(cls, info: ColumnInfo, metadata: ArrayMetadata) -> "Form":
        """Return the form that a column's document and that of its array say."""
        whole = metadata.to_dict()
        parts = whole["data_type"], whole["shape"][1:], whole["fill_value"]
        return cls(msgspec.structs.replace(info, id=""), metadata, document.dumps(list(parts)))

    def is_like(self, other: "Form") -> bool:
        """Return whether the forms are equal, but that samples may be missing in one of them."""
        infos = (msgspec.structs.replace(each.info, optional=False) for each in (self, other))
        return self.element == other.element and next(infos) == next(infos)

    def unset(self, count: int) -> "Cells":
        """Return the cells of samples that nobody gave a value."""
        rows = {"": self._full(count)}
        for each in self.info.companions:
            rows[each.suffix] = np.zeros((count, *each.shape(self.info)), each.dtype)
        return Cells(self, rows)

    def _full(self, count: int) -> NDArray[Any]:
        shape = (count, *self.metadata.shape[1:])
        return np.full(shape, self.metadata.fill_value, self.metadata.dtype)


@dataclass(frozen=True)
class Cells:
    """The cells of some samples in one column: an array of elements for each suffix."""

    form: Form
    rows: Mapping[str, NDArray[Any]]

    @classmethod
    def read(cls, table: StoredTable, name: str, rows: StoredRows) -> "Cells":
        """Return what a table holds in some of its stored rows."""
        form = Form.of(table, name)
        arrays = {suffix: stored(table, name + suffix) for suffix in form.info.suffixes}
        found = {suffix: read(array, (rows,)) for suffix, array in arrays.items()}
        if SHAPE_SUFFIX in found:
            found[SHAPE_SUFFIX] = set_shapes(form.info.shape or (), found[SHAPE_SUFFIX])
        return cls(form, found)

    def __len__(self) -> int:
        return len(self.rows[""])

    def __getitem__(self, which: Any) -> "Cells":
        return Cells(self.form, {suffix: rows[which] for suffix, rows in self.rows.items()})

    @property
    def are_there(self) -> Mask:
        """Which cells are not missing."""
        there = self.rows.get(VALID_SUFFIX)
        return np.ones(len(self), bool) if there is None else np.asarray(there, bool)

    def differ_from(self, other: "Cells") -> Mask:
        """Return which cells are not the same as those of another side, of the same form.

        What lies under a missing cell means nothing.
        """
        mine, others = self.are_there, other.are_there
        differing = np.zeros(len(self), bool)
        for suffix in self.rows.keys() - {VALID_SUFFIX}:
            found = differing_elements(self.rows[suffix], other.rows[suffix])
            differing |= found.any(axis=tuple(range(1, found.ndim)))
        apart: Mask = (mine != others) | (mine & others & differing)
        return apart

    def are_others_than(self, before: "Cells") -> Mask:
        """Return which cells are not what they were in another form, the wider or the narrower."""
        for cells, others in ((before, self), (self, before)):
            try:
                return cells.converted(others.form).differ_from(others)
            except InvalidInputError:
                continue
        return np.ones(len(self), bool)

    def converted(self, form: Form) -> "Cells":
        """Return the cells in another form, in which each stays what it is.

        Raises:
            InvalidInputError: one of them does not fit.
        """
        if form == self.form:
            return self
        there = self.are_there
        if not form.info.optional and not there.all():
            raise InvalidInputError("a sample is missing, and the column is not optional")
        if not self._may_become(form):
            raise InvalidInputError("samples of one kind cannot become those of another")
        made = dict(form.unset(len(self)).rows)
        for suffix, rows in self.rows.items():
            if suffix != VALID_SUFFIX:
                made[suffix][there] = _as_dtype(rows[there], made[suffix].dtype)
        if form.info.optional:
            made[VALID_SUFFIX] = there
        return Cells(form, made)

    def _may_become(self, form: Form) -> bool:
        mine = msgspec.structs.replace(self.form.info, optional=form.info.optional)
        shapes = self.form.metadata.shape[1:], form.metadata.shape[1:]
        return mine == form.info and shapes[0] == shapes[1]

    def fitting(self, form: Form) -> "Cells":
        """Return the cells in another form; those that do not fit are unset."""
        try:
            return self.converted(form)
        except InvalidInputError:
            if len(self) < 2:
                return form.unset(len(self))
        made = {suffix: rows.copy() for suffix, rows in form.unset(len(self)).rows.items()}
        for i in range(len(self)):
            for suffix, rows in self[i : i + 1].fitting(form).rows.items():
                made[suffix][i : i + 1] = rows
        return Cells(form, made)


def _as_dtype(elements: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return elements in the data type of a cast or, by value, in the one before it."""
    if elements.dtype == dtype:
        return elements
    if not np.can_cast(dtype, elements.dtype, "safe"):
        return as_dtype(elements, dtype, name="")
    is_real = elements.dtype.kind == "c" != dtype.kind
    with np.errstate(invalid="ignore", over="ignore"):
        narrow = (elements.real if is_real else elements).astype(dtype)
    if differing_elements(narrow.astype(elements.dtype), elements).any():
        raise InvalidInputError(f"{dtype} does not hold what is there in {elements.dtype}")
    return narrow


def samples_of(table: StoredTable, name: str | None, rows: StoredRows) -> list[Any]:
    """Return what users read in stored rows of a column: None for a sample that is missing."""
    if name is None:
        return [None] * len(rows)
    column = internals(table.columns[name])
    values = column.at_rows(rows)
    if column.valid is None:
        return list(values)
    there = read(column.valid, (rows,))
    return [
        value if is_there else None
        for value, is_there in zip(np.ma.getdata(values), there, strict=True)
    ]
