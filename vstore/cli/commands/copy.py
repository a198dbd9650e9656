"""`vstore copy`: copy a table, array or group from another repository."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import BranchOption, MessageOption, branch_of, show_update
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.cli.storage_options import parse_options
from vstore.cli.target import parse_target
from vstore.cli.transfers import RemoteOptions

app = typer.Typer(add_completion=False)


@app.command()
@command
def copy(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    source: Annotated[str, typer.Argument(metavar="URL[@REV]", help="The commit to copy from.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="A table, array or group there.")],
    new: Annotated[
        str | None,
        typer.Argument(
            metavar="NEW", help="Where to put it. Default: the same path.", show_default=False
        ),
    ] = None,
    *,
    branch: BranchOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what is at NEW first, in the same commit.")
    ] = False,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
    remote_option: RemoteOptions = None,
) -> None:
    """Copy a table, array or group from another repository, in one commit.

    Chunks are copied as they are stored, and only those that are missing. The commit's metadata
    tells where they came from, so that vstore update brings the copy up to date.

    vstore copy s3://bucket/backup@v1 train clothes -R fashion
    """
    repo = settings.open(author=find_author(author))
    target = parse_target(source)
    made = repo.copy(
        target.url or source,
        path,
        new,
        revision=target.revision,
        branch=branch,
        replace=replace,
        message=message,
        metadata=parse_metadata(metadata),
        storage_options=parse_options(remote_option or ()) or settings.storage_options,
    )
    show_update(settings, "Copied", branch_of(repo, branch), made)
