"""The options that every command has."""

import os
from typing import Annotated, Any

import typer

from vstore.cli.help_text import SHARED
from vstore.cli.storage_options import parse_options

DEBUG_VARIABLE = "VSTORE_DEBUG"


def shared_options(  # noqa: PLR0913 - they are options, spelled out on the command line
    *,
    repo: Annotated[
        str | None,
        typer.Option(
            "--repo",
            "-R",
            metavar="URL",
            help="The repository. Default: $VSTORE_URL, or the current directory.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = None,
    directory: Annotated[
        str | None,
        typer.Option(
            "-C",
            metavar="DIR",
            help="Run in this directory.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document.", rich_help_panel=SHARED)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Show no progress, and do not say what was done.",
            rich_help_panel=SHARED,
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="Log retries and the engine on stderr; -vv logs every request.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = 0,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="A storage option, named as in fsspec (repeatable).",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.001,
            help="How long a server may be silent. Default: 5 to connect, 20 to answer.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = None,
    attempts: Annotated[
        int | None,
        typer.Option(
            "--attempts",
            metavar="N",
            min=1,
            help="How often a request is sent before it has failed. Default: 8.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = None,
    unsafe_single_writer: Annotated[
        bool,
        typer.Option(
            "--unsafe-single-writer",
            help="Write to a store without conditional writes. Nothing else may write to it.",
            rich_help_panel=SHARED,
        ),
    ] = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Fail in place of asking a remote.", rich_help_panel=SHARED),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=SHARED),
    ] = False,
) -> dict[str, Any]:
    """Return the settings of a command, by the names of their fields."""
    return {
        "repo": repo,
        "directory": directory,
        "as_json": json,
        "quiet": quiet,
        "verbosity": verbose,
        "storage_options": parse_options(option or ()),
        "timeout": timeout,
        "attempts": attempts,
        "unsafe_single_writer": unsafe_single_writer,
        "offline": offline,
        "debug": debug or bool(os.environ.get(DEBUG_VARIABLE)),
    }
