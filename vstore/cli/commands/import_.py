"""`vstore import`: import arrays from files as the columns of a table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vstore.cli.author import find_author
from vstore.cli.commits import SHORT
from vstore.cli.output import console, write_json
from vstore.cli.progress import bar_shown
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.errors import InvalidInputError, VstoreError
from vstore.faces import internals
from vstore.lazy import lazy
from vstore.wording import format_nbytes, printable

if TYPE_CHECKING:
    from vstore import importers
    from vstore.history.commits import Commit
    from vstore.importers import Imported, Rows
    from vstore.repository.repository import Repository
else:
    importers = lazy("vstore.importers")

app = typer.Typer(add_completion=False)


@app.command()
@command
def import_(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="The repository. Leave it out with --repo, or for the default repository.",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="IDX or .npy files, plain or gzipped, or .npz.",
            show_default=False,
        ),
    ] = None,
    *,
    table: Annotated[
        str, typer.Option("--table", "-t", metavar="PATH", help="The table to add the samples to.")
    ] = "train",
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--names",
            "--column",
            "-c",
            metavar="NAME[,NAME...]",
            help="Column names, one for each array, in order. Default: derived from the files.",
            show_default=False,
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="NAME[,NAME...]",
            help="The arrays to import from an .npz file, in this order. Default: all.",
            show_default=False,
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="The samples' keys: a .npy of integers or strings, or text with one key per line.",
            show_default=False,
        ),
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to an existing table.")] = False,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch",
            "-b",
            metavar="NAME",
            help="The branch to commit to. Default: the default branch.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="The commit message."),
    ] = None,
    author: AuthorOption = None,
) -> None:
    """Import arrays from files as the columns of a table, in one commit.

    Several files become several columns of one table: the first axis counts samples and needs
    the same length in all. Files are read in batches, so they can be larger than memory. Nothing
    is unpickled. An interrupted import leaves the branch as it was.

    vstore import fashion train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz --names image,label
    """
    address, paths = _split(url, files or [], settings)
    rows = importers.open_rows(paths, names=_listed(names), select=_listed(select), keys=keys)
    repo = settings.open(address, author=find_author(author))
    chosen = repo.default_branch if branch is None else branch
    said = message or f"Import {', '.join(Path(file).name for file in paths)}"
    label = f"Importing into {printable(table)}"
    with (
        branch_told_on_interrupt(repo, chosen),
        bar_shown(label, total=rows.count, is_quiet=settings.as_json) as advance,
        repo.transaction(chosen, message=said) as tx,
    ):
        found = importers.import_into(tx, table, rows, append=append, on_batch=advance)
    if settings.as_json:
        write_json(_report(repo, chosen, internals(tx).commit_made, rows, found))
    else:
        _show(chosen, internals(tx).commit_made, rows, found)


def _split(first: str | None, rest: list[str], settings: Settings) -> tuple[str | None, list[str]]:
    """Return the repository's address and the files: a repository is never a file itself."""
    if first is None:
        raise typer.BadParameter("name the files to import", param_hint="FILE")
    if settings.repo is not None or Path(first).is_file():
        return None, [first, *rest]
    if not rest:
        problem = "is a directory" if Path(first).is_dir() else "is no file"
        raise InvalidInputError(
            f"{first!r} {problem}", hint="name the files to import, after the URL"
        )
    return first, rest


def _listed(values: Sequence[str] | None) -> list[str] | None:
    """Return the names in repeated options, each of which may hold several."""
    return None if values is None else [name for value in values for name in value.split(",")]


@contextmanager
def branch_told_on_interrupt(repo: "Repository", branch: str) -> Iterator[None]:
    """Say where the branch is after Ctrl-C, which may come while it is being updated."""
    before = internals(repo).refs.find_branch(branch)
    try:
        yield
    except KeyboardInterrupt as stop:
        head = None if before is None else before.commit
        raise type(stop)(_after_interrupt(repo, branch, head)) from None


def _after_interrupt(repo: "Repository", branch: str, head: str | None) -> str:
    try:
        after = internals(repo).refs.find_branch(branch)
    except VstoreError as error:
        return f"look with vstore log whether {branch!r} moved: it could not be read ({error})"
    now = None if after is None else after.commit
    if now != head:
        return f"the branch {branch!r} is at {now}, which another writer or this import committed"
    where = "has no commits" if now is None else f"is still at {now[:SHORT]}"
    return f"nothing was committed, the branch {branch!r} {where}"


def _report(
    repo: "Repository", branch: str, made: "Commit | None", rows: "Rows", found: "Imported"
) -> dict[str, Any]:
    return {
        "url": repo.url,
        "branch": branch,
        "commit": None if made is None else made.id,
        "table": found.table,
        "added": found.added,
        "samples": found.count,
        "columns": {
            name: {"dtype": str(spec.dtype), "shape": spec.shape}
            for name, spec in rows.columns.items()
        },
    }


def _show(branch: str, made: "Commit | None", rows: "Rows", found: "Imported") -> None:
    screen = console()
    if made is None:
        screen.print("The files hold no samples: nothing was committed.")
        return
    subject = printable(made.message.split("\n", 1)[0])
    head = Text.assemble(
        "[", (printable(branch), "bold green"), " ", (made.id[:SHORT], "yellow"), f"] {subject}"
    )
    screen.print(head, soft_wrap=True)
    of = "" if found.count == found.added else f", which now has {found.count:,}"
    counts = f" {found.added:,} samples added to {printable(found.table)}{of}: "
    columns = ", ".join(
        f"{printable(name)} {spec.dtype}{list(spec.shape) if spec.shape else ''}"
        for name, spec in rows.columns.items()
    )
    size = "" if rows.nbytes is None else f"; {format_nbytes(rows.nbytes)}"
    screen.print(Text(f"{counts}{columns}{size}"), soft_wrap=True)
