"""`vstore gc`: delete objects that nothing needs."""

from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.durations import parse_duration
from vstore.cli.output import write_document
from vstore.cli.progress import steps_shown
from vstore.cli.settings import Settings, command
from vstore.errors import InvalidInputError
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.maintenance.gc import options
else:
    options = lazy("vstore.maintenance.gc.options")

app = typer.Typer(add_completion=False)


@app.command()
@command
def gc(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="The repository.", show_default=False),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only show what would happen.")
    ] = False,
    grace: Annotated[
        str | None,
        typer.Option(
            "--grace",
            metavar="TIME",
            help="Grace period: how long an object must be unreachable before it is listed for "
            "deletion, and again before it is deleted. Must exceed the longest transaction. "
            "Default: 24h.",
            show_default=False,
        ),
    ] = None,
    expire: Annotated[
        str | None,
        typer.Option(
            "--expire",
            metavar="TIME",
            help="How long a branch's log keeps commits that the branch no longer reaches. "
            "Default: 30d.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the grace period and delete in this run.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure how much of the remaining packs is dead.")
    ] = False,
    repack: Annotated[
        float | None,
        typer.Option(
            "--repack",
            metavar="SHARE",
            help="Replace packs of which at least this share is dead (0.5: half) by smaller ones.",
            show_default=False,
        ),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Finish the deletion of a killed run now."),
    ] = False,
    accept_lost_refs: Annotated[
        bool,
        typer.Option(
            "--accept-lost-refs",
            help="Also delete what only branches and tags needed that vanished without being "
            "deleted by vstore.",
        ),
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel the pending deletion and exit.")
    ] = False,
) -> None:
    """Delete objects that no branch, tag or log needs.

    The first run lists objects that have been unreachable for the grace period. The first run
    a grace period later deletes those that still are. Run it daily; readers and writers can
    continue.

    vstore gc fashion --dry-run
    vstore gc s3://bucket/fashion --grace 24h --expire 30d
    """
    if cancel and (dry_run or wait):
        raise InvalidInputError("--cancel does nothing else", hint="leave out --dry-run and --wait")
    repo = settings.open(url)
    with steps_shown(is_quiet=settings.is_quiet) as show:
        report = repo.gc(
            grace=parse_duration(grace, option="--grace"),
            expire=parse_duration(expire, option="--expire") or options.DEFAULT_EXPIRE,
            dry_run=dry_run,
            wait=wait,
            take_over=take_over,
            measure=measure,
            repack=repack,
            accept_lost_refs=accept_lost_refs,
            cancel=cancel,
            progress=show,
        )
    if settings.as_json:
        write_document("gc", report.to_dict())
    else:
        typer.echo(printable(str(report)))
