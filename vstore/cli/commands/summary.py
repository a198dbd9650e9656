"""`vstore summary`: show the contents of a commit."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vstore.cli.output import console, write_json
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.wording import format_nbytes, plural, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vstore.reading.summary import ArraySummary, Summary

app = typer.Typer(add_completion=False)


@app.command()
@command
def summary(
    settings: Settings,
    target: TargetArgument = None,
    *,
    rev: Revision = None,
) -> None:
    """Show the tables, columns and sizes of a commit.

    "raw" is the size of an array in memory, "stored" the size of its encoded chunks.
    """
    repo, revision = settings.open_target(target, rev)
    found = repo.checkout(revision).summary()
    screen = console()
    if settings.as_json:
        write_json(found.to_dict())
    elif screen.is_terminal:
        _show(found, screen)
    else:
        typer.echo(str(found))


def _show(found: "Summary", screen: Console) -> None:
    screen.print(Text(found.url, "bold"), soft_wrap=True)
    screen.print(Text(f"commit {found.commit}", "yellow"), soft_wrap=True)
    screen.print(Text(printable(f"{found.author}, {found.time}")), soft_wrap=True)
    if found.message:
        screen.print(Text(f"\n    {printable(found.message)}"), soft_wrap=True)
    for table in found.tables:
        keys = f", keyed by {table.keys}" if table.keys else ""
        count = f"  {plural(table.samples, 'sample')}{keys}"
        screen.print()
        screen.print(Text.assemble((table.path or "/", "bold cyan"), count))
        screen.print(_grid(table.columns, strip=table.path))
    if found.arrays:
        screen.print(Text("\narrays", "bold cyan"))
        screen.print(_grid(found.arrays, strip=""))
    if not found.tables and not found.arrays:
        screen.print("\nempty")
    screen.print(f"\nstored {format_nbytes(found.stored_nbytes)}")


def _grid(arrays: "Sequence[ArraySummary]", *, strip: str) -> Table:
    grid = Table(box=None, pad_edge=True, header_style="dim", padding=(0, 1))
    grid.add_column("column" if strip else "array", no_wrap=True, style="bold")
    grid.add_column("kind", overflow="fold")
    grid.add_column("shape", overflow="fold")
    grid.add_column("chunks", justify="right")
    grid.add_column("codec", overflow="fold")
    grid.add_column("raw", justify="right", no_wrap=True)
    grid.add_column("stored", justify="right", no_wrap=True)
    grid.add_column("ratio", justify="right", no_wrap=True, style="green")
    for array in arrays:
        raw = array.raw_nbytes
        shape = ", ".join("?" if n is None else str(n) for n in array.shape)
        grid.add_row(
            Text(printable(array.path[len(strip) :].strip("/"))),
            " ".join(filter(None, (array.kind, array.dtype))),
            f"({shape})",
            f"{array.chunks:,}",
            array.codec,
            "" if raw is None else format_nbytes(raw),
            format_nbytes(array.stored_nbytes),
            f"{raw / array.stored_nbytes:.1f}x" if raw and array.stored_nbytes else "",
        )
    return grid
