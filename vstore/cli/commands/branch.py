"""`vstore branch`: list, create, rename and delete branches."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vstore.cli.commits import SHORT, subject
from vstore.cli.groups import ListByDefault
from vstore.cli.output import console, write_json
from vstore.cli.settings import Settings, command
from vstore.wording import printable

app = typer.Typer(
    cls=ListByDefault, add_completion=False, help="List, create, rename or delete branches."
)

At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="REV",
        help="The commit, as any revision. Default: the head of the default branch.",
        show_default=False,
    ),
]


@app.command("list")
@command
def list_branches(settings: Settings) -> None:
    """List the branches, each with its head commit. A star marks the default branch."""
    repo = settings.open()
    default = repo.default_branch
    heads = {name: repo.branches[name] for name in repo.branches}
    if settings.as_json:
        write_json(
            [
                {"name": name, "commit": head, "default": name == default}
                for name, head in heads.items()
            ]
        )
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, head in heads.items():
        mark = Text("* " if name == default else "  ")
        label = Text(printable(name), "bold green" if name == default else "")
        message = Text(subject(repo.commit(head)), overflow="ellipsis", no_wrap=True)
        grid.add_row(mark + label, Text(head[:SHORT], "yellow"), message)
    console().print(grid)


@app.command()
@command
def create(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new branch.")],
    *,
    at: At = None,
) -> None:
    """Create a branch at a commit."""
    head = settings.open().branches.create(name, at=at)
    if settings.as_json:
        write_json({"name": name, "commit": head})
        return
    text = Text.assemble("Created branch ", (printable(name), "bold"), " at ", _short(head))
    console().print(text, soft_wrap=True)


@app.command()
@command
def rename(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The branch.")],
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
) -> None:
    """Rename a branch and its log."""
    head = settings.open().branches.rename(name, new_name)
    if settings.as_json:
        write_json({"name": new_name, "commit": head})
        return
    parts = (printable(name), "bold"), " to ", (printable(new_name), "bold")
    console().print(Text.assemble("Renamed branch ", *parts), soft_wrap=True)


@app.command()
@command
def delete(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The branch.")],
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", "-f", help="Delete it even if its commits are on no other branch or tag."
        ),
    ] = False,
) -> None:
    """Delete a branch; vstore undo restores it."""
    head = settings.open().branches.delete(name, force=force)
    if settings.as_json:
        write_json({"name": name, "commit": head})
        return
    text = Text.assemble(
        *("Deleted branch ", (printable(name), "bold"), ", which was at ", _short(head)),
        f"; vstore undo {printable(name)} restores it",
    )
    console().print(text, soft_wrap=True)


def _short(commit: str) -> tuple[str, str]:
    return commit[:SHORT], "yellow"
