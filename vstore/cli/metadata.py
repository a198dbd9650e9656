"""The option `--metadata` of all commands that commit."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from vstore.errors import InvalidInputError

MetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        help="What the commit's metadata say: ticket=DATA-7, or reviewers:=2 for JSON "
        "(repeatable).",
        show_default=False,
    ),
]


def parse_metadata(given: Sequence[str] | None) -> dict[str, Any]:
    """Return the metadata that options give, each as KEY=VALUE or KEY:=JSON.

    >>> parse_metadata(["ticket=DATA-7", "reviewers:=2", "equation=a=b"])
    {'ticket': 'DATA-7', 'reviewers': 2, 'equation': 'a=b'}

    Raises:
        InvalidInputError: one has another form, or a member is given twice.
    """
    found: dict[str, Any] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        name = key.removesuffix(":")
        if not equals or not name:
            raise InvalidInputError(
                f"--metadata takes KEY=VALUE, not {text!r}",
                hint="give it as in --metadata ticket=DATA-7",
            )
        if name in found:
            raise InvalidInputError(f"--metadata gives {name!r} twice")
        found[name] = _json(name, value) if key.endswith(":") else value
    return found


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidInputError(f"--metadata {name}:= takes JSON, not {text!r}") from None
