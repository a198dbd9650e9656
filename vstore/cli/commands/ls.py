"""`vstore ls`: list what a commit holds."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from vstore.cli.completion import complete_path
from vstore.cli.output import console, write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.lazy import lazy
from vstore.wording import format_nbytes, plural, printable

if TYPE_CHECKING:
    from vstore.cli import listing
    from vstore.partial.whereabouts import Whereabouts
else:
    listing = lazy("vstore.cli.listing")

app = typer.Typer(add_completion=False)


@app.command()
@command
def ls(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument = None,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A group or table. Default: the root.",
            show_default=False,
            autocompletion=complete_path,
        ),
    ] = "",
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="List what is below as well.")
    ] = False,
    long: Annotated[
        bool, typer.Option("--long", "-l", help="Add kinds, counts, shapes and stored sizes.")
    ] = False,
    local: Annotated[
        bool,
        typer.Option("--local", help="List columns and arrays with data here, and how much."),
    ] = False,
    rev: Revision = None,
) -> None:
    """List the groups, tables, columns and arrays of a commit.

    vstore ls fashion
    vstore ls fashion@v1 train -l
    """
    repo, revision = settings.open_target(target, rev)
    if local:
        _list_local(repo.local_data(path, revision=revision), settings)
        return
    found = listing.entries(repo.checkout(revision), path, recursive=recursive)
    if settings.as_json:
        write_document("ls", [asdict(entry) for entry in found])
    elif long:
        _show(found)
    else:
        for entry in found:
            typer.echo(printable(entry.path))


def _list_local(found: "list[Whereabouts]", settings: Settings) -> None:
    here = [each for each in found if each.here.objects]
    if settings.as_json:
        write_document("ls LOCAL", [each.to_dict() for each in here])
        return
    for each in here:
        sizes = f"{format_nbytes(each.here.nbytes)} of {format_nbytes(each.stored.nbytes)}"
        typer.echo(printable(f"{each.path}  {sizes}"))


def _show(entries: "list[listing.Entry]") -> None:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for name in ("path", "kind", "shape", "stored"):
        right = name == "stored"
        grid.add_column(justify="right" if right else "left", no_wrap=name != "kind")
    for entry in entries:
        size = "" if entry.stored_nbytes is None else format_nbytes(entry.stored_nbytes)
        kind = " ".join(filter(None, (entry.kind, entry.dtype)))
        grid.add_row(Text(printable(entry.path), "bold"), kind, _extent(entry), size)
    if entries:
        console().print(grid)


def _extent(entry: "listing.Entry") -> str:
    if entry.kind == "table":
        return plural(entry.samples or 0, "sample")
    if entry.shape is None:
        return ""
    return f"({', '.join('?' if length is None else str(length) for length in entry.shape)})"
