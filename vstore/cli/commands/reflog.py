"""`vstore reflog`: show the last updates of a branch."""

import typer
from rich.table import Table as Grid
from rich.text import Text

from vstore.cli.commits import SHORT
from vstore.cli.output import console, write_document
from vstore.cli.settings import BranchTarget, Settings, command
from vstore.wording import printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def reflog(settings: Settings, target: BranchTarget = None) -> None:
    """Show the last updates of a branch, newest first.

    Each line begins with a revision, such as main@{1}, that names what the branch was then.

    vstore reflog fashion
    vstore reflog fashion@dev
    """
    repo, branch = settings.open_branch(target)
    entries = repo.branches.log(branch)
    if settings.as_json:
        write_document(
            "reflog", [{"commit": e.commit, "time": e.time, "action": e.action} for e in entries]
        )
        return
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for number, entry in enumerate(entries):
        grid.add_row(
            Text(f"{printable(branch)}@{{{number}}}", "bold"),
            Text(entry.commit[:SHORT], "yellow"),
            entry.time[:16].replace("T", " "),
            Text(printable(entry.action), overflow="ellipsis", no_wrap=True),
        )
    if grid.row_count:
        console().print(grid)
