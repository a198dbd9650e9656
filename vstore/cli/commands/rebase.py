"""`vstore rebase`: replay a branch's own commits on top of another commit."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import RequiredBranch, show_update
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.resolving import Ours, Theirs, conflicts_shown, resolution
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def rebase(
    settings: Settings,
    target: RequiredBranch,
    *,
    onto: Annotated[
        str, typer.Option("--onto", metavar="REV", help="The commit on top of which to replay.")
    ],
    ours: Ours = None,
    theirs: Theirs = None,
    metadata: MetadataOption = None,
) -> None:
    """Replay a branch's own commits on top of another commit.

    The branch is updated once at the end, or not at all. "Theirs" are the replayed commits.

    vstore rebase fashion@labels --onto main
    vstore rebase labels --onto main --theirs train/label -R fashion
    """
    repo, branch = settings.open_branch(target, author=find_author(None))
    with conflicts_shown(settings):
        resolve = resolution(ours, theirs, repo=repo, sides=(branch, onto))
        commit = repo.rebase(branch, onto=onto, metadata=parse_metadata(metadata), resolve=resolve)
    show_update(settings, "Rebased", branch, commit)
