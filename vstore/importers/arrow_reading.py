"""Files of Arrow's formats, read piece by piece: row groups and record batches."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import find_key_kind
from vstore.format.table.specs import ColumnSpec, audio, image, ndarray
from vstore.importers.arrow_files import FILE, PARQUET
from vstore.importers.arrow_types import (
    FIELD,
    column_of,
    is_text,
    samples_of,
    with_attributes,
)
from vstore.importers.importer import Columns, Rows
from vstore.importers.source import Source, SourceFile

_MOST_CLASSES = 100_000
_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group of a Parquet file, or all batches of an Arrow file."""

    file: SourceFile
    group: int | None

    def batches(self) -> Iterator[Any]:
        """Yield record batches, their structs flattened.

        Raises:
            InvalidInputError: the file is damaged.
        """
        try:
            with _stream(self.file) as stream:
                if self.group is not None:
                    groups = pq.ParquetFile(stream).iter_batches(_ROWS, row_groups=[self.group])
                elif self.file.head(8) == FILE:
                    opened = pa.ipc.open_file(stream)
                    groups = map(opened.get_batch, range(opened.num_record_batches))
                else:
                    groups = pa.ipc.open_stream(stream)
                yield from map(_flat, groups)
        except pa.ArrowException as exc:
            raise InvalidInputError(f"{self.file} cannot be read: {exc}") from exc

    def __str__(self) -> str:
        return str(self.file) if self.group is None else f"{self.file}, row group {self.group}"


def _flat(batch: Any) -> Any:
    """Return a record batch in which structs are columns called `a.b`."""
    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(each.type) for each in table.schema):
        table = table.flatten()
    return table.combine_chunks()


def _flat_schema(schema: Any) -> Any:
    return _flat(
        pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in schema], schema=schema)
    ).schema


def _pieces(files: Sequence[SourceFile]) -> tuple[list[Piece], Any, set[str] | None]:
    """Return what is read one by one, the schema, and the columns known to have no null."""
    pieces: list[Piece] = []
    schema: Any = None
    full: set[str] | None = None
    for file in files:
        own, groups, whole = _opened(file)
        if schema is not None and not schema.equals(own):
            raise InvalidInputError(f"{file} has other columns than {files[0]}")
        schema = own
        full = whole if full is None else full & whole
        pieces += [Piece(file, group) for group in groups]
    return pieces, schema, full


def _opened(file: SourceFile) -> tuple[Any, list[int | None], set[str]]:
    try:
        with _stream(file) as stream:
            if file.head(4) == PARQUET:
                found = pq.ParquetFile(stream)
                groups: list[int | None] = list(range(found.num_row_groups))
                return found.schema_arrow, groups, _without_nulls(found.metadata)
            is_file = file.head(8) == FILE
            made = pa.ipc.open_file(stream) if is_file else pa.ipc.open_stream(stream)
            return made.schema, [None], _full(file, made) if file.local_path else set()
    except pa.ArrowException as exc:
        raise InvalidInputError(f"{file} cannot be read: {exc}") from exc


@contextmanager
def _stream(file: SourceFile) -> Iterator[Any]:
    """Open a file; one of this machine is mapped, so that only what is used is read."""
    if file.local_path is not None and not file.is_compressed and file.size:
        with pa.memory_map(str(file.local_path)) as mapped:
            yield mapped
        return
    with file.open() as stream:
        yield stream


def _full(file: SourceFile, opened: Any) -> set[str]:
    """Return the columns of a file on this machine that have no null; nothing else is read."""
    full = set(_flat_schema(opened.schema).names)
    for table in Piece(file, None).batches():
        full -= {name for name in full if table[name].null_count}
    return full


