"""Schemas in files: what columns hold, as JSON."""

import json
import os
import re
from pathlib import Path
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.specs import DESCRIBED, ColumnSpec, ndarray
from vstore.importers.reading import translated

_TYPE = re.compile(
    r"^(?P<name>(?:datetime64|timedelta64)\[[0-9]*[a-zA-Z]+\]|[^\[\]?]+?)\s*"
    r"(?P<shape>\[[^\[\]]*\])?\s*(?P<optional>\??)$"
)


@exported_from("vstore.importers")
def read_schema(path: str | os.PathLike[str]) -> dict[str, ColumnSpec]:
    """Return the columns that a JSON file describes, by name.

    The file holds an object: `{"label": "int64", "box": "float32[null, 4]", "name": "text?"}`.
    A type is a NumPy data type, perhaps with a shape, or a kind of column; `?` makes a column
    optional. In place of a text an object gives the `type` and what its constructor takes, such
    as `{"type": "image", "mode": "P", "attributes": {"license": "CC0"}}`.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is not such a document.
    """
    with translated(path):
        data = Path(path).read_bytes()
    try:
        found = json.loads(data)
    except ValueError as exc:
        raise InvalidInputError(f"the schema {path} is not JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise InvalidInputError(f"the schema {path} is not an object of columns by name")
    return {name: _spec(name, each, str(path)) for name, each in found.items()}


def _spec(name: str, said: Any, path: str) -> ColumnSpec:
    options = dict(said) if isinstance(said, dict) else {"type": said}
    kind = options.pop("type", None)
    try:
        return parse_type(kind, **options)
    except (InvalidInputError, TypeError) as exc:
        raise InvalidInputError(f"the schema {path}: column {name!r}: {exc}") from exc


def parse_type(said: Any, *, optional: bool = False, **options: Any) -> ColumnSpec:
    """Return the column that a type such as `uint8[28, 28]` or `text?` describes.

    >>> parse_type("float32[null, 4]").shape, parse_type("text?").info.optional
    ((None, 4), True)
    >>> str(parse_type("datetime64[us][2]?").dtype)
    'datetime64[us]'
    """
    parts = _TYPE.match(said.strip()) if isinstance(said, str) else None
    if parts is None:
        raise InvalidInputError(f"a type is a text such as 'int64' or 'float32[28]', not {said!r}")
    made = _made(parts["name"], parts["shape"], options)
    return made.as_optional() if optional or parts["optional"] else made


def _made(name: str, shape: str | None, options: dict[str, Any]) -> ColumnSpec:
    make = DESCRIBED.get(name)
    if make is None:
        return ndarray(_lengths(shape or "[]"), name, **options)
    if shape is not None:
        raise InvalidInputError(f"samples of the kind {name!r} have no shape")
    return make(**options)


def _lengths(shape: str) -> list[int | None]:
    try:
        found = json.loads(shape)
    except ValueError as exc:
        raise InvalidInputError(f"a shape is a list of lengths and null, not {shape}") from exc
    return list(found)
