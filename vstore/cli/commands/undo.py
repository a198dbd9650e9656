"""`vstore undo`: undo the last update of a branch, or a deletion."""

from typing import Annotated

import typer

from vstore.cli.branch_updates import branch_of, show_update
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
            help="A branch, or a deleted branch or tag. Default: the default branch.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Undo the last update of a branch, or the deletion of a branch or tag.

    Works for any update: a commit, a merge, a reset. Undoing twice restores the update.

    vstore undo main
    """
    repo = settings.open()
    name = branch_of(repo, name)
    was_there = name in repo.branches
    commit = repo.undo(name)
    show_update(settings, "Set back" if was_there else "Restored", name, commit)
