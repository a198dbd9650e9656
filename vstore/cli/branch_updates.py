"""Commands that update one branch: what they print when they are done."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vstore.cli import signals
from vstore.cli.commits import SHORT, commit_json, subject
from vstore.cli.completion import complete_target
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.history.commits import Commit
    from vstore.repository.repository import Repository

RequiredBranch = Annotated[
    str,
    typer.Argument(
        metavar="BRANCH",
        help="The branch to update, or URL@BRANCH.",
        autocompletion=complete_target,
    ),
]
BranchOption = Annotated[
    str | None,
    typer.Option(
        "--branch",
        "-b",
        metavar="BRANCH",
        help="The branch to commit to. Default: the default branch.",
        show_default=False,
    ),
]
MessageOption = Annotated[
    str | None,
    typer.Option("--message", "-m", metavar="TEXT", help="The commit message.", show_default=False),
]


def branch_of(repo: "Repository", name: str | None) -> str:
    """Return the branch `name`, or the default branch if it is None."""
    return repo.default_branch if name is None else name


def show_update(settings: Settings, verb: str, branch: str, commit: "Commit") -> None:
    """Print which commit a branch is at now."""
    signals.settled()
    if settings.quiet and not settings.as_json:
        return
    if settings.as_json:
        write_document("undo", {"branch": branch, "commit": commit_json(commit)})
        return
    text = Text.assemble(
        f"{verb} ",
        (printable(branch), "bold"),
        ", now at ",
        (commit.id[:SHORT], "yellow"),
        f" {subject(commit)}",
    )
    console().print(text, soft_wrap=True)
