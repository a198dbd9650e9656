"""`vstore tag`: list, create and delete tags."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from vstore.cli.author import find_author
from vstore.cli.commits import SHORT
from vstore.cli.groups import ListByDefault
from vstore.cli.output import console, write_json
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.format.commit import TagDocument

app = typer.Typer(cls=ListByDefault, add_completion=False, help="List, create or delete tags.")


@app.command("list")
@command
def list_tags(settings: Settings) -> None:
    """List the tags, each with its commit, date and message."""
    tags = list(settings.open().tags.documents())
    if settings.as_json:
        write_json([_json(tag) for tag in tags])
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for tag in tags:
        message = Text(printable(tag.message.split("\n", 1)[0]), overflow="ellipsis", no_wrap=True)
        name = Text(printable(tag.name), "bold yellow")
        grid.add_row(name, Text(tag.commit[:SHORT], "yellow"), tag.time[:10], message)
    console().print(grid)


@app.command()
@command
def create(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new tag.")],
    *,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="REV",
            help="The commit, as any revision. Default: the head of the default branch.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="The tag's message.")
    ] = "",
    author: AuthorOption = None,
) -> None:
    """Create a tag at a commit. A tag is never updated."""
    repo = settings.open(author=find_author(author))
    commit = repo.tags.create(name, at=at, message=message)
    if settings.as_json:
        write_json(_json(repo.tags.get(name)))
        return
    text = Text.assemble(
        "Created tag ", (printable(name), "bold"), " at ", (commit[:SHORT], "yellow")
    )
    console().print(text, soft_wrap=True)


@app.command()
@command
def delete(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tag.")],
) -> None:
    """Delete a tag; vstore undo restores it."""
    repo = settings.open()
    tag = repo.tags.get(name)
    repo.tags.delete(name)
    if settings.as_json:
        write_json(_json(tag))
        return
    text = Text.assemble(
        *("Deleted tag ", (printable(name), "bold"), ", which was at "),
        (tag.commit[:SHORT], "yellow"),
        f"; vstore undo {printable(name)} restores it",
    )
    console().print(text, soft_wrap=True)


def _json(tag: "TagDocument") -> dict[str, object]:
    return {
        "name": tag.name,
        "commit": tag.commit,
        "author": {"name": tag.author.name, "email": tag.author.email},
        "time": tag.time,
        "message": tag.message,
    }
