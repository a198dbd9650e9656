"""`vstore gc`: delete what nothing needs."""

from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.durations import parse_duration
from vstore.cli.output import printable, write_json
from vstore.cli.progress import steps_shown
from vstore.cli.settings import Settings, command
from vstore.errors import InvalidInputError
from vstore.lazy import lazy

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
        bool, typer.Option("--dry-run", "-n", help="Count, and change nothing.")
    ] = False,
    grace: Annotated[
        str | None,
        typer.Option(
            "--grace",
            metavar="TIME",
            help="How long nothing must have needed an object before it is condemned, and how "
            "long after that it is deleted: 24h by default. Not less than a transaction takes.",
            show_default=False,
        ),
    ] = None,
    expire: Annotated[
        str | None,
        typer.Option(
            "--expire",
            metavar="TIME",
            help="How long a branch's log keeps commits that the branch has left: 30d by default.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait out the grace period and delete in this run.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Find out how much of the packs that stay is dead.")
    ] = False,
    repack: Annotated[
        float | None,
        typer.Option(
            "--repack",
            metavar="SHARE",
            help="Thin out packs of which at least this share is dead: 0.5 for half.",
            show_default=False,
        ),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Finish now what a killed collection was deleting."),
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Pardon what is condemned, and do nothing else.")
    ] = False,
) -> None:
    """Delete what no branch, tag or log needs.

    Garbage goes in two runs: one condemns it, and one after the grace period deletes what
    is still not needed. Run it daily. Readers and writers need not stop.

    vstore gc s3://bucket/fashion --dry-run
    """
    if cancel and (dry_run or wait):
        raise InvalidInputError("--cancel does nothing else", hint="leave out --dry-run and --wait")
    repo = settings.open(url)
    with steps_shown(is_quiet=settings.as_json) as show:
        report = repo.gc(
            grace=parse_duration(grace, option="--grace"),
            expire=parse_duration(expire, option="--expire") or options.DEFAULT_EXPIRE,
            dry_run=dry_run,
            wait=wait,
            take_over=take_over,
            measure=measure,
            repack=repack,
            cancel=cancel,
            progress=show,
        )
    if settings.as_json:
        write_json(report.to_dict())
    else:
        typer.echo(printable(str(report)))
