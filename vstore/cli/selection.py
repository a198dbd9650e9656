"""Indices on the command line, spelled as NumPy spells them."""

import re
from typing import Annotated, Any

import typer

from vstore.errors import InvalidInputError

OnlySamples = Annotated[
    str | None,
    typer.Option(
        "--samples",
        metavar="INDEX",
        help="Only these samples: 17, 10:20, ::100, [3,5].",
        show_default=False,
    ),
]

_ITEM = re.compile(r"\[[^\]]*\]|[^,]+")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


def parse_index(text: str) -> Any:
    """Return the index that a text spells: `17`, `-1`, `10:20:2`, `[3,5]`, `0:5,...,2`.

    Raises:
        InvalidInputError: anything else.

    >>> parse_index("17"), parse_index("10:20"), parse_index("[3, 5],0")
    (17, slice(10, 20, None), ([3, 5], 0))
    """
    compact = "".join(text.split())
    items = _ITEM.findall(compact)
    if not items or ",".join(items) != compact:
        raise _malformed(text)
    parsed = [_item(item, text) for item in items]
    return parsed[0] if len(parsed) == 1 else tuple(parsed)


def _item(item: str, text: str) -> Any:
    if item == "...":
        return ...
    if item.startswith("["):
        inner = item[1:-1]
        return [_integer(part, text) for part in inner.split(",")] if inner else []
    if ":" in item:
        parts = item.split(":")
        if len(parts) > 3:
            raise _malformed(text)
        return slice(*(_integer(part, text) if part else None for part in parts))
    return _integer(item, text)


def _integer(item: str, text: str) -> int:
    if not _INTEGER.fullmatch(item):
        raise _malformed(text)
    return int(item)


def _malformed(text: str) -> InvalidInputError:
    return InvalidInputError(
        f"{text!r} is not an index",
        hint="write 17, -1 (after --), 10:20, ::100 or [3,5]; separate several, for the axes of "
        "an array, with commas",
    )
