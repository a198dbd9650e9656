"""How the command line ends that was used wrongly: what is wrong, and what to do, in two lines."""

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from vstore.wording import printable

WRONG = 2
_UsageError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)


def error(problem: str, *, hint: str) -> Exception:
    """Return the error of a command line that means nothing, to be raised."""
    made: Exception = _UsageError(problem)
    made.hint = hint  # type: ignore[attr-defined]
    return made


def run(body: Callable[[], Any], *, as_json: bool) -> NoReturn:
    """Run what parses and does a command, and exit as it says."""
    try:
        code = body()
    except _UsageError as found:
        _show(found, as_json=as_json)
        sys.exit(found.exit_code)
    except typer.Abort:
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _show(found: Any, *, as_json: bool) -> None:
    if type(found).__name__ == "NoArgsIsHelpError":
        typer.echo(found.ctx.get_help(), err=True)
        return
    message = " ".join(printable(found.format_message()).split()).removesuffix(".")
    path = "vstore" if found.ctx is None else found.ctx.command_path
    hint = getattr(found, "hint", None) or f"`{path} --help` shows how it is used"
    if as_json:
        document = {"code": "usage", "message": message, "hint": hint, "path": None, "key": None}
        typer.echo(json.dumps({"error": document}, indent=2))
    typer.echo(f"error: {message}\nhint: {hint}", err=True)
