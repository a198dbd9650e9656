"""What is known of files: the folder that each is in, or a table with a row for each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.specs import ColumnSpec, ndarray
from vstore.importers.addresses import open_source
from vstore.importers.fields import inferred
from vstore.importers.source import Source, SourceFile
from vstore.importers.tables import records_of

ClassOf = Literal["path", "leaf", "none"]
LABEL = "label"


@dataclass(frozen=True, slots=True)
class Known:
    """Columns next to the one of the files, and their values for each file."""

    columns: Mapping[str, ColumnSpec]
    of: Callable[[SourceFile], Mapping[str, Any]]


def by_folder(files: Iterable[SourceFile], class_of: str) -> Known:
    """Return the classes of files, which are the folders that they are in.

    Where all files are in the source itself, there are no classes.

    Raises:
        InvalidInputError: `class_of` is not path, leaf or none.
    """
    if class_of not in ("path", "leaf", "none"):
        raise InvalidInputError(f"--class is path, leaf or none, not {class_of!r}")
    name: Callable[[SourceFile], str] = folder_of if class_of == "path" else leaf_of
    classes = sorted({name(file) for file in files})
    if class_of == "none" or classes in ([], [""]):
        return Known({}, lambda _: {})
    numbers = {each: i for i, each in enumerate(classes)}
    spec = ndarray((), "int64", attributes={"classes": classes})
    return Known({LABEL: spec}, lambda file: {LABEL: numbers[name(file)]})


def folder_of(file: SourceFile) -> str:
    """Return the folder that a file is in, below the source; '' for the source itself."""
    return file.path.rpartition("/")[0]


def leaf_of(file: SourceFile) -> str:
    """Return the last part of the folder that a file is in."""
    return folder_of(file).rpartition("/")[2]


def by_table(source: Source, labels: str, path_column: str | None) -> Known:
    """Return what a CSV or JSONL file says of each file.

    Args:
        source: the files that are described.
        labels: the address of the file of rows, or its path in the source.
        path_column: the field that has the path of a file, or its name; the first when None.

    Raises:
        NotFoundError: there is no such file or field.
        InvalidInputError: two rows describe one file.
    """
    file = _labels_file(source, labels)
    records = list(records_of(file))
    fields = list(dict.fromkeys(field for record in records for field in record))
    if not fields:
        raise InvalidInputError(f"{file} has no rows")
    key = fields[0] if path_column is None else path_column
    if key not in fields:
        raise NotFoundError(f"{file} has no field {key!r}", hint=f"it has {', '.join(fields)}")
    rows: dict[str, Mapping[str, Any]] = {}
    for record in records:
        path = str(PurePosixPath(str(record.get(key, ""))))
        if path in rows:
            raise InvalidInputError(f"{file} has two rows for {path!r}")
        rows[path] = record
    known = inferred(records, [field for field in fields if field != key], schema=source.schema)

    def of(described: SourceFile) -> Mapping[str, Any]:
        found = rows.get(described.path)
        if found is None:
            found = rows.get(described.name)
        if found is None:
            raise NotFoundError(f"{file} has no row for {described.path!r}")
        return known.values(found)

    return Known(known.columns, of)


def _labels_file(source: Source, labels: str) -> SourceFile:
    """Return a file of the source by its path in it, or the file at an address."""
    for file in source.files():
        if file.path == labels:
            return file
    (found,) = open_source(labels).files()
    return found
