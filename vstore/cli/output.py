"""What commands write: text with colours on a terminal, or one JSON document."""

import base64
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from vstore.lazy import lazy
from vstore.wording import MISLEADING, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from vstore.cli import documents
else:
    documents = lazy("vstore.cli.documents")
    np = lazy("numpy")

PIPE_WIDTH = 1000
"""How wide lines may get where nobody reads them on a screen: nothing is cut there."""

_PLAIN = (str, int, bool, type(None))


def console(*, stderr: bool = False) -> Console:
    """Return the console for output, or for what accompanies it."""
    stream = sys.stderr if stderr else sys.stdout
    is_free = not stream.isatty() and "COLUMNS" not in os.environ
    width = PIPE_WIDTH if is_free else None
    return _PlainConsole(stderr=stderr, highlight=False, markup=False, width=width)


class _PlainConsole(Console):
    """A console on which text is text: no markup, and nothing that controls a terminal.

    Of every cell, whoever made it; texts that have a style are made printable where they are made.
    """

    def on_broken_pipe(self) -> None:
        """Raise, so that the process ends as others do whose output nobody reads."""
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def json_text(value: Any, *, is_compact: bool = False) -> str:
    """Return a JSON document in which what would mislead a terminal is escaped."""
    indent = None if is_compact else 2
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False)
    return MISLEADING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write_json(value: Any, *, is_compact: bool = False) -> None:
    """Write one JSON document; a compact one, for long arrays, on one line.

    What would mislead a terminal is escaped, which is the same value in JSON.
    """
    typer.echo(json_text(value, is_compact=is_compact))


def write_document(words: str, value: Any, *, is_compact: bool = False) -> None:
    """Write the JSON document of a command, in the form that its model has."""
    write_json(document_of(words, value), is_compact=is_compact)


def write_array(words: str, values: "Iterable[Any]") -> None:
    """Write the JSON array of a command, a member at a time: there may be many.

    Nothing is written before the first member is there, or is known to be missing.
    """
    separator = "[\n"
    for value in values:
        (found,) = document_of(words, [value])
        typer.echo(separator + json_text(found), nl=False)
        separator = ",\n"
    typer.echo("[\n]" if separator == "[\n" else "\n]")


def document_of(words: str, value: Any) -> Any:
    """Return a value as the model of a command's document has it."""
    return documents.conform(plain(value), documents.DOCUMENTS[words])


def plain(value: Any) -> Any:
    """Return a value in JSON's terms, keeping its exact meaning.

    Arrays become nested lists, bytes base64, times ISO 8601, complex numbers pairs; NaN
    and the infinities become the strings that Zarr v3 uses for them.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _array(np.asarray(value))
    return _scalar(value)


def _array(values: "np.ndarray[Any, Any]") -> Any:
    if values.dtype.kind in "mM":
        return values.astype(str).tolist()
    if values.dtype.kind in "biuU" or (values.dtype.kind == "f" and np.isfinite(values).all()):
        return values.tolist()
    if values.ndim == 0:
        return plain(values.item())
    return [plain(item) for item in values]


def _scalar(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
