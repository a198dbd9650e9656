"""`vstore cherry-pick`: apply the changes of one commit to a branch."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import branch_of, show_update
from vstore.cli.completion import complete_target
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.resolving import Into, Ours, Parent, Theirs, conflicts_shown, resolution
from vstore.cli.settings import Settings, command

app = typer.Typer(add_completion=False)


@app.command()
@command
def cherry_pick(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: Annotated[
        str,
        typer.Argument(
            metavar="REV",
            help="The commit whose changes to apply, or URL@REV.",
            autocompletion=complete_target,
        ),
    ],
    *,
    into: Into = None,
    parent: Parent = 1,
    ours: Ours = None,
    theirs: Theirs = None,
    metadata: MetadataOption = None,
) -> None:
    """Apply the changes of one commit to a branch.

    vstore cherry-pick fashion@labels --into dev
    vstore cherry-pick labels --into dev --theirs / -R fashion
    """
    repo, revision = settings.open_branch(target, author=find_author(None))
    branch = branch_of(repo, into)
    with conflicts_shown(settings):
        resolve = resolution(ours, theirs, repo=repo, sides=(branch, revision))
        commit = repo.cherry_pick(
            revision,
            into=branch,
            parent=parent,
            metadata=parse_metadata(metadata),
            resolve=resolve,
        )
    show_update(settings, "Picked onto", branch, commit)
