"""`vstore push`: send branches and tags to another repository."""

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
def push(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    remote: RemoteArgument = None,
    branches: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="BRANCH[:NAME]",
            help="The branches, each under another NAME there if given. Default: the default "
            "branch.",
            show_default=False,
        ),
    ] = None,
    *,
    tags: Annotated[bool, typer.Option("--tags", help="Push all tags too.")] = False,
    all_branches: Annotated[bool, typer.Option("--all", help="Push all branches.")] = False,
    delete: Annotated[
        list[str] | None,
        typer.Option(
            "--delete", "-d", metavar="NAME", help="Delete a branch there.", show_default=False
        ),
    ] = None,
    force_with_lease: Annotated[
        str | None,
        typer.Option(
            "--force-with-lease",
            metavar="REV",
            help="Move the branch anywhere, if it is at this commit there.",
            show_default=False,
        ),
    ] = None,
    unrelated: Annotated[
        bool,
        typer.Option("--unrelated", help="Push even without a commit in common."),
    ] = False,
    signatures: Signatures = False,
    dry_run: DryRun = False,
    remote_option: RemoteOptions = None,
) -> None:
    """Send branches to another repository, with all that is missing there.

    Each branch moves by itself. One that has commits there that are not here is rejected, and
    the command exits with 1. Where there is no repository yet, one is made.

    vstore push origin main -R fashion
    vstore push s3://bucket/backup main:review -R fashion
    """
    there = open_remote(settings.open(), remote, remote_option)
    with report_shown(settings) as reports, steps_shown(is_quiet=settings.is_quiet) as progress:
        reports.append(
            there.push(
                *branches or (),
                tags=tags,
                all=all_branches,
                delete=delete or (),
                force_with_lease=force_with_lease,
                unrelated=unrelated,
                signatures=signatures,
                dry_run=dry_run,
                progress=progress,
            )
        )
