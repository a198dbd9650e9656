"""`vstore plugins`: list importers, exporters, and what other packages add."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, command
from vstore.errors import NotFoundError
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.plugins import listing
else:
    listing = lazy("vstore.plugins.listing")

app = typer.Typer(add_completion=False)


@app.command()
@command
def plugins(
    settings: Settings,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Show only these plugins.", show_default=False),
    ] = None,
) -> None:
    """List importers, exporters and viewers, with options and versions.

    One that cannot be loaded is listed with the reason.

    vstore plugins arrays
    """
    found = [each for each in listing.listed() if name in (None, each.name)]
    if not found:
        raise NotFoundError(f"there is no plugin {name!r}")
    if settings.as_json:
        write_document("plugins", [asdict(each) for each in found])
        return
    screen = console()
    for each in found:
        head = Text.assemble(
            (printable(each.name), "bold"), f"  {each.kind}, {each.package} {each.version}"
        )
        screen.print(head, soft_wrap=True)
        if each.error is not None:
            screen.print(Text.assemble(("  broken: ", "bold red"), printable(each.error)))
            continue
        screen.print(Text(f"  {printable(each.summary)}"), soft_wrap=True)
        for option in each.options:
            screen.print(Text(f"  {_spelled(option)}  {printable(option.help)}"), soft_wrap=True)


def _spelled(option: "listing.Option") -> str:
    if option.type == "bool":
        return option.name
    value = {"list": "A,B", "int": "N", "float": "X"}.get(option.type, "TEXT")
    return f"{option.name} {value}"
