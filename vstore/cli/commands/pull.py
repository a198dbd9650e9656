"""`vstore pull`: fetch a branch and merge it."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import MessageOption, branch_of
from vstore.cli.merged import show_merged
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.progress import steps_shown
from vstore.cli.resolving import Ours, Theirs, conflicts_shown, resolution
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.cli.transfers import DEFAULT_REMOTE, RemoteArgument

app = typer.Typer(add_completion=False)


@app.command()
@command
def pull(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    remote: RemoteArgument = None,
    branch: Annotated[
        str | None,
        typer.Argument(
            metavar="BRANCH", help="The branch. Default: the default branch.", show_default=False
        ),
    ] = None,
    *,
    ours: Ours = None,
    theirs: Theirs = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Fetch a branch and merge it into the branch of the same name.

    If there are conflicts, they are shown, the branch stays as it is, and the command exits
    with 1.

    vstore pull -R fashion
    vstore pull origin main -R fashion
    """
    repo = settings.open(author=find_author(author))
    name, source = branch_of(repo, branch), remote or DEFAULT_REMOTE
    there = f"{source}/{name}"
    with steps_shown(is_quiet=settings.is_quiet) as progress:
        if ours or theirs:  # what they name may be there only
            repo.remotes[source].fetch(name, progress=progress)
        with conflicts_shown(settings):
            sides = (name if name in repo.branches else there, there)
            found = repo.pull(
                name,
                remote=source,
                message=message,
                metadata=parse_metadata(metadata),
                resolve=resolution(ours, theirs, repo=repo, sides=sides),
                progress=progress,
            )
    show_merged(settings, found, name, there)
