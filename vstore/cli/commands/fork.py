"""`vstore fork`: make a repository of one's own that borrows the data of another."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import vstore
from vstore.cli.output import console, write_document
from vstore.cli.progress import steps_shown
from vstore.cli.settings import Settings, command
from vstore.cli.storage_options import parse_options
from vstore.cli.transfers import RemoteOptions
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.cli import config
else:
    config = lazy("vstore.cli.config")

app = typer.Typer(add_completion=False)


@app.command()
@command
def fork(
    settings: Settings,
    url: Annotated[str, typer.Argument(metavar="URL", help="The repository to borrow from.")],
    to: Annotated[str, typer.Argument(metavar="NEW", help="Where to: a directory or URL.")],
    *,
    unpinned: Annotated[
        bool,
        typer.Option(
            "--unpinned",
            help="Write nothing there: what is deleted there is gone from the fork as well.",
        ),
    ] = False,
    remote_option: RemoteOptions = None,
) -> None:
    """Make a repository of your own that borrows the data of another.

    A fork has all branches, tags and commits, and reads chunks from where they are. Branches
    forks/<id>/... there keep what it borrows from garbage collection; fetching moves them.

    vstore fork s3://bucket/fashion mine
    """
    with steps_shown(is_quiet=settings.is_quiet) as progress:
        made = vstore.clone(
            url,
            to,
            fork=True,
            pinned=not unpinned,
            storage_options=parse_options(remote_option or ()),
            to_storage_options=settings.storage_options,
            signatures=config.signature_settings(),
            progress=progress,
        )
    if settings.as_json:
        there = {"origin": url, "branches": list(made.branches), "tags": list(made.tags)}
        write_document("fork", {"url": made.url, **there})
    elif not settings.quiet:
        text = Text.assemble("Forked into ", (printable(made.url), "bold"))
        if unpinned:
            text.append("; it loses what is deleted from the original")
        console().print(text, soft_wrap=True)
