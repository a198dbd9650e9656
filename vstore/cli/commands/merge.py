"""`vstore merge`: merge a revision into a branch."""

from typing import Annotated

import typer

from vstore.cli import signals
from vstore.cli.author import find_author
from vstore.cli.branch_updates import MessageOption, branch_of
from vstore.cli.completion import complete_target
from vstore.cli.merged import show_merged
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.resolving import (
    Into,
    Ours,
    Theirs,
    conflicts_shown,
    resolution,
)
from vstore.cli.settings import AuthorOption, Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def merge(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: Annotated[
        str,
        typer.Argument(
            metavar="REV", help="The revision to merge, or URL@REV.", autocompletion=complete_target
        ),
    ],
    *,
    into: Into = None,
    ours: Ours = None,
    theirs: Theirs = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Only show what would happen."),
    ] = False,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Merge a revision into a branch, by sample.

    A branch without commits of its own is fast-forwarded. If there are conflicts, they are
    shown, nothing is changed, and the command exits with 1.

    vstore merge fashion@labels --dry-run
    vstore merge labels --into main --theirs train/label -R fashion
    """
    repo, revision = settings.open_branch(target, author=find_author(author))
    branch = branch_of(repo, into)
    with conflicts_shown(settings):
        found = repo.merge(
            revision,
            into=branch,
            message=message,
            metadata=parse_metadata(metadata),
            resolve=resolution(ours, theirs, repo=repo, sides=(branch, revision)),
            dry_run=dry_run,
        )
    signals.settled()
    show_merged(settings, found, branch, revision, dry_run=dry_run)
