"""`vstore amend`: replace the head commit of a branch."""

import json as json_format
from typing import Annotated, Any

import typer

from vstore.cli.branch_updates import MessageOption, branch_of, show_update
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.errors import InvalidInputError

app = typer.Typer(add_completion=False)


@app.command()
@command
def amend(
    settings: Settings,
    branch: Annotated[
        str | None,
        typer.Argument(
            metavar="BRANCH", help="The branch. Default: the default branch.", show_default=False
        ),
    ] = None,
    *,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: Annotated[
        str | None,
        typer.Option(
            "--metadata",
            metavar="JSON",
            help="The commit's metadata, as a JSON object.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Replace the head commit to change its message, author or metadata.

    What you do not pass stays as it is.

    vstore amend main --message "Add the training set, cleaned"
    """
    if message is None and author is None and metadata is None:
        raise InvalidInputError(
            "nothing was given to change", hint="give --message, --author or --metadata"
        )
    repo = settings.open()
    branch = branch_of(repo, branch)
    commit = repo.amend(branch, message=message or "", author=author, metadata=_object(metadata))
    show_update(settings, "Amended", branch, commit)


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json_format.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInputError(f"--metadata takes a JSON object, not {text!r}")
    return found
