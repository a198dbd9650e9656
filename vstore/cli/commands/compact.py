"""`vstore compact`: store a table again without its deleted samples."""

from typing import Annotated

import typer

from vstore.cli.author import find_author
from vstore.cli.branch_updates import MessageOption, show_update
from vstore.cli.completion import complete_path
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.output import write_document
from vstore.cli.settings import AuthorOption, BranchTarget, Settings, command
from vstore.faces import internals
from vstore.wording import plural, printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def compact(
    settings: Settings,
    target: BranchTarget,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The table.", autocompletion=complete_path)
    ],
    *,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Store a table again without its deleted samples, in one commit.

    Chunks that changes left in pieces are stored whole again. Older commits keep what they have:
    its space is free once no branch, tag or log needs it and gc ran.

    vstore compact fashion train
    vstore compact fashion@dev train -m "Drop what was deleted"
    """
    repo, branch = settings.open_branch(target, author=find_author(author))
    about = parse_metadata(metadata)
    with repo.transaction(branch, message=message or f"Compact {path}", metadata=about) as tx:
        count = tx.table(path).compact()
    made = internals(tx).commit_made
    if made is not None:
        show_update(settings, f"Left {plural(count, 'deleted sample')} out of", branch, made)
    elif settings.as_json:
        write_document("compact", {"branch": branch})
    elif not settings.quiet:
        typer.echo(f"{printable(path)} is compact: nothing was changed")
