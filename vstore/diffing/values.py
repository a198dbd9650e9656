"""Values of samples as changes show them: as they are, or the digest of what is too large."""

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vstore.faces import exported_from, internals
from vstore.format.digest import Digest, digest_of
from vstore.format.document import dumps
from vstore.format.numbers import StoredRows
from vstore.reading.array import read
from vstore.reading.stored_column import StoredColumn
from vstore.reading.stored_table import StoredTable

_BLOCK_NBYTES = 8 * 2**20
_BLOCK_ROWS = 1024
_FEW_ROWS = 32
"""How many samples that differ in size are held at a time: each may be large."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ValueDigest:
    """What a change shows in place of a large value, a file or a sound.

    `digest` is the BLAKE3 hash of the value's bytes, and `nbytes` how many there are: the bytes of
    a file as it was stored, of text in UTF-8, of an array its elements in C order, little-endian.
    So `b3sum` of an imported file gives the same.
    """

    digest: Digest
    nbytes: int

    def __str__(self) -> str:
        return f"blake3:{self.digest[:12]} ({self.nbytes:,} bytes)"


def blocks(table: StoredTable, name: str, count: int) -> Iterator[slice]:
    """Yield the parts in which some rows of a column are read, so that little is held at a time."""
    column = internals(table.columns[name])
    step = _FEW_ROWS
    if column.info.kind.is_plain:
        metadata = column.source.metadata
        nbytes = int(np.prod(metadata.shape[1:], dtype=object)) * metadata.dtype.itemsize
        step = min(_BLOCK_ROWS, max(1, _BLOCK_NBYTES // max(1, nbytes)))
    yield from (slice(start, start + step) for start in range(0, count, step))


def values_at(table: StoredTable, name: str, rows: StoredRows, *, digest_above: int) -> list[Any]:
    """Return what a column holds in some stored rows; None where a sample is missing."""
    column = internals(table.columns[name])
    if column.info.kind.format_of is not None:
        return _files(column, rows)
    values = column.at_rows(rows)
    missing = np.zeros(len(rows), bool)
    if isinstance(values, np.ma.MaskedArray):
        missing = np.asarray(
            np.ma.getmaskarray(values).reshape(len(rows), -1).all(axis=1), dtype=bool
        )
        values = np.ma.getdata(values)
    return [
        None if gone or value is None else _shown(value, digest_above)
        for value, gone in zip(values, missing, strict=True)
    ]


def _files(column: StoredColumn, rows: StoredRows) -> list[Any]:
    """Return the digests of samples that are files: they are not decoded."""
    elements = read(column.source, (rows,))
    valid = np.ones(len(rows), bool) if column.valid is None else read(column.valid, (rows,))
    return [
        ValueDigest(digest_of(element), len(element)) if there else None
        for element, there in zip(elements, valid, strict=True)
    ]


def _shown(value: Any, digest_above: int) -> Any:
    """Return a value, or its digest where it is large."""
    nbytes = value.nbytes if isinstance(value, np.ndarray | np.generic) else None
    data = _bytes_of(value) if nbytes is None or nbytes > digest_above else b""
    if len(data) > digest_above:
        return ValueDigest(digest_of(data), len(data))
    is_plain = isinstance(value, np.generic) and (
        value.dtype.kind in "biu" or value.dtype == np.float64
    )
    return value.item() if is_plain else value


def _bytes_of(value: Any) -> bytes:
    """Return the bytes that a digest of a value is about."""
    if isinstance(value, np.ndarray | np.generic):
        found = np.ascontiguousarray(value)
        return found.astype(found.dtype.newbyteorder("<"), copy=False).tobytes()
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else dumps(value)


def plain_value(value: Any) -> Any:
    """Return a value of a change in JSON's terms.

    Arrays are nested lists, bytes base64, times ISO 8601; NaN and the infinities are strings, a
    complex number is a pair, and a `ValueDigest` an object of its members.

    >>> plain_value(np.array([1.5, np.nan])), plain_value(b"ab")
    ([1.5, 'NaN'], 'YWI=')
    """
    if isinstance(value, ValueDigest):
        return {"digest": value.digest, "nbytes": value.nbytes}
    if isinstance(value, np.ndarray | np.generic):
        value = value.astype(str).tolist() if value.dtype.kind in "mM" else value.tolist()
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, complex):
        return [_plain_scalar(value.real), _plain_scalar(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
