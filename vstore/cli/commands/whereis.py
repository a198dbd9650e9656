"""`vstore whereis`: show which copies of data exist."""

from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import write_document
from vstore.cli.selection import OnlySamples, parse_index
from vstore.cli.settings import Revision, Settings, command
from vstore.wording import format_nbytes

if TYPE_CHECKING:
    from vstore.maintenance.progress import Amount

app = typer.Typer(add_completion=False)


@app.command()
@command
def whereis(
    settings: Settings,
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="A group, table, column or array."),
    ],
    *,
    samples: OnlySamples = None,
    rev: Revision = None,
) -> None:
    """Show how much of some data is here, and at each remote that promises it.

    vstore whereis -R stamps stamps/image
    """
    repo, revision = settings.open_target(None, rev)
    index = None if samples is None else parse_index(samples)
    found = repo.whereis(path, samples=index, revision=revision)
    if settings.as_json:
        write_document("whereis", found.to_dict())
        return
    for name, amount in {"here": found.here, **found.remotes}.items():
        typer.echo(f"{name}: {_share(amount, found.stored)}")


def _share(amount: "Amount", stored: "Amount") -> str:
    return (
        f"{amount.objects:,} of {stored.objects:,} chunks, {format_nbytes(amount.nbytes)} of "
        f"{format_nbytes(stored.nbytes)}"
    )
