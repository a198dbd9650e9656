"""`vstore reset`: set a branch to any commit."""

from typing import Annotated

import typer

from vstore.cli.branch_updates import show_update
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def reset(
    settings: Settings,
    branch: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch to update.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="REV", help="The commit to set it to.")],
) -> None:
    """Set a branch to any commit; vstore undo sets it back.

    vstore reset main --to main~1
    """
    commit = settings.open().reset(branch, to=to)
    show_update(settings, "Reset", branch, commit)
