"""`vstore squash`: combine several commits into one."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import RequiredBranch, show_update
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.settings import AuthorOption, Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def squash(
    settings: Settings,
    target: RequiredBranch,
    *,
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="REV", help="The ancestor: all commits after it are combined."
        ),
    ],
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="The new commit's message.")
    ],
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Combine all commits after an ancestor into one.

    vstore squash fashion@labels --since main~2 --message "Label everything"
    """
    repo, branch = settings.open_branch(target, author=find_author(author))
    commit = repo.squash(branch, since=since, message=message, metadata=parse_metadata(metadata))
    show_update(settings, "Squashed", branch, commit)
