"""What a commit holds, for users and as plain values."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vstore.faces import exported_from
from vstore.format.nodes import ArrayNode
from vstore.format.zarr.dtypes import dtype_from
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.wording import format_nbytes, plural, printable


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ArraySummary:
    """One array or column: its form, and its size before and after encoding.

    `raw_nbytes` is None where samples differ in size, so that it is not known without
    reading them.
    """

    path: str
    kind: str
    shape: tuple[int | None, ...]
    dtype: str
    chunk_shape: tuple[int, ...]
    codec: str
    chunks: int
    raw_nbytes: int | None
    stored_nbytes: int


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class TableSummary:
    """One table: its samples, how they are named, and its columns."""

    path: str
    samples: int
    keys: str | None
    columns: tuple[ArraySummary, ...]


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Summary:
    """A commit at a glance, laid out to be read; `to_dict()` has the figures."""

    url: str
    commit: str
    author: str
    time: str
    message: str
    tables: tuple[TableSummary, ...]
    arrays: tuple[ArraySummary, ...]

    @property
    def stored_nbytes(self) -> int:
        """The bytes of all chunks as they are stored."""
        columns = [column for table in self.tables for column in table.columns]
        return sum(array.stored_nbytes for array in (*columns, *self.arrays))

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON values."""
        return asdict(self) | {"stored_nbytes": self.stored_nbytes}

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [
            f"{self.url}",
            f"commit {self.commit}",
            f"{self.author}, {self.time}" + (f": {self.message}" if self.message else ""),
        ]
        for table in self.tables:
            keys = f", keyed by {table.keys}" if table.keys else ""
            lines += ["", f"{table.path or '/'}  {plural(table.samples, 'sample')}{keys}"]
            lines += _aligned(table.columns, strip=table.path)
        if self.arrays:
            lines += ["", "arrays", *_aligned(self.arrays, strip="")]
        if not self.tables and not self.arrays:
            lines += ["", "empty"]
        lines += ["", f"stored {format_nbytes(self.stored_nbytes)}"]
        return printable("\n".join(lines))


def summarize_array(path: str, node: ArrayNode, *, samples: int | None = None) -> ArraySummary:
    """Return the summary of one array; `samples` counts the live rows of a column."""
    metadata = ArrayMetadata.from_dict(node.metadata)
    info = node.column
    shape: tuple[int | None, ...] = metadata.shape
    if samples is not None:
        shape = (samples, *metadata.shape[1:])
    dtype = str(metadata.dtype)
    if info is not None and not info.kind.is_plain:
        shape = (*shape[:1], *(info.shape or ()))
        dtype = "" if info.dtype is None else str(dtype_from(info.dtype))
    raw = None
    if not metadata.is_variable_length:
        raw = math.prod(length or 0 for length in shape) * metadata.dtype.itemsize
    return ArraySummary(
        path=path,
        kind=info.kind.name if info else "array",
        shape=shape,
        dtype=dtype,
        chunk_shape=metadata.chunk_shape,
        codec=_codec_name(metadata),
        chunks=node.chunks.chunks if node.chunks else 0,
        raw_nbytes=raw,
        stored_nbytes=node.chunks.stored if node.chunks else 0,
    )


def _codec_name(metadata: ArrayMetadata) -> str:
    names = [str(codec["name"]).removeprefix("numcodecs.") for codec in metadata.codecs]
    kept = [name for name in names if name not in ("bytes", "vlen-utf8", "vlen-bytes", "crc32c")]
    return "+".join(kept) or "raw"


def _aligned(arrays: Sequence[ArraySummary], *, strip: str) -> list[str]:
    rows = [_cells(array, strip) for array in arrays]
    if not rows:
        return ["  no columns"]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = {4, 5, 6}
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(array: ArraySummary, strip: str) -> list[str]:
    shape = "(" + ", ".join("?" if n is None else str(n) for n in array.shape) + ")"
    raw = format_nbytes(array.raw_nbytes) if array.raw_nbytes is not None else ""
    ratio = ""
    if array.raw_nbytes and array.stored_nbytes:
        times = array.raw_nbytes / array.stored_nbytes
        ratio = f"{times:.1f}x" if times >= 0.1 else "<0.1x"
    return [
        array.path[len(strip) :].strip("/"),
        " ".join(filter(None, (array.kind, array.dtype))),
        shape,
        array.codec,
        raw,
        format_nbytes(array.stored_nbytes),
        ratio,
    ]
