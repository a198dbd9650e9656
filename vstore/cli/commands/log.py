"""`vstore log`: the commits that lead to a revision."""

import json as json_format
from collections.abc import Iterable
from typing import Annotated

import typer

from vstore.cli.commits import Names, commit_json, one_line, paragraph, ref_names
from vstore.cli.output import console, plain
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.history.commits import Commit

app = typer.Typer(add_completion=False)


@app.command()
@command
def log(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument = None,
    *,
    rev: Revision = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", metavar="N", min=1, help="Show at most so many commits."),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            metavar="PATH",
            help="Only commits that changed what is at or below this path.",
            show_default=False,
        ),
    ] = None,
    oneline: Annotated[bool, typer.Option("--oneline", help="Show a line for each.")] = False,
    decorate: Annotated[
        bool | None,
        typer.Option(
            help="Name the branches and tags at each commit; a request for each of them. "
            "By default on a terminal only.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show commits, newest first.

    A commit stands before the commits it descends from; times are UTC. The range a..b leaves
    out what a descends from, a...b what both do.

    vstore log s3://bucket/fashion@v1..main --path train
    """
    repo, revision = settings.open_target(target, rev)
    commits = repo.log(revision, path=path, limit=limit)
    if settings.as_json:
        _write_json(commits)
        return
    screen = console()
    is_decorated = screen.is_terminal if decorate is None else decorate
    names: Names = ref_names(repo) if is_decorated else {}
    for number, commit in enumerate(commits):
        if oneline:
            screen.print(one_line(commit, names), soft_wrap=True)
        else:
            text = paragraph(commit, names)
            screen.print(*([""] if number else []), text, sep="\n", soft_wrap=True)


def _write_json(commits: Iterable[Commit]) -> None:
    """Write one array, a commit at a time: a history may be long."""
    typer.echo("[", nl=False)
    separator = "\n"
    for commit in commits:
        text = json_format.dumps(plain(commit_json(commit)), indent=2, ensure_ascii=False)
        typer.echo(separator + text, nl=False)
        separator = ",\n"
    typer.echo("\n]")
