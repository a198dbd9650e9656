"""`vstore squash`: put one commit in the place of several."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import show_move
from vstore.cli.settings import AuthorOption, Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def squash(
    settings: Settings,
    branch: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch that moves.")],
    *,
    since: Annotated[
        str,
        typer.Option("--since", metavar="REV", help="The ancestor after which commits become one."),
    ],
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="What the new commit says.")
    ],
    author: AuthorOption = None,
) -> None:
    """Put one commit in the place of all that came after an ancestor.

    vstore squash labels --since main --message "Label everything"
    """
    repo = settings.open(author=find_author(author))
    commit = repo.squash(branch, since=since, message=message)
    show_move(settings, "Squashed", branch, commit)
