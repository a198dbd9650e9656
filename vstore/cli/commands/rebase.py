"""`vstore rebase`: make a branch's own commits again on top of another commit."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import show_move
from vstore.cli.resolving import Ours, Theirs, conflicts_shown, resolution
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def rebase(
    settings: Settings,
    branch: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch that moves.")],
    *,
    onto: Annotated[
        str, typer.Option("--onto", metavar="REV", help="What its commits are made on top of.")
    ],
    ours: Ours = None,
    theirs: Theirs = None,
) -> None:
    """Make the commits that only a branch has again on top of another commit.

    The branch moves once at the end, or not at all. Theirs is what is replayed.

    vstore rebase labels --onto main
    """
    repo = settings.open(author=find_author(None))
    with conflicts_shown(settings):
        resolve = resolution(ours, theirs, repo=repo, sides=(branch, onto))
        commit = repo.rebase(branch, onto=onto, resolve=resolve)
    show_move(settings, "Rebased", branch, commit)
