"""`vstore doctor`: try whether a store keeps the promises that commits rest on."""

from typing import Annotated

import typer

from vstore.cli.failure import FAILED
from vstore.cli.output import printable, write_json
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def doctor(
    settings: Settings,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="The place: a repository, or where one is to be.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Try whether a store keeps the promises that commits rest on.

    Writes throw-away objects below probe/ and deletes them: conditional writes, alone and in
    races, reads after writes, listings, ranges, permissions and the clock. Exits with 1
    unless a repository may be written there.

    vstore doctor s3://bucket/fashion
    """
    report = settings.open(url).probe()
    if settings.as_json:
        write_json(report.to_dict())
    else:
        typer.echo(printable(str(report)))
    if report.verdict != "suitable":
        raise typer.Exit(FAILED)
