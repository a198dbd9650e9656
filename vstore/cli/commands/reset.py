"""`vstore reset`: move a branch to any commit."""

from typing import Annotated

import typer

from vstore.cli.branch_updates import show_move
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def reset(
    settings: Settings,
    branch: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch that moves.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="REV", help="Where it moves to.")],
) -> None:
    """Move a branch to any commit; vstore undo moves it back.

    vstore reset main --to main~1
    """
    commit = settings.open().reset(branch, to=to)
    show_move(settings, "Reset", branch, commit)
