"""Commands that move one branch to a commit: what they say when they are done."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vstore.cli.commits import SHORT, commit_json, subject
from vstore.cli.output import console, printable, write_json
from vstore.cli.settings import Settings

if TYPE_CHECKING:
    from vstore.history.commits import Commit
    from vstore.repository.repository import Repository

MessageOption = Annotated[
    str | None,
    typer.Option(
        "--message", "-m", metavar="TEXT", help="What the commit says.", show_default=False
    ),
]


def branch_of(repo: "Repository", name: str | None) -> str:
    """Return the branch that is meant: the default one where none is named."""
    return repo.default_branch if name is None else name


def show_move(settings: Settings, verb: str, branch: str, commit: "Commit") -> None:
    """Say where a branch is now."""
    if settings.as_json:
        write_json({"branch": branch, "commit": commit_json(commit)})
        return
    text = Text.assemble(
        f"{verb} ",
        (printable(branch), "bold"),
        ", now at ",
        (commit.id[:SHORT], "yellow"),
        f" {subject(commit)}",
    )
    console().print(text, soft_wrap=True)
