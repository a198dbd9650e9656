"""`vstore revert`: undo the changes of one commit with a new commit."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import branch_of, show_update
from vstore.cli.completion import complete_target
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.resolving import Into, Ours, Parent, Theirs, conflicts_shown, resolution
from vstore.cli.settings import AuthorOption, Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def revert(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: Annotated[
        str,
        typer.Argument(
            metavar="REV",
            help="The commit whose changes to undo, or URL@REV.",
            autocompletion=complete_target,
        ),
    ],
    *,
    into: Into = None,
    parent: Parent = 1,
    ours: Ours = None,
    theirs: Theirs = None,
    message: Annotated[
        str | None,
        typer.Option(  # -m is --parent, as it is in Git
            "--message", metavar="TEXT", help="The commit message.", show_default=False
        ),
    ] = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Undo the changes of one commit with a new commit.

    Later changes stay. For a merge commit, undoes what the merge added to the parent given by
    --parent.

    vstore revert fashion@main~1
    vstore revert main --message "Take it back" -R fashion
    """
    repo, revision = settings.open_branch(target, author=find_author(author))
    branch = branch_of(repo, into)
    with conflicts_shown(settings):
        commit = repo.revert(
            revision,
            into=branch,
            parent=parent,
            message=message or "",
            metadata=parse_metadata(metadata),
            resolve=resolution(ours, theirs, repo=repo, sides=(branch, revision)),
        )
    show_update(settings, "Reverted on", branch, commit)
