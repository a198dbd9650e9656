"""Files of rows by field, CSV and JSON lines, a block of rows at a time."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, Protocol

from vstore.errors import InvalidInputError
from vstore.importers.source import SourceFile
from vstore.importers.text_lines import TextLines

BLOCK_ROWS = 2**14
_BLOCK_NBYTES = 2**21
_MAX_FIELD_NBYTES = 2**28
"""What one field may take: it is held in memory whole."""
_SEPARATORS = ",;\t|"

Record = Mapping[str, Any] | Exception
"""A row by field, or why it is none."""


class Block(Protocol):
    """Some rows of a file, one behind the other."""

    def __len__(self) -> int: ...

    def records(self) -> Iterator[Record]:
        """Yield the rows one by one, an error in the place of a row that is none."""
        ...

    def columns(self, names: Sequence[str]) -> dict[str, Sequence[Any]] | None:
        """Return the values of each field in all rows; None where a row is none.

        It is None, too, where a row has a field that is not among the names.
        """
        ...


class RecordFile(Protocol):
    """How files of rows are read."""

    @property
    def has_fields_of_rows(self) -> bool:
        """Whether a later row may have fields that the first do not have."""
        ...

    def blocks(self, file: SourceFile) -> Iterator[Block]:
        """Yield all rows of a file, those in front of an error that ends it included."""
        ...


# CSV --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _CsvBlock:
    header: Sequence[str]
    rows: list[Any] = field(default_factory=list)
    is_whole: bool = True
    """Whether no row is an error."""

    def __len__(self) -> int:
        return len(self.rows)

    def records(self) -> Iterator[Record]:
        for row in self.rows:
            is_error = isinstance(row, Exception)
            yield row if is_error else dict(zip(self.header, row, strict=True))

    def columns(self, names: Sequence[str]) -> dict[str, Sequence[Any]] | None:
        if not self.is_whole or not set(self.header) <= set(names):
            return None
        held = dict(zip(self.header, zip(*self.rows, strict=True), strict=True))
        missing = [None] * len(self.rows)
        return {name: held.get(name, missing) for name in names}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """CSV with a header: its values are texts."""

    delimiter: str | None
    has_fields_of_rows: ClassVar[bool] = False

    def blocks(self, file: SourceFile) -> Iterator[_CsvBlock]:
        """Yield all rows of a file, those in front of an error that ends it included."""
        delimiter = self.delimiter or _separator(file)
        with file.open() as stream:
            csv.field_size_limit(_MAX_FIELD_NBYTES)
            lines = TextLines(stream)
            given = chain.from_iterable(lines.lists())
            reader = csv.reader(given, delimiter=delimiter, strict=True)
            header = _header(reader, file)
            while True:
                block = _CsvBlock(header)
                try:
                    _fill(block, reader, lines)
                except (csv.Error, InvalidInputError) as exc:
                    yield block
                    raise _in_line(exc, reader.line_num) from exc
                if not block.rows:
                    return
                yield block


def _fill(block: _CsvBlock, reader: Any, lines: TextLines) -> None:
    """Take rows from a reader until there are enough; a line without any field is none."""
    most, count, take = lines.nbytes + _BLOCK_NBYTES, len(block.header), block.rows.append
    for values in reader:
        if len(values) == count:
            take(values)
        elif values:
            said = f"line {reader.line_num}: {len(values)} fields, and the header has {count}"
            take(InvalidInputError(said))
            block.is_whole = False
        if len(block) >= BLOCK_ROWS or lines.nbytes > most:
            return


def _header(reader: Iterator[list[str]], file: SourceFile) -> list[str]:
    try:
        header = next(reader, None)
    except csv.Error as exc:
        raise _in_line(exc, 1) from exc
    if header is None:
        raise InvalidInputError(f"{file} is empty")
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise InvalidInputError(f"{file} has two fields called {doubled[0]!r}")
    if "" in header:
        raise InvalidInputError(f"{file} has a field without a name, the {header.index('') + 1}th")
    return header


def _in_line(error: Exception, line: int) -> Exception:
    is_own = isinstance(error, InvalidInputError)
    return error if is_own else InvalidInputError(f"line {line}: {error}")


def _separator(file: SourceFile) -> str:
    """Return what separates the fields of the header: what it has most of."""
    with file.open() as stream:
        line = stream.readline(2**16).decode(errors="replace")
    return max(_SEPARATORS, key=line.count)


# JSON lines -------------------------------------------------------------------------------


@dataclass(slots=True)
class _JsonBlock:
    rows: list[Record]

    def __len__(self) -> int:
        return len(self.rows)

    def records(self) -> Iterator[Record]:
        return iter(self.rows)

    def columns(self, names: Sequence[str]) -> dict[str, Sequence[Any]] | None:
        known = set(names)
        rows = [row for row in self.rows if not isinstance(row, Exception) and known >= row.keys()]
        if len(rows) < len(self.rows):
            return None
        return {name: [row.get(name) for row in rows] for name in names}


@dataclass(frozen=True, slots=True)
class JsonFile:
    """JSON lines: an object is a row, and objects in it are fields called `a.b`."""

    has_fields_of_rows: ClassVar[bool] = True

    def blocks(self, file: SourceFile) -> Iterator[_JsonBlock]:
        """Yield all rows of a file, those in front of an error that ends it included."""
        number = 1
        with file.open() as stream:
            for lines in TextLines(stream).lists():
                numbered = enumerate(lines, start=number)
                yield _JsonBlock([_object(line, i) for i, line in numbered if line.strip()])
                number += len(lines)


def _object(line: str, number: int) -> Record:
    try:
        found = json.loads(line)
        flat = dict(_flat(found)) if isinstance(found, dict) else None
    except (ValueError, RecursionError) as exc:
        return InvalidInputError(f"line {number} is not JSON: {exc}")
    return InvalidInputError(f"line {number} is no object") if flat is None else flat


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
