"""What is at a path, without its values."""

from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

import vstore
from vstore.wording import plural, printable

Node: TypeAlias = "vstore.Table | vstore.Column | vstore.Array | vstore.Group"


def describe(node: Node, path: str) -> dict[str, Any]:
    """Return what a node is, as plain values."""
    described: dict[str, Any] = {"path": path, "attributes": node.attributes}
    if isinstance(node, vstore.Table):
        columns = {name: _form(column) for name, column in node.columns.items()}
        return described | {
            "kind": "table",
            "samples": len(node),
            "keys": node.key_kind,
            "columns": columns,
        }
    if isinstance(node, vstore.Group):
        return described | {"kind": "group", "names": list(node)}
    return described | _form(node)


def _form(array: "vstore.Column | vstore.Array") -> dict[str, Any]:
    return {
        "kind": array.kind if isinstance(array, vstore.Column) else "array",
        "dtype": _dtype(array),
        "shape": list(array.shape),
        "chunk_shape": list(array.metadata.chunk_shape),
    }


def _dtype(array: "vstore.Column | vstore.Array") -> str | None:
    """Return the data type; None where samples are Python strings or bytes."""
    return None if array.dtype.hasobject else str(array.dtype)


def show_description(node: Node, path: str, screen: Console) -> None:
    """Print what a node is."""
    label = Text(printable(path) or "/", "bold cyan")
    if isinstance(node, vstore.Table):
        keys = f", keyed by {node.key_kind}" if node.key_kind else ""
        screen.print(Text.assemble(label, f"  {plural(len(node), 'sample')}{keys}"))
        grid = Grid(box=None, show_header=False, padding=(0, 1))
        for name, column in node.columns.items():
            grid.add_row(Text(printable(name), "bold"), *_words(column))
        screen.print(grid)
    elif isinstance(node, vstore.Group):
        screen.print(Text.assemble(label, "  group"))
        for name in node:
            screen.print(Text(f"  {printable(name)}"))
    else:
        screen.print(Text.assemble(label, "  ", "  ".join(_words(node))))
    for name, value in node.attributes.items():
        screen.print(Text(f"  {printable(name)} = {printable(repr(value))}", "dim"), soft_wrap=True)


def _words(array: "vstore.Column | vstore.Array") -> list[str]:
    kind = array.kind if isinstance(array, vstore.Column) else "array"
    shape = ", ".join("?" if length is None else str(length) for length in array.shape)
    chunk = " x ".join(map(str, array.metadata.chunk_shape))
    return [f"{kind} {_dtype(array) or ''}".strip(), f"({shape})", f"chunks of {chunk}"]
