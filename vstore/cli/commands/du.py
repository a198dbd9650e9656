"""`vstore du`: show what is stored for what."""

from enum import StrEnum
from typing import Annotated

import typer

from vstore.cli.output import write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command

app = typer.Typer(add_completion=False)


class By(StrEnum):
    """What usage is told by."""

    TABLE = "table"
    COLUMN = "column"
    BRANCH = "branch"
    KIND = "kind"


@app.command()
@command
def du(
    settings: Settings,
    target: TargetArgument = None,
    *,
    by: Annotated[
        By,
        typer.Option("--by", metavar="WHAT", help="table, column, branch or kind."),
    ] = By.TABLE,
    rev: Revision = None,
) -> None:
    """Show how many bytes are stored for what, own and shared apart.

    "own" is stored for this one alone, "shared" for it and others together. Tables and columns
    are those of one commit; branches count with their whole history; kinds are those of all
    objects in the store, garbage included.

    vstore du fashion
    vstore du fashion --by branch
    """
    repo, revision = settings.open_target(target, rev)
    found = repo.usage(revision, by=by.value)
    if settings.as_json:
        write_document("du", found.to_dict())
    else:
        typer.echo(str(found))
