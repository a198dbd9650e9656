"""`vstore undo`: take back the last move of a branch, or a deletion."""

from typing import Annotated

import typer

from vstore.cli.branch_updates import branch_of, show_move
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def undo(
    settings: Settings,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A branch, or a branch or tag that was deleted; else the default branch.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Take back the last move of a branch, or the deletion of a branch or tag.

    Whatever moved it: a commit, a merge, a reset. Undoing twice does it again.

    vstore undo main
    """
    repo = settings.open()
    name = branch_of(repo, name)
    was_there = name in repo.branches
    commit = repo.undo(name)
    show_move(settings, "Moved back" if was_there else "Brought back", name, commit)
