"""`vstore drop`: delete local copies of data that a remote has."""

from dataclasses import asdict
from typing import Annotated

import typer

from vstore.cli.output import write_document
from vstore.cli.selection import OnlySamples, parse_index
from vstore.cli.settings import Revision, Settings, command
from vstore.wording import format_nbytes, plural

app = typer.Typer(add_completion=False)


@app.command()
@command
def drop(
    settings: Settings,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Groups, tables, columns or arrays."),
    ],
    *,
    samples: OnlySamples = None,
    all_history: Annotated[
        bool, typer.Option("--all-history", help="Drop what all ancestors have there, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")
    ] = False,
    rev: Revision = None,
) -> None:
    """Delete the local copy of data that a remote has.

    Only what a listing of the remote shows with its size is deleted here; it is read from there
    from then on. What was made here and not pushed stays.

    vstore drop -R stamps stamps/image
    vstore drop -R stamps stamps --samples 0:1000 --dry-run
    """
    repo, revision = settings.open_target(None, rev)
    index = None if samples is None else parse_index(samples)
    done = [
        (
            path,
            repo.drop(
                path, samples=index, revision=revision, all_history=all_history, dry_run=dry_run
            ),
        )
        for path in paths
    ]
    if settings.as_json:
        write_document("drop", [{"path": path, **asdict(found)} for path, found in done])
        return
    verb = "would be dropped" if dry_run else "dropped"
    for path, found in () if settings.quiet else done:
        line = f"{path}: {plural(found.dropped.objects, 'chunk')} {verb}"
        line += f" ({format_nbytes(found.freed)} freed)"
        if found.kept.objects:
            line += f", {found.kept.objects:,} kept that no remote has"
        if found.shared.objects:
            line += f", {found.shared.objects:,} kept in packs with other data"
        typer.echo(line)
