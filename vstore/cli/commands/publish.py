"""`vstore publish`: store a page that shows a repository without a server."""

from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.lazy import lazy
from vstore.wording import format_nbytes, printable

if TYPE_CHECKING:
    from vstore.page import publishing
else:
    publishing = lazy("vstore.page.publishing")

app = typer.Typer(add_completion=False)


@app.command()
@command
def publish(
    settings: Settings,
    target: TargetArgument = None,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="A path or URL for the page; else page/ within the repository.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="URL",
            help="The address at which browsers find the repository.",
            show_default=False,
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="What it is called.", show_default=False),
    ] = None,
    rev: Revision = None,
) -> None:
    """Store a page that shows a repository to whoever may read its bucket.

    It is one file of HTML, which reads and verifies commits in the browser by itself. Private
    buckets stay closed to it: `vstore ui` shows those. Publish again to list new branches and tags.

    vstore publish s3://bucket/fashion@v1

    vstore publish s3://bucket/fashion --to site --data https://data.example.org/fashion
    """
    repo, revision = settings.open_target(target, rev)
    made = publishing.publish(repo, to, data=data, title=title, revision=revision)
    if settings.as_json:
        write_document("publish", made.to_dict())
        return
    size = format_nbytes(made.nbytes)
    typer.echo(printable(f"{made.page}: a page of {size}, which reads {made.data}"))
