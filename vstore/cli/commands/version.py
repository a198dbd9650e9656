"""`vstore version`: show the version of vstore and of what it uses."""

from typing import Annotated

import typer

from vstore.cli.installed import Installed, installed
from vstore.cli.output import write_document
from vstore.cli.settings import Settings, command
from vstore.version import __version__

app = typer.Typer(add_completion=False)


@app.command()
@command
def version(
    settings: Settings,
    *,
    show_all: Annotated[
        bool,
        typer.Option("--all", "-a", help="Python, the platform, dependencies and extras too."),
    ] = False,
) -> None:
    """Show the version of vstore and of what it uses.

    --all is what a report of a bug needs. It names no file, no user and no address.

    vstore version
    vstore version --all
    """
    if settings.as_json:
        write_document("version", installed().to_dict())
    elif show_all:
        _show(installed())
    else:
        typer.echo(f"vstore {__version__}")


def _show(found: Installed) -> None:
    typer.echo(f"vstore    {found.vstore}\nPython    {found.python}\nplatform  {found.platform}")
    for heading, packages in (("needs", found.dependencies), *sorted(found.extras.items())):
        shown = [f"{name} {number or '(not installed)'}" for name, number in packages.items()]
        typer.echo(f"{heading}: {', '.join(shown) or 'unknown'}")
