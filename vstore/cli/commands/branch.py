"""`vstore branch`: list, create, rename and delete branches."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vstore.cli.commits import SHORT, subject
from vstore.cli.completion import complete_branch
from vstore.cli.groups import ListByDefault
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.cli.starting_points import At, Start, one_start
from vstore.cli.upstreams import distance, of_remotes, upstreams
from vstore.wording import printable


class BranchGroup(ListByDefault):
    """The commands for branches, and Git's short forms of them."""

    short_forms = {  # noqa: RUF012 - never changed
        "-d": ("delete",),
        "--delete": ("delete",),
        "-D": ("delete", "--force"),
        "-m": ("rename",),
        "--move": ("rename",),
        "-a": ("list", "--all"),
        "-l": ("list",),
        "-r": ("list", "--remotes"),
        "-vv": ("list", "--tracking"),
        "--list": ("list",),
    }


app = typer.Typer(
    cls=BranchGroup,
    add_completion=False,
    help="List, create, rename or delete branches.\n\n"
    "Without a command, TARGET is listed and NAME [REV] is created. -d deletes, -m renames.\n\n"
    "vstore branch fashion\nvstore branch -R fashion augment main~1",
)

Existing = Annotated[
    str, typer.Argument(metavar="NAME", help="The branch.", autocompletion=complete_branch)
]


@app.command("list")
@command
def list_branches(
    settings: Settings,
    target: TargetArgument = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Also show where branches of remotes were.")
    ] = False,
    remotes: Annotated[
        bool, typer.Option("--remotes", "-r", help="Only show where branches of remotes were.")
    ] = False,
    tracking: Annotated[
        bool, typer.Option("--tracking", help="Also show how far each is from that of its remote.")
    ] = False,
) -> None:
    """List the branches, each with its head commit. A star marks the default branch.

    Where the branches of remotes were when they were last fetched or pushed is left out.

    vstore branch list fashion
    vstore branch list fashion --tracking
    """
    repo, _ = settings.open_target(target)
    default, known = repo.default_branch, list(repo.branches)
    theirs = set(known) & set(of_remotes(repo, known))
    names = [name for name in known if every or (name in theirs) == remotes]
    heads = {name: repo.branches[name] for name in names}
    if settings.as_json:
        write_document(
            "branch list",
            [
                {"name": name, "commit": head, "default": name == default}
                for name, head in heads.items()
            ],
        )
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, head in heads.items():
        mark = Text("* " if name == default else "  ")
        label = Text(printable(name), "bold green" if name == default else "")
        message = Text(subject(repo.commit(head)), overflow="ellipsis", no_wrap=True)
        apart = [Text(distance(upstreams(repo, name, theirs)), "dim")] if tracking else []
        grid.add_row(mark + label, Text(head[:SHORT], "yellow"), *apart, message)
    if grid.row_count:
        console().print(grid)


@app.command()
@command
def create(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new branch.")],
    revision: Start = None,
    *,
    at: At = None,
) -> None:
    """Create a branch at a commit.

    vstore branch create augment main~1 -R fashion
    """
    head = settings.open().branches.create(name, at=one_start(revision, at))
    if settings.as_json:
        write_document("branch create", {"name": name, "commit": head})
        return
    text = Text.assemble("Created branch ", (printable(name), "bold"), " at ", _short(head))
    console().print(text, soft_wrap=True)


@app.command()
@command
def rename(
    settings: Settings,
    name: Existing,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
) -> None:
    """Rename a branch and its log.

    vstore branch rename dev review -R fashion
    """
    head = settings.open().branches.rename(name, new_name)
    if settings.as_json:
        write_document("branch rename", {"name": new_name, "commit": head})
        return
    parts = (printable(name), "bold"), " to ", (printable(new_name), "bold")
    console().print(Text.assemble("Renamed branch ", *parts), soft_wrap=True)


@app.command()
@command
def delete(
    settings: Settings,
    name: Existing,
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", "-f", help="Delete it even if its commits are on no other branch or tag."
        ),
    ] = False,
) -> None:
    """Delete a branch; vstore undo restores it.

    vstore branch delete dev --force -R fashion
    """
    head = settings.open().branches.delete(name, force=force)
    if settings.as_json:
        write_document("branch delete", {"name": name, "commit": head})
        return
    text = Text.assemble(
        *("Deleted branch ", (printable(name), "bold"), ", which was at ", _short(head)),
        f"; vstore undo {printable(name)} restores it",
    )
    console().print(text, soft_wrap=True)


def _short(commit: str) -> tuple[str, str]:
    return commit[:SHORT], "yellow"
