"""`vstore doctor`: check that a store provides the guarantees commits depend on."""

from typing import Annotated

import typer

from vstore.cli.failure import FAILED
from vstore.cli.output import write_document
from vstore.cli.settings import Settings, command
from vstore.wording import printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def doctor(
    settings: Settings,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="A repository, or a location for a new one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check that a store provides the guarantees commits depend on.

    Tests conditional writes, alone and in races, reads after writes, listings, ranges,
    permissions and the clock, with temporary objects below probe/ that it deletes afterwards.
    Exits with 1 unless the store is suitable for writing.

    vstore doctor fashion
    vstore doctor s3://bucket/new
    """
    report = settings.open(url).probe()
    if settings.as_json:
        write_document("doctor", report.to_dict())
    else:
        typer.echo(printable(str(report)))
    if report.verdict != "suitable":
        raise typer.Exit(FAILED)
