"""The entry point of the command line."""

from typing import Annotated

import typer

from vstore.cli import signals
from vstore.cli.groups import LazyGroup
from vstore.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="vstore",
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings=CONTEXT,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line and exit; `vstore help exit-codes` says with which code."""
    signals.listen()
    app(prog_name="vstore")


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
            "--version", "-V", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Version control for tensor data, straight on object storage.

    A command uses the repository that you name, or else $VSTORE_URL, or else the current
    directory. `vstore help tutorial` is the way in.
    """
