"""Storage options on the command line: `--option anon=true --option client_kwargs.region=x`."""

import json
from collections.abc import Sequence
from typing import Any

import typer

_JSON_STARTS = ('"', "{", "[")
_JSON_WORDS = ("true", "false", "null")


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """Return options as the filesystem takes them.

    A value is text unless it reads as JSON: `true`, `null`, a number, `"…"`, `{…}`, `[…]`. A
    dot in a name leads into a nested mapping. Neither a name nor a value is ever repeated
    in an error, because a mistyped option may be a secret.

    >>> parse_options(["anon=true", "client_kwargs.region_name=eu-1", "key=abc"])
    {'anon': True, 'client_kwargs': {'region_name': 'eu-1'}, 'key': 'abc'}
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        *above, last = name.split(".")
        if not equals or not all([*above, last]):
            raise typer.BadParameter("an option reads NAME=VALUE", param_hint="--option")
        inner = options
        for part in above:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise typer.BadParameter(
                    "an option is given both whole and in parts", param_hint="--option"
                )
        inner[last] = parse_value(value)
    return options


def parse_value(text: str) -> Any:
    """Return a value as JSON spells it, or else as text."""
    is_number = text.removeprefix("-")[:1].isdigit()
    if not is_number and text not in _JSON_WORDS and not text.startswith(_JSON_STARTS):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
