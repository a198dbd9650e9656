"""`vstore summary`: show the contents of a commit."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from vstore.cli.output import console, write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.reading import summary as summaries
else:
    summaries = lazy("vstore.reading.summary")

app = typer.Typer(add_completion=False)

_STYLES = {"url": "bold", "commit": "yellow", "table": "bold cyan", "heading": "dim"}


@app.command()
@command
def summary(
    settings: Settings,
    target: TargetArgument = None,
    *,
    rev: Revision = None,
) -> None:
    """Show the tables, columns and sizes of a commit.

    "raw" is the size of an array in memory, "stored" the size of its encoded chunks. A narrow
    terminal shows fewer figures.

    vstore summary fashion@v1
    vstore summary fashion --json
    """
    repo, revision = settings.open_target(target, rev)
    found = repo.checkout(revision).summary()
    if settings.as_json:
        write_document("summary", found.to_dict())
        return
    screen = console()
    for what, line in summaries.summary_lines(found, screen.width):
        screen.print(Text(printable(line), _STYLES.get(what, "")), soft_wrap=True)
