"""`vstore fetch`: bring commits from another repository."""

from typing import Annotated

import typer

from vstore.cli.progress import steps_shown
from vstore.cli.settings import Settings, command
from vstore.cli.transfers import (
    DryRun,
    RemoteArgument,
    RemoteOptions,
    Signatures,
    open_remote,
    report_shown,
)

app = typer.Typer(add_completion=False)


@app.command()
@command
def fetch(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    remote: RemoteArgument = None,
    branches: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="BRANCH", help="The branches. Default: all, and the tags.", show_default=False
        ),
    ] = None,
    *,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete branches here that are gone there.")
    ] = False,
    signatures: Signatures = False,
    dry_run: DryRun = False,
    remote_option: RemoteOptions = None,
) -> None:
    """Bring commits from another repository; no branch of your own moves.

    The branch main of the remote origin is called origin/main here.

    vstore fetch -R fashion
    vstore fetch origin main --prune -R fashion
    """
    there = open_remote(settings.open(), remote, remote_option)
    with report_shown(settings) as reports, steps_shown(is_quiet=settings.is_quiet) as progress:
        reports.append(
            there.fetch(
                *branches or (),
                prune=prune,
                signatures=signatures,
                dry_run=dry_run,
                progress=progress,
            )
        )