def _without_nulls(metadata: Any) -> set[str]:
    """Return the columns in which the statistics of no row group count a null."""
    nulls: dict[str, bool] = {}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for at in range(group.num_columns):
            column = group.column(at)
            told = column.statistics
            is_full = told is not None and told.has_null_count and not told.null_count
            is_list = ".list." in column.path_in_schema
            name = column.path_in_schema.partition(".list.")[0]
            nulls[name] = nulls.get(name, False) or (not is_full and not is_list)
    return {name for name, has in nulls.items() if not has}


def table_rows(source: Source, files: Sequence[SourceFile], *, key: str | None) -> Rows:
    """Return the rows of files that have the same columns."""
    pieces, schema, full = _pieces(files)
    flat = _flat_schema(schema)
    if key is not None and key not in flat.names:
        raise NotFoundError(f"{files[0]} has no column {key!r}", hint=f"it has {flat.names}")
    found = _Found(pieces, full or set())
    kind = found.take_keys(flat, key)
    columns = {}
    for each in flat:
        if each.name != found.key:
            columns[each.name] = source.schema.get(each.name) or found.column(each)
    found.columns = columns
    return Rows(columns, kind, items=pieces, read=_Read(found), many=True)


@dataclass(slots=True)
class _Found:
    """What is known of files before they are read."""

    pieces: Sequence[Piece]
    full: set[str]
    key: str | None = None
    load_key: Callable[[Any], Any] | None = None
    columns: Mapping[str, ColumnSpec] = field(default_factory=dict)
    classes: dict[str, Mapping[Any, int]] = field(default_factory=dict)

    def take_keys(self, schema: Any, key: str | None) -> Any:
        """Find which column has the keys; return the kind of keys."""
        name = key if key is not None else KEYS if KEYS in schema.names else None
        if name is None:
            return None
        self.key = name
        said = (schema.field(name).metadata or {}).get(FIELD)
        told = json.loads(said).get("keys") if said else None
        kind = told or ("int" if pa.types.is_integer(schema.field(name).type) else "str")
        known = find_key_kind(kind)
        if kind == "tuple" and known is not None:
            self.load_key = known.parse
        return kind

    def column(self, each: Any) -> ColumnSpec:
        """Return the column of a field, with its classes."""
        spec = column_of(each)
        if pa.types.is_dictionary(each.type):
            if not is_text(each.type.value_type):
                raise InvalidInputError(f"the categories of {each.name!r} are no texts")
            names = self._categories(each.name)
            self.classes[each.name] = {name: i for i, name in enumerate(names)}
            spec = with_attributes(spec, {"classes": names})
        is_full = each.name in self.full or not each.nullable
        said = (each.metadata or {}).get(FIELD)
        if said is not None:
            is_full = not json.loads(said).get("column", {}).get("optional", False)
        return spec if is_full else spec.as_optional()

    def _categories(self, name: str) -> list[str]:
        """Return the categories of a column in all files, in their order."""
        found: dict[str, None] = {}
        for piece in self.pieces:
            for table in piece.batches():
                for chunk in table[name].chunks:
                    found.update(dict.fromkeys(chunk.dictionary.to_pylist()))
                if len(found) > _MOST_CLASSES:
                    raise InvalidInputError(f"{name!r} has more than {_MOST_CLASSES:,} categories")
        return list(found)


@dataclass(frozen=True, slots=True)
class _Read:
    """Reads a piece as whole columns."""

    found: _Found

    def __call__(self, piece: Piece) -> Iterator[Columns]:
        for table in piece.batches():
            values: dict[str, Any] = {}
            for name, spec in self.found.columns.items():
                array = _one(table[name])
                if name in self.found.classes:
                    array = _numbered(array, self.found.classes[name])
                values[name] = samples_of(array, spec)
            if self.found.key is not None:
                keys = _one(table[self.found.key]).to_pylist()
                load = self.found.load_key
                values[KEYS] = keys if load is None else list(map(load, keys))
            yield Columns(values)


def _one(chunked: Any) -> Any:
    chunks = chunked.chunks
    if len(chunks) == 1:
        return chunks[0]
    return pa.concat_arrays(chunks or [pa.nulls(0, chunked.type)])


