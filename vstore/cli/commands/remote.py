"""`vstore remote`: list, add, rename and remove remotes."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vstore.cli.groups import ListByDefault
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, command
from vstore.cli.transfers import RemoteArgument, RemoteOptions, open_remote
from vstore.wording import printable

app = typer.Typer(
    cls=ListByDefault,
    add_completion=False,
    help="List, add, rename or remove remotes.\n\n"
    "Without a command, the remotes are listed.\n\n"
    "vstore remote -R fashion\nvstore remote add upstream s3://bucket/backup -R fashion",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the remote.")]
Url = Annotated[str, typer.Argument(metavar="URL", help="Its address, without credentials.")]


@app.command("list")
@command
def list_remotes(settings: Settings) -> None:
    """List the remotes with their addresses."""
    repo = settings.open()
    remotes = [repo.remotes[name] for name in repo.remotes]
    if settings.as_json:
        write_document(
            "remote list",
            [
                {
                    "name": each.name,
                    "url": each.url,
                    "promises": each.promises,
                    "read_only": each.read_only,
                }
                for each in remotes
            ],
        )
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for each in remotes:
        notes = ["holds data that is not here"] if each.promises else []
        notes += ["read-only"] if each.read_only else []
        url = Text(printable(each.url), overflow="fold")
        grid.add_row(Text(printable(each.name or ""), "bold"), url, Text(", ".join(notes), "dim"))
    console().print(grid)


@app.command()
@command
def add(
    settings: Settings,
    name: Name,
    url: Url,
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse to push there.")] = False,
) -> None:
    """Remember another repository by a name."""
    made = settings.open().remotes.add(name, url, read_only=read_only)
    words = f"Added remote {printable(name)}, at {printable(made.url)}"
    _done(settings, "add", words, (name, made.url))


@app.command()
@command
def remove(settings: Settings, name: Name) -> None:
    """Forget a remote and where its branches were; nothing changes there."""
    settings.open().remotes.remove(name)
    _done(settings, "remove", f"Removed remote {printable(name)}", (name, None))


@app.command()
@command
def rename(
    settings: Settings,
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
) -> None:
    """Rename a remote, and where its branches were."""
    repo = settings.open()
    repo.remotes.rename(name, new_name)
    words = f"Renamed remote {printable(name)} to {printable(new_name)}"
    _done(settings, "rename", words, (new_name, repo.remotes[new_name].url))


@app.command("set-url")
@command
def set_url(settings: Settings, name: Name, url: Url) -> None:
    """Change the address of a remote."""
    repo = settings.open()
    repo.remotes.set_url(name, url)
    at = repo.remotes[name].url
    words = f"The remote {printable(name)} is at {printable(at)} now"
    _done(settings, "set-url", words, (name, at))


@app.command()
@command
def ping(
    settings: Settings, remote: RemoteArgument = None, *, remote_option: RemoteOptions = None
) -> None:
    """Ask a remote for its repository and its branches, and show how long that took."""
    there = open_remote(settings.open(), remote, remote_option)
    took = there.ping()
    if settings.as_json:
        write_document("remote ping", {"url": there.url, "seconds": took})
        return
    times = ", ".join(f"{what} {1000 * seconds:.0f} ms" for what, seconds in took.items())
    console().print(f"{printable(there.url)}: {times}", soft_wrap=True, markup=False)


def _done(settings: Settings, verb: str, words: str, what: tuple[str, str | None]) -> None:
    if settings.as_json:
        write_document(f"remote {verb}", {"name": what[0], "url": what[1]})
    elif not settings.quiet:
        console().print(words, soft_wrap=True, markup=False)
