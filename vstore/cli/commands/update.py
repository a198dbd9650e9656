"""`vstore update`: bring a copy up to date with its source."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import BranchOption, MessageOption, branch_of, show_update
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.output import console, write_document
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.cli.storage_options import parse_options
from vstore.cli.transfers import RemoteOptions
from vstore.wording import printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def update(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    path: Annotated[str, typer.Argument(metavar="PATH", help="What vstore copy copied.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="REV",
            help="The revision of the source. Default: the one that was copied, as it is now.",
            show_default=False,
        ),
    ] = None,
    branch: BranchOption = None,
    discard_changes: Annotated[
        bool, typer.Option("--discard-changes", help="Replace a copy that was changed here.")
    ] = False,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
    remote_option: RemoteOptions = None,
) -> None:
    """Bring a copied table, array or group up to date with its source.

    The commit that copied it says where it came from. Only chunks that are missing are copied,
    and nothing is done if the source is where it was.

    vstore update clothes -R fashion
    vstore update clothes --to v2 -R fashion
    """
    repo = settings.open(author=find_author(author))
    made = repo.update(
        path,
        revision=to,
        branch=branch,
        discard_changes=discard_changes,
        message=message,
        metadata=parse_metadata(metadata),
        storage_options=parse_options(remote_option or ()) or settings.storage_options,
    )
    name = branch_of(repo, branch)
    if made is not None:
        show_update(settings, "Updated", name, made)
    elif settings.as_json:
        write_document("update", {"branch": name, "commit": None})
    elif not settings.quiet:
        console().print(f"{printable(path)} is up to date", soft_wrap=True, markup=False)
