"""Files of rows: CSV, JSON lines, and lines of text."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import KeyKindName
from vstore.format.table.specs import text
from vstore.importers.errors import located
from vstore.importers.fields import Fields, inferred
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.media import zarr_root
from vstore.importers.source import Source, SourceFile

_INFERRED_FROM = 1000
_MAX_FIELD_NBYTES = 2**28
_MAX_LINE = 2**28
"""What one line, and one field, may take: they are held in memory whole."""
_SEPARATORS = ",;\t|"


Record = Mapping[str, Any] | Exception
"""A row by field, or why it is none."""


class Csv(Importer):
    """CSV files with a header: int64, float64, bool, datetime64 or text per field."""

    options: ClassVar[Mapping[str, Option]] = {
        "key": (str, None, "the field that has the keys, which becomes no column"),
        "delimiter": (str, None, "what separates fields; found out if it is not given"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether all files are called .csv or .tsv and hold text."""
        return _are_called(source, {".csv", ".tsv"}) and _is_text(source.head(4096))

    def open(
        self, source: Source, *, key: str | None = None, delimiter: str | None = None, **_: Any
    ) -> Rows:
        """Return the rows of the files, which have the same header."""
        return _rows(source, _CsvFile(delimiter), key)


class JsonLines(Importer):
    """Files of JSON lines: as CSV; lists of numbers become arrays, objects flatten to a.b."""

    options: ClassVar[Mapping[str, Option]] = {
        "key": (str, None, "the field that has the keys, which becomes no column"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the first line is an object, and names do not say otherwise."""
        head = source.head(65536)
        is_called = _are_called(source, {".jsonl", ".ndjson", ""})
        is_like_it = is_called and head.lstrip().startswith(b"{") and _begins_with_object(head)
        return is_like_it and zarr_root(source) is None

    def open(self, source: Source, *, key: str | None = None, **_: Any) -> Rows:
        """Return the objects of the files."""
        return _rows(source, _JsonFile(), key)


class TextLines(Importer):
    """Files of text: a sample for each line."""

    def fits(self, source: Source) -> bool:
        """Return whether all files are called .txt or .text and hold text."""
        return _are_called(source, {".txt", ".text"}) and _is_text(source.head(4096))

    def open(self, source: Source, **_: Any) -> Rows:
        """Return the lines of the files."""
        files = list(source.files())
        return Rows({"text": text()}, items=files, read=_lines, many=True)


def records_of(file: SourceFile) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a CSV or JSONL file as they are, texts not converted.

    Raises:
        InvalidInputError: a row is none.
    """
    is_json = file.head(4096).lstrip().startswith(b"{")
    for record in (_JsonFile() if is_json else _CsvFile(None)).records(file):
        if isinstance(record, Exception):
            raise located(record, file)
        yield record


def _are_called(source: Source, suffixes: set[str]) -> bool:
    found = {file.suffix for file in source.files()}
    return bool(found) and found <= suffixes


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as exc:
        return exc.start > len(head) - 4  # it is cut inside a character
    return True


def _begins_with_object(head: bytes) -> bool:
    try:
        return isinstance(json.loads(head.lstrip().split(b"\n", 1)[0]), dict)
    except RecursionError:
        return head.lstrip().startswith(b"{")
    except ValueError:
        return len(head) == 65536 and b"\n" not in head.lstrip()


def _lines(file: SourceFile) -> Iterator[Mapping[str, Any]]:
    with file.open() as stream, _decoded(stream, file) as lines:
        for line in lines:
            yield {"text": line.removesuffix("\n").removesuffix("\r")}


def _decoded(stream: Any, file: SourceFile) -> "_Text":
    return _Text(stream, file)


class _Text:
    """Lines of UTF-8; an error says in which line other bytes are."""

    def __init__(self, stream: Any, file: SourceFile) -> None:
        self._stream = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        self._file = file
        self.number = 0

    def __enter__(self) -> "_Text":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.detach()

    def __iter__(self) -> Iterator[str]:
        try:
            while line := self._stream.readline(_MAX_LINE):
                self.number += 1
                if len(line) == _MAX_LINE:
                    raise InvalidInputError(
                        f"line {self.number} is longer than {_MAX_LINE - 1:,} characters"
                    )
                yield line
        except UnicodeDecodeError as exc:
            raise InvalidInputError(f"line {self.number + 1} or later is not UTF-8: {exc}") from exc


@dataclass(frozen=True, slots=True)
class _CsvFile:
    """How a CSV file is read."""

    delimiter: str | None
    has_fields_of_rows: ClassVar[bool] = False
    """Whether a later row may have fields that the first do not have."""

    def records(self, file: SourceFile) -> Iterator[Record]:
        """Yield rows as texts by field, an error in the place of a row that is none."""
        delimiter = self.delimiter or _separator(file)
        with file.open() as stream, _decoded(stream, file) as lines:
            csv.field_size_limit(_MAX_FIELD_NBYTES)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            try:
                header = next(reader, None)
                if header is None:
                    raise InvalidInputError(f"{file} is empty")
                _check_header(header, file)
                for values in reader:
                    if len(values) == len(header):
                        yield dict(zip(header, values, strict=True))
                    elif values:
                        yield _torn(header, values, reader.line_num)
            except csv.Error as exc:
                raise InvalidInputError(f"line {reader.line_num}: {exc}") from exc


def _separator(file: SourceFile) -> str:
    """Return what separates the fields of the header: what it has most of."""
    with file.open() as stream:
        line = stream.readline(2**16).decode(errors="replace")
    return max(_SEPARATORS, key=line.count)


def _check_header(header: Sequence[str], file: SourceFile) -> None:
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise InvalidInputError(f"{file} has two fields called {doubled[0]!r}")
    if "" in header:
        raise InvalidInputError(f"{file} has a field without a name, the {header.index('') + 1}th")


def _torn(header: Sequence[str], values: Sequence[str], line: int) -> InvalidInputError:
    said = f"line {line}: {len(values)} fields, and the header has {len(header)}"
    return InvalidInputError(said)


@dataclass(frozen=True, slots=True)
class _JsonFile:
    """How a file of JSON lines is read."""

    has_fields_of_rows: ClassVar[bool] = True

    def records(self, file: SourceFile) -> Iterator[Record]:
        """Yield objects, flattened, an error in the place of a line that is none."""
        with file.open() as stream, _decoded(stream, file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _object(line, number)


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


_File = _CsvFile | _JsonFile


def _rows(source: Source, form: _File, key: str | None) -> Rows:
    files = list(source.files())
    first = list(islice(_records(files, form), _INFERRED_FROM))
    fields = list(dict.fromkeys(field for record in first for field in record))
    if form.has_fields_of_rows or not fields:
        fields += [each for each in source.schema if each not in fields]
    if not fields:
        raise InvalidInputError(f"{source} has no rows, so its columns are unknown")
    if key is not None and key not in fields:
        raise NotFoundError(f"{source} has no field {key!r}", hint=f"it has {', '.join(fields)}")
    columns = inferred(first, [each for each in fields if each != key], schema=source.schema)
    kind: KeyKindName | None = None
    if key is not None:
        own = inferred(first, [key], schema={}).columns[key]
        kind = "int" if own.dtype.kind == "i" and not own.info.optional else "str"
    read = _Reading(form, columns, key, kind)
    return Rows(columns.columns, kind, items=files, read=read, many=True)


def _records(files: Iterable[SourceFile], form: _File) -> Iterator[Mapping[str, Any]]:
    for file in files:
        for record in form.records(file):
            if not isinstance(record, Exception):
                yield record


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads the rows of a file."""

    form: _File
    fields: Fields
    key: str | None
    kind: KeyKindName | None

    def __call__(self, file: SourceFile) -> Iterator[Record]:
        for record in self.form.records(file):
            try:
                yield self._sample(record)
            except InvalidInputError as exc:
                yield exc

    def _sample(self, record: Record) -> Mapping[str, Any]:
        if isinstance(record, Exception):
            raise record
        unknown = record.keys() - self.fields.columns.keys() - {self.key}
        if unknown:
            raise InvalidInputError(
                f"the field {min(unknown)!r} is not in the first rows",
                code="unknown-field",
                hint="describe it in a schema, as optional",
            )
        sample = self.fields.values(record)
        if self.key is not None:
            sample[KEYS] = self._key(record.get(self.key))
        return sample

    def _key(self, value: Any) -> Any:
        return int(value) if self.kind == "int" and isinstance(value, str) else value
