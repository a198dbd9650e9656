"""Samples to look at: what cannot be decoded, or would be too much, is told and not raised."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display.lines import Unshown
from vstore.display.viewers import ViewedColumn, viewed
from vstore.errors import FormatError, MissingExtraError
from vstore.faces import internals
from vstore.format.numbers import StoredRows
from vstore.format.table.images import image_info
from vstore.reading.array import prefetch_rows, read
from vstore.reading.stored_column import StoredColumn
from vstore.reading.stored_table import StoredTable

MOST_PIXELS = 2**25
"""Of images with more only the size is told."""

MOST_NBYTES = 64 * 2**20
"""Of columns of arrays whose samples together are larger only the shape is told."""


def look(
    table: StoredTable, rows: StoredRows, names: Iterable[str] | None = None
) -> dict[str, list[Any]]:
    """Return what columns hold in some stored rows, by name; `Unshown` in the place of some.

    Damage of what is stored is raised: it is no property of a value.
    """
    wanted = list(table.infos) if names is None else list(names)
    columns = {name: internals(table.columns[name]) for name in wanted}
    prefetch_rows([each for column in columns.values() for each in column.arrays], np.unique(rows))
    return {name: look_at(column, rows) for name, column in columns.items()}


def look_at(column: StoredColumn, rows: StoredRows) -> list[Any]:
    """Return what one column holds in some stored rows, as a viewer shows it; see `look`."""
    return viewed(described(column), _values(column, rows))


def described(column: StoredColumn) -> ViewedColumn:
    """Return what viewers are told of a column."""
    info, metadata = column.info, column.source.metadata
    dtype, shape = info.kind.dtype(info), None if info.kind.is_plain else info.shape
    return ViewedColumn(
        column.name,
        info.kind_name,
        metadata.dtype if dtype is None else dtype,
        metadata.shape[1:] if shape is None else shape,
        dict(metadata.attributes),
    )


def _values(column: StoredColumn, rows: StoredRows) -> list[Any]:
    kind, metadata = column.info.kind, column.source.metadata
    if kind.format_of is not None:
        return _files(column, rows)
    if kind.is_plain and metadata.ndim > 1:
        nbytes = int(np.prod(metadata.shape[1:], dtype=object)) * metadata.dtype.itemsize
        if nbytes * len(rows) > MOST_NBYTES:
            form = f"{metadata.dtype} {metadata.shape[1:]}"
            return [Unshown(form, nbytes, "open the sample to see it")] * len(rows)
    return _listed(column.at_rows(rows))


def _listed(values: NDArray[Any]) -> list[Any]:
    if not isinstance(values, np.ma.MaskedArray):
        return list(values)
    missing = np.asarray(np.ma.getmaskarray(values).all(axis=tuple(range(1, values.ndim))))
    plain = np.ma.getdata(values)
    return [None if gone else value for value, gone in zip(plain, missing, strict=True)]


def _files(column: StoredColumn, rows: StoredRows) -> list[Any]:
    """Return what is decoded of samples that are files, and of the rest what they are."""
    elements = read(column.source, (rows,))
    valid = np.ones(len(rows), bool) if column.valid is None else read(column.valid, (rows,))
    others = [
        read(each, (rows,)) for suffix, each in column.beside.items() if column.valid is not each
    ]
    return [
        _decoded(column, element, [each[i] for each in others]) if valid[i] else None
        for i, element in enumerate(elements)
    ]


def _decoded(column: StoredColumn, element: bytes, beside: Sequence[Any]) -> Any:
    kind = column.info.kind
    form = kind.format_of(element) if kind.format_of is not None else kind.name
    try:
        if kind.is_picture:
            said = image_info(element)
            if said.width * said.height > MOST_PIXELS:
                size = f"{said.width}x{said.height}"
                return Unshown(f"{form} {size}", len(element), "too large to preview")
        return element if kind.decode is None else kind.decode(column.info, element, *beside)
    except (FormatError, MissingExtraError) as exc:
        return Unshown(form, len(element), str(exc))
