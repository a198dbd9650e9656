"""`vstore tag`: list, create and delete tags."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from vstore.cli.author import find_author
from vstore.cli.commits import SHORT, metadata_lines
from vstore.cli.completion import complete_tag
from vstore.cli.groups import ListByDefault
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.output import console, write_document
from vstore.cli.settings import AuthorOption, Settings, TargetArgument, command
from vstore.cli.starting_points import At, Start, one_start
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.format.commit import TagDocument


class TagGroup(ListByDefault):
    """The commands for tags, and Git's short forms of them."""

    short_forms = {  # noqa: RUF012 - never changed
        "-d": ("delete",),
        "--delete": ("delete",),
        "-l": ("list", "--match"),
        "--list": ("list", "--match"),
    }

    def spelled_out(self, args: list[str], word: str | None) -> list[str]:
        """Return arguments with the name of the command they mean in front."""
        if word is None:
            return ["list", *(each for each in args if each not in ("-l", "--list"))]
        return super().spelled_out(args, word)


app = typer.Typer(
    cls=TagGroup,
    add_completion=False,
    help="List, create or delete tags.\n\n"
    "Without a command, TARGET is listed and NAME [REV] is created. -l PATTERN lists some, -d "
    "deletes.\n\n"
    'vstore tag fashion\nvstore tag -R fashion v2 main -m "As published"',
)


@app.command("list")
@command
def list_tags(
    settings: Settings,
    target: TargetArgument = None,
    *,
    match: Annotated[
        str | None,
        typer.Option(
            "--match",
            metavar="PATTERN",
            help="Only tags whose names match, as in 'v*'.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the tags, each with its commit, date and message.

    With -v, authors and metadata are shown as well.

    vstore tag list fashion --match 'v*'
    vstore tag -v fashion
    """
    repo, _ = settings.open_target(target)
    names = [name for name in repo.tags if match is None or fnmatchcase(name, match)]
    tags = [repo.tags.get(name) for name in names]
    if settings.as_json:
        write_document("tag list", [_json(tag) for tag in tags])
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for tag in tags:
        message = Text(printable(tag.message.split("\n", 1)[0]), overflow="ellipsis", no_wrap=True)
        name = Text(printable(tag.name), "bold yellow")
        grid.add_row(name, Text(tag.commit[:SHORT], "yellow"), tag.time[:10], message)
        for line in [str(tag.author), *metadata_lines(tag.metadata)] if settings.verbosity else ():
            grid.add_row("", "", "", Text(printable(line), "dim", overflow="fold"))
    if grid.row_count:
        console().print(grid)


@app.command()
@command
def create(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new tag.")],
    revision: Start = None,
    *,
    at: At = None,
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="The tag's message.")
    ] = "",
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Create a tag at a commit. A tag is never updated.

    vstore tag create v2 main -m "As published" -R fashion
    vstore tag create v3 -m "Approved" --metadata approved_by=dpo -R fashion
    """
    repo = settings.open(author=find_author(author))
    commit = repo.tags.create(
        name, at=one_start(revision, at), message=message, metadata=parse_metadata(metadata)
    )
    if settings.as_json:
        write_document("tag create", _json(repo.tags.get(name)))
        return
    text = Text.assemble(
        "Created tag ", (printable(name), "bold"), " at ", (commit[:SHORT], "yellow")
    )
    console().print(text, soft_wrap=True)


@app.command()
@command
def delete(
    settings: Settings,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The tag.", autocompletion=complete_tag)
    ],
) -> None:
    """Delete a tag; vstore undo restores it.

    vstore tag delete v1 -R fashion
    """
    repo = settings.open()
    tag = repo.tags.get(name)
    repo.tags.delete(name)
    if settings.as_json:
        write_document("tag delete", _json(tag))
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
        "metadata": tag.metadata,
    }
