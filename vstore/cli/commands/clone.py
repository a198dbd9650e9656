"""`vstore clone`: copy a repository."""

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
    from vstore.cli import config, selection
else:
    selection = lazy("vstore.cli.selection")
    config = lazy("vstore.cli.config")

app = typer.Typer(add_completion=False)


@app.command()
@command
def clone(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    url: Annotated[str, typer.Argument(metavar="URL", help="The repository to copy.")],
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="TO",
            help="Where to: a directory or URL. Default: a directory called like the repository.",
            show_default=False,
        ),
    ] = None,
    *,
    branch: Annotated[
        list[str] | None,
        typer.Option(
            "--branch",
            "-b",
            metavar="NAME",
            help="Only this branch (repeatable).",
            show_default=False,
        ),
    ] = None,
    tags: Annotated[bool, typer.Option("--tags/--no-tags", help="Copy the tags.")] = True,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth", metavar="N", min=1, help="Only the last N commits.", show_default=False
        ),
    ] = None,
    metadata_only: Annotated[
        bool,
        typer.Option("--metadata-only", help="Copy no data; read it when it is asked for."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PATH",
            help="Only the data below this path (repeatable); read other data when asked for.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(
            "--samples",
            metavar="INDEX",
            help="With --only: only these samples, as 17, 10:20, ::100 or [3,5].",
            show_default=False,
        ),
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option("--mirror", help="Copy all refs as they are, to back up; may be repeated."),
    ] = False,
    hard_links: Annotated[
        bool,
        typer.Option(
            "--hardlinks/--no-hardlinks",
            help="On one disk, share the files of data with the original, as Git does.",
        ),
    ] = True,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="With --mirror, delete refs that are gone there."),
    ] = False,
    remote_option: RemoteOptions = None,
) -> None:
    """Copy a repository, and remember where it came from.

    A clone that was interrupted is finished by the same command.

    vstore clone s3://bucket/fashion mine
    vstore clone fashion s3://bucket/mirror --mirror
    vstore clone fashion labels --only train/label
    """
    place = to or url.rstrip("/").rpartition("/")[2]
    with steps_shown(is_quiet=settings.is_quiet) as progress:
        made = vstore.clone(
            url,
            place,
            branches=branch or None,
            tags=tags,
            depth=depth,
            metadata_only=metadata_only,
            only=only or (),
            samples=None if samples is None else selection.parse_index(samples),
            mirror=mirror,
            prune=prune,
            hard_links=hard_links,
            storage_options=parse_options(remote_option or ()),
            to_storage_options=settings.storage_options,
            signatures=config.signature_settings(),
            progress=progress,
        )
    branches = list(made.branches)
    if settings.as_json:
        there = {"origin": url, "branches": branches, "tags": list(made.tags)}
        write_document("clone", {"url": made.url, **there})
        return
    if settings.quiet:
        return
    text = Text.assemble("Cloned into ", (printable(made.url), "bold"))
    text.append(f": {len(branches)} {'branch' if len(branches) == 1 else 'branches'}")
    console().print(text, soft_wrap=True)
