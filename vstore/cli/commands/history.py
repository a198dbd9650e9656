"""`vstore history`: show what was done to samples."""

from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import typer

from vstore.cli.changes import history_line
from vstore.cli.output import console, write_array
from vstore.cli.paging import print_all
from vstore.cli.sample_key import find_table, parse_key, parse_prefix
from vstore.cli.settings import Settings, TargetArgument, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def history(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A table, or a column of one.")],
    samples: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SAMPLE...",
            help="Keys of samples, positions in a table without keys, or beginnings of tuples. "
            "Default: all samples.",
            show_default=False,
        ),
    ] = None,
    *,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="Show only samples whose keys begin so; a JSON list where keys are tuples.",
            show_default=False,
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Show only this column of a table (repeatable).",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="REVISION|DATE",
            help="Leave out what this revision descends from, or what was made until this day.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", metavar="N", min=1, help="Show at most this many changes."),
    ] = None,
) -> None:
    """Show what was done to samples: who, when, from what to what, and why.

    A change is shown at the commit that made it, newest first; times are UTC. Large values and
    files are shown as digests.

    vstore history fashion train shoe-17
    vstore history fashion train/label --since v1
    """
    repo, revision = settings.open_target(target, None)
    table = find_table(repo.checkout(revision), path)
    found = repo.history(
        path,
        samples=None
        if not samples
        else [parse_key(text, table.key_kind, path=table.path) for text in samples],
        prefix=None if prefix is None else parse_prefix(prefix, table.key_kind, path=table.path),
        columns=column or None,
        since=None if since is None else _parsed(since),
        revision=revision,
    )
    changes = islice(found, limit)
    if settings.as_json:
        write_array("history", (change.to_dict() for change in changes))
        return
    print_all(map(history_line, changes), console())


def _parsed(since: str) -> Any:
    """Return the time that a text spells, else the revision that it is."""
    try:
        found = datetime.fromisoformat(since)
    except ValueError:
        return since
    return found.astimezone() if found.tzinfo is None else found
