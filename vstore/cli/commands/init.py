"""`vstore init`: create a repository."""

from typing import Annotated

import typer
from rich.text import Text

import vstore
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, command
from vstore.errors import InvalidInputError
from vstore.wording import printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def init(
    settings: Settings,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="A path, or an fsspec URL: s3://bucket/name, gs://, az://, …",
        ),
    ] = ".",
    *,
    default_branch: Annotated[
        str,
        typer.Option(
            "--default-branch", metavar="NAME", help="The branch that commands use by default."
        ),
    ] = "main",
) -> None:
    """Create a repository.

    It has no commits yet: the first import creates the default branch.

    vstore init new
    vstore init s3://bucket/new --default-branch trunk
    """
    if settings.repo is not None:
        raise InvalidInputError(
            "--repo does not name a new repository", hint="give its URL alone, without --repo"
        )
    repo = vstore.create(
        url,
        storage_options=settings.options_at(url),
        default_branch=default_branch,
        unsafe_single_writer=settings.unsafe_single_writer,
    )
    if settings.as_json:
        found = repo.description
        write_document(
            "init", {"url": repo.url, "id": found.id, "default_branch": found.default_branch}
        )
        return
    if settings.quiet:
        return
    text = Text.assemble("Created an empty repository at ", (printable(repo.url), "bold"))
    console().print(text, soft_wrap=True)
