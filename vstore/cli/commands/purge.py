"""`vstore purge`: erase samples or texts from a whole history."""

from typing import Annotated

import typer

from vstore.cli.failure import FAILED
from vstore.cli.output import write_document
from vstore.cli.progress import steps_shown
from vstore.cli.sample_key import find_table, parse_key
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.wording import plural, printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def purge(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument,
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="A table with keys.", show_default=False),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY...",
            help="Keys of samples, or beginnings of tuples as JSON lists.",
            show_default=False,
        ),
    ] = None,
    *,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Erase the values in this column only (repeatable).",
            show_default=False,
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Delete the samples, and erase their keys too.")
    ] = False,
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="TEXT",
            help="Replace this text in messages, authors, metadata and attributes (repeatable).",
            show_default=False,
        ),
    ] = None,
    replacement: Annotated[
        str,
        typer.Option("--replacement", metavar="TEXT", help="What texts are replaced with."),
    ] = "[erased]",
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="TEXT", help="Why; it is stored, so do not say what was erased."
        ),
    ] = "",
    move_tags: Annotated[
        bool, typer.Option("--move-tags", help="Move tags that hold what is to be erased.")
    ] = False,
    despite_forks: Annotated[
        bool,
        typer.Option("--despite-forks", help="Move the branches that keep such commits for forks."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be rewritten, and exit.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Finish the deletion of a killed run now.")
    ] = False,
) -> None:
    """Erase samples or texts from all commits, and delete their bytes.

    Rewrites every commit that holds them, and all that follow it; branches are moved. Whoever
    asks for an old commit is told which one is in its place. If it is interrupted, run it
    again.

    vstore purge fashion train shoe-17 --dry-run
    vstore purge fashion train shoe-17 --whole --move-tags
    vstore purge fashion --text "Ann Lee" --move-tags
    """
    repo, revision = settings.open_target(target, None)
    found: list[object] = []
    if path is not None and keys:
        table = find_table(repo.checkout(revision), path)
        found = [parse_key(each, table.key_kind, path=table.path) for each in keys]
    with steps_shown(is_quiet=settings.is_quiet) as show:
        report = repo.purge(
            path,
            found,  # type: ignore[arg-type]
            columns=column or None,
            whole=whole,
            texts=text or (),
            replacement=replacement,
            reason=reason,
            revision=revision,
            move_tags=move_tags,
            despite_forks=despite_forks,
            dry_run=dry_run,
            take_over=take_over,
            progress=show,
        )
    if settings.as_json:
        write_document("purge", report.to_dict())
    else:
        will = "would be " if dry_run else ""
        typer.echo(
            f"{plural(report.holding, 'commit')} held it; "
            f"{plural(report.commits, 'commit')} {will}rewritten"
        )
        if not dry_run:
            typer.echo(f"deleted {report.freed}")
        for key in report.left:
            typer.echo(printable(f"still needed by other data: {key}"))
    if report.left:
        raise typer.Exit(FAILED)
