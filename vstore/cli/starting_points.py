"""Where a new branch or tag begins: a revision behind its name, or `--at`."""

from typing import Annotated

import typer

from vstore.cli.completion import complete_revision
from vstore.errors import InvalidInputError

Start = Annotated[
    str | None,
    typer.Argument(
        metavar="REV",
        help="The commit, as any revision. Default: the head of the default branch.",
        show_default=False,
        autocompletion=complete_revision,
    ),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="REV", help="The same as REV.", show_default=False),
]


def one_start(revision: str | None, at: str | None) -> str | None:
    """Return the revision that was given in one of two ways; None if it was in neither.

    Raises:
        InvalidInputError: it was given in both.
    """
    if revision is not None and at is not None:
        raise InvalidInputError(f"both {revision!r} and --at {at!r} were given: give one of them")
    return at if revision is None else revision