def _numbered(array: Any, numbers: Mapping[Any, int]) -> Any:
    return pa.array([None if v is None else numbers[v] for v in array.to_pylist()], pa.int64())


# Data sets of Hugging Face ----------------------------------------------------------------


def dataset_rows(source: Source, *, split: str | None, options: Mapping[str, Any]) -> Rows:
    """Return the rows of a data set on disk; options say what images and sounds are read as."""
    folder, files = _split(source, split)
    by_name = {PurePosixPath(file.path).name: file for file in files}
    state = json.loads(by_name["state.json"].bytes()) if "state.json" in by_name else {}
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise InvalidInputError(
            f"the data set {folder or source.url!r} has an index of its rows apart from them",
            hint="write it again after flatten_indices()",
        )
    info = json.loads(by_name["dataset_info.json"].bytes())
    listed = [each["filename"] for each in state.get("_data_files", [])]
    names = listed or sorted(name for name in by_name if name.endswith(".arrow"))
    missing = [name for name in names if name not in by_name]
    if missing or not names:
        raise NotFoundError(f"the data set lacks the file {(missing or ['*.arrow'])[0]!r}")
    rows = table_rows(source, [by_name[name] for name in names], key=None)
    return _with_features(rows, info.get("features") or {}, options)


def _split(source: Source, split: str | None) -> tuple[str, list[SourceFile]]:
    folders = {
        name: list(files)
        for name, files in groupby(
            sorted(source.files(), key=lambda file: file.path),
            key=lambda file: str(PurePosixPath(file.path).parent),
        )
    }
    found = {
        name: files
        for name, files in folders.items()
        if any(file.name == "dataset_info.json" for file in files)
    }
    chosen = [name for name in found if split is None or PurePosixPath(name).name == split]
    if len(chosen) != 1:
        names = ", ".join(PurePosixPath(name).name for name in sorted(found))
        raise InvalidInputError(
            f"{source} has the splits {names}", hint="choose one with --split NAME"
        )
    return chosen[0], found[chosen[0]]


def _with_features(rows: Rows, features: Mapping[str, Any], options: Mapping[str, Any]) -> Rows:
    """Return rows with columns as the features of a data set say."""
    columns: dict[str, ColumnSpec] = {}
    files: dict[str, str] = {}
    dropped: set[str] = set()
    for name, spec in rows.columns.items():
        whole, _, part = name.partition(".")
        feature = features.get(name) or features.get(whole)
        feature = feature if isinstance(feature, dict) else {}
        kind = feature.get("_type")
        if kind in ("Image", "Audio") and part:
            if part != "bytes":
                dropped.add(name)
                continue
            made = _encoded(kind, options)
            columns[whole] = made.as_optional() if spec.info.optional else made
            files[name] = whole
        elif kind == "ClassLabel":
            made = ndarray((), "int64", attributes={"classes": feature["names"]})
            columns[name] = made.as_optional() if spec.info.optional else made
        else:
            columns[name] = spec

    def read(piece: Piece) -> Iterator[Columns]:
        for found in rows.read(piece):
            for name, whole in files.items():
                _require_bytes(whole, found[name], found.get(f"{whole}.path", []))
            yield Columns({files.get(k, k): v for k, v in found.items() if k not in dropped})

    return Rows(columns, rows.keys, items=rows.items, read=read, many=True)


def _encoded(kind: str, options: Mapping[str, Any]) -> ColumnSpec:
    if kind == "Image":
        return image(mode=options.get("mode", "auto"))
    return audio(dtype=options.get("audio_dtype", "float32"))


def _require_bytes(name: str, data: Sequence[Any], paths: Sequence[Any]) -> None:
    for each, path in zip(data, paths, strict=False):
        if each is None and path is not None:
            raise InvalidInputError(
                f"a sample of {name!r} is a file that the data set does not hold: {path!r}"
            )
