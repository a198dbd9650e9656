"""What a commit holds, for users and as plain values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from vstore.faces import exported_from
from vstore.format.commit import Author
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
    """A commit at a glance, laid out to be read; `to_dict()` has the figures.

    `time` is ISO 8601, in UTC; `message` is the first line of the commit's message.
    """

    url: str
    commit: str
    author: Author
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
        author = {"name": self.author.name, "email": self.author.email}
        plain = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("author", "tables", "arrays")
        }
        return plain | {
            "author": author,
            "tables": [asdict(table) for table in self.tables],
            "arrays": [asdict(array) for array in self.arrays],
            "stored_nbytes": self.stored_nbytes,
        }

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return printable("\n".join(line for _, line in summary_lines(self)))


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


def summary_lines(summary: Summary, width: int | None = None) -> Iterator[tuple[str, str]]:
    """Yield what a summary shows, a line at a time, each with what it is.

    That is `url`, `commit`, `text`, `table`, `heading` or `array`. With a `width`, columns
    that do not fit are left out, those that matter least first: names, kinds and shapes stay.
    """
    yield "url", summary.url
    yield "commit", f"commit {summary.commit}"
    time = f"{summary.time[:19].replace('T', ' ')} UTC"
    yield "text", f"{summary.author}, {time}" + (f": {summary.message}" if summary.message else "")
    for table in summary.tables:
        keys = f", keyed by {table.keys}" if table.keys else ""
        yield "text", ""
        yield "table", f"{table.path or '/'}  {plural(table.samples, 'sample')}{keys}"
        yield from _grid("column", table.columns, strip=table.path, width=width)
    if summary.arrays:
        yield "text", ""
        yield "table", "arrays"
        yield from _grid("array", summary.arrays, strip="", width=width)
    if not summary.tables and not summary.arrays:
        yield from (("text", ""), ("text", "empty"))
    yield from (("text", ""), ("text", f"stored {format_nbytes(summary.stored_nbytes)}"))


_HEADINGS = ("kind", "shape", "chunks", "codec", "raw", "stored", "ratio")
_RIGHT = {"chunks", "raw", "stored", "ratio"}
_LEAST_FIRST = ("codec", "ratio", "chunks", "raw", "stored")


def _grid(
    name: str, arrays: Sequence[ArraySummary], *, strip: str, width: int | None
) -> Iterator[tuple[str, str]]:
    """Yield the lines of a grid of arrays below their headings."""
    if not arrays:
        yield "array", f"  no {name}s"
        return
    rows = [(name, *_HEADINGS), *(_cells(array, strip) for array in arrays)]
    columns = dict(zip(rows[0], zip(*rows, strict=True), strict=True))
    for least in _LEAST_FIRST:
        if width is None or _width_of(columns) <= width:
            break
        del columns[least]
    for number, row in enumerate(zip(*map(_aligned, columns, columns.values()), strict=True)):
        yield "array" if number else "heading", f"  {'  '.join(row)}".rstrip()


def _width_of(columns: Mapping[str, Sequence[str]]) -> int:
    return sum(2 + max(map(len, cells)) for cells in columns.values())


def _aligned(heading: str, cells: Sequence[str]) -> list[str]:
    width = max(map(len, cells))
    return [cell.rjust(width) if heading in _RIGHT else cell.ljust(width) for cell in cells]


def _cells(array: ArraySummary, strip: str) -> tuple[str, ...]:
    shape = "(" + ", ".join("?" if n is None else str(n) for n in array.shape) + ")"
    raw = format_nbytes(array.raw_nbytes) if array.raw_nbytes is not None else ""
    ratio = ""
    if array.raw_nbytes and array.stored_nbytes:
        times = array.raw_nbytes / array.stored_nbytes
        ratio = f"{times:.1f}x" if times >= 0.1 else "<0.1x"
    return (
        printable(array.path[len(strip) :].strip("/")),
        " ".join(filter(None, (array.kind, array.dtype))),
        shape,
        f"{array.chunks:,}",
        array.codec,
        raw,
        format_nbytes(array.stored_nbytes),
        ratio,
    )
