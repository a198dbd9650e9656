"""Files of rows: CSV, JSON lines, and lines of text."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import KeyKindName
from vstore.format.table.specs import text
from vstore.importers.errors import located
from vstore.importers.fields import Fields, inferred
from vstore.importers.importer import Columns, Importer, Option, Rows
from vstore.importers.media import zarr_root
from vstore.importers.records import Block, CsvFile, JsonFile, Record, RecordFile
from vstore.importers.source import Source, SourceFile
from vstore.importers.text_lines import TextLines as Lines

_INFERRED_FROM = 1000


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
        return _rows(source, CsvFile(delimiter), key)


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
        return _rows(source, JsonFile(), key)


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
    form: RecordFile = JsonFile() if is_json else CsvFile(None)
    for record in _records([file], form):
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


def _lines(file: SourceFile) -> Iterator[Columns]:
    with file.open() as stream:
        for lines in Lines(stream).lists():
            yield Columns(text=[line.removesuffix("\n").removesuffix("\r") for line in lines])


def _rows(source: Source, form: RecordFile, key: str | None) -> Rows:
    files = list(source.files())
    found = (record for record in _records(files, form) if not isinstance(record, Exception))
    first = list(islice(found, _INFERRED_FROM))
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


def _records(files: Iterable[SourceFile], form: RecordFile) -> Iterator[Record]:
    for file in files:
        for block in form.blocks(file):
            yield from block.records()


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads the rows of a file: as whole columns, but for blocks in which a row is wrong."""

    form: RecordFile
    fields: Fields
    key: str | None
    kind: KeyKindName | None

    def __call__(self, file: SourceFile) -> Iterator[Record]:
        for block in self.form.blocks(file):
            try:
                columns = self._columns(block)
            except (InvalidInputError, OverflowError):
                columns = None
            if columns is not None:
                yield columns
                continue
            for record in block.records():
                try:
                    yield self._sample(record)
                except InvalidInputError as exc:
                    yield exc

    def _columns(self, block: Block) -> Columns | None:
        """Return all rows of a block as columns; None where a row is an error."""
        own = [] if self.key is None else [self.key]
        found = block.columns([*self.fields.columns, *own])
        if found is None or not len(block):
            return None
        made = Columns(self.fields.whole(found))
        if self.key is not None:
            made[KEYS] = list(map(self._key, found[self.key]))
        return made

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
        if self.kind != "int" or not isinstance(value, str):
            return value
        try:
            return int(value)
        except ValueError:
            raise InvalidInputError(
                f"the key {value[:60]!r} is not an integer, as in the rows before"
            ) from None
