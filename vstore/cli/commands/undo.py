"""`vstore undo`: undo the last update of a branch, or a deletion."""

import typer

from vstore.cli.branch_updates import show_update
from vstore.cli.settings import BranchTarget, Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def undo(settings: Settings, target: BranchTarget = None) -> None:
    """Undo the last update of a branch, or the deletion of a branch or tag.

    Works for any update: a commit, a merge, a reset. Undoing twice restores the update.

    vstore undo fashion
    vstore undo fashion@dev
    """
    repo, name = settings.open_branch(target)
    was_there = name in repo.branches
    commit = repo.undo(name)
    show_update(settings, "Set back" if was_there else "Restored", name, commit)
