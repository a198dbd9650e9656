"""`vstore amend`: replace the head commit of a branch."""

import typer

from vstore.cli.branch_updates import MessageOption, show_update
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.settings import AuthorOption, BranchTarget, Settings, command
from vstore.errors import InvalidInputError

app = typer.Typer(add_completion=False)


@app.command()
@command
def amend(
    settings: Settings,
    target: BranchTarget = None,
    *,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Change the last commit's message, author or metadata.

    The branch gets a new head commit; what you do not pass stays as it is.

    vstore amend fashion --message "Add the training set, cleaned"
    vstore amend fashion@dev --metadata ticket=DATA-7
    """
    if message is None and author is None and metadata is None:
        raise InvalidInputError(
            "nothing was given to change", hint="give --message, --author or --metadata"
        )
    repo, branch = settings.open_branch(target)
    commit = repo.amend(
        branch, message=message or "", author=author, metadata=parse_metadata(metadata)
    )
    show_update(settings, "Amended", branch, commit)
