"""`vstore reset`: set a branch to any commit."""

from typing import Annotated

import typer

from vstore.cli.branch_updates import RequiredBranch, show_update
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def reset(
    settings: Settings,
    target: RequiredBranch,
    *,
    to: Annotated[str, typer.Option("--to", metavar="REV", help="The commit to set it to.")],
) -> None:
    """Set a branch to any commit; vstore undo sets it back.

    vstore reset fashion@main --to main~1
    """
    repo, branch = settings.open_branch(target)
    commit = repo.reset(branch, to=to)
    show_update(settings, "Reset", branch, commit)
