"""The entry point of the command line."""

import signal
from types import FrameType
from typing import Annotated

import typer

from vstore.cli.groups import LazyGroup
from vstore.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="vstore",
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings=CONTEXT,
    pretty_exceptions_enable=False,
)


class Terminated(KeyboardInterrupt):
    """The process was asked to end; it ends as it does after Ctrl-C."""

    exit_code = 128 + signal.SIGTERM


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminate)
    app(prog_name="vstore")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _show_version(value: bool) -> None:  # noqa: FBT001 - Typer passes it by position
    if value:
        typer.echo(f"vstore {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Version control for tensor data, straight on object storage.

    Commands use the repository you pass, or else $VSTORE_URL, or else the current directory.
    """
