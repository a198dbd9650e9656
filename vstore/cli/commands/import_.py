"""`vstore import`: arrays from files become the columns of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from rich.text import Text

from vstore.cli.author import find_author
from vstore.cli.commits import SHORT
from vstore.cli.output import console, printable, write_json
from vstore.cli.progress import tracked
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.errors import (
    AlreadyExistsError,
    InvalidInputError,
    NotFoundError,
    VstoreError,
)
from vstore.history.commits import Commit
from vstore.importers import (
    ArraySource,
    column_specs,
    name_columns,
    open_arrays,
    read_batches,
    read_keys,
)
from vstore.reading.summary import format_nbytes
from vstore.repository.repository import Repository
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_table import TransactionTable

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What is to be imported, its headers read, and where it is to go."""

    columns: dict[str, ArraySource]
    keys: NDArray[Any] | None
    table: str
    append: bool

    @property
    def samples(self) -> int:
        """How many samples the files hold."""
        return len(next(iter(self.columns.values())))

    @property
    def nbytes(self) -> int:
        """The size of all arrays in memory."""
        return sum(source.nbytes for source in self.columns.values())


@app.command()
@command
def import_(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="The repository; leave it out for the default one, or with --repo.",
            show_default=False,
        ),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="IDX or .npy, plain or in gzip, or .npz.",
            show_default=False,
        ),
    ] = None,
    *,
    table: Annotated[
        str, typer.Option("--table", "-t", metavar="PATH", help="The table that takes the samples.")
    ] = "train",
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--names",
            "--column",
            "-c",
            metavar="NAME[,NAME...]",
            help="The columns' names, one for each array in order; else what the files suggest.",
            show_default=False,
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="NAME[,NAME...]",
            help="The arrays to take from an .npz file, in this order; else all.",
            show_default=False,
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="The samples' keys: a .npy of integers or strings, or text with a key per line.",
            show_default=False,
        ),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add to a table that is there already.")
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch",
            "-b",
            metavar="NAME",
            help="The branch to commit to; else the default branch.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="What the commit says."),
    ] = None,
    author: AuthorOption = None,
) -> None:
    """Import arrays from files as the columns of a table, in one commit.

    Several files give a table of several columns: the first axis counts samples and is equally
    long in all. Files are read in batches, so that they may be larger than memory; nothing is
    unpickled. Interrupted, the import leaves the branch as it was.

    vstore import fashion train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz --names image,label
    """
    address, paths = _split(url, files or [], settings)
    sources = [source for file in paths for source in open_arrays(file, select=_listed(select))]
    work = Import(
        columns=name_columns(sources, _listed(names)),
        keys=None if keys is None else read_keys(keys),
        table=table,
        append=append,
    )
    repo = settings.open(address, author=find_author(author))
    chosen = repo.default_branch if branch is None else branch
    said = message or f"Import {', '.join(Path(file).name for file in paths)}"
    made, total = _import(repo, chosen, said, work, settings)
    if settings.as_json:
        write_json(_report(repo, chosen, made, work, total))
    else:
        _show(chosen, made, work, total)


def _split(first: str, rest: list[str], settings: Settings) -> tuple[str | None, list[str]]:
    """Tell the repository from the files: a repository is never a file itself."""
    if settings.repo is not None or Path(first).is_file():
        return None, [first, *rest]
    if not rest:
        problem = "is a directory" if Path(first).is_dir() else "is no file"
        raise InvalidInputError(f"{first!r} {problem}: name the files to import, behind the URL")
    return first, rest


def _listed(values: Sequence[str] | None) -> list[str] | None:
    """Return the names in repeated options, each of which may hold several."""
    return None if values is None else [name for value in values for name in value.split(",")]


def _import(
    repo: Repository, branch: str, message: str, work: Import, settings: Settings
) -> tuple[Commit | None, int]:
    """Commit the import; return the commit, None where nothing changed, and the table's length."""
    before = repo.refs.find_branch(branch)
    if before is None and branch != repo.default_branch:
        raise NotFoundError(
            f"there is no branch {branch!r} in {repo.url}: make it with vstore branch create "
            f"{branch}"
        )
    head = None if before is None else before.commit
    try:
        with repo.transaction(branch, message=message) as tx:
            table = _table(tx, work)
            _fill(table, work, _keys_for(table, work.keys), is_quiet=settings.as_json)
            total = len(table)
    except KeyboardInterrupt as stop:
        raise type(stop)(_after_interrupt(repo, branch, head)) from None
    return tx.commit_made, total


def _table(tx: Transaction, work: Import) -> TransactionTable:
    path = work.table
    if not work.append:
        if path in tx:
            raise AlreadyExistsError(
                f"there is something at {path!r} already: add to a table with --append, or choose "
                "another --table"
            )
        return tx.create_table(path, column_specs(work.columns), keys=_key_kind(work.keys))
    if path not in tx:
        raise NotFoundError(f"there is no table {path!r} to append to: leave --append out")
    found = tx[path]
    if not isinstance(found, TransactionTable):
        raise InvalidInputError(f"{path!r} is no table: samples cannot be added to it")
    return found


def _key_kind(keys: NDArray[Any] | None) -> Literal["int", "str"] | None:
    if keys is None:
        return None
    return "str" if keys.dtype.kind == "O" else "int"


def _keys_for(table: TransactionTable, keys: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return the keys as the table names its samples: lines of text may be integers."""
    kind = None if table.node.table is None else table.node.table.keys
    if keys is None or kind == _key_kind(keys):
        return keys
    if kind is None:
        raise InvalidInputError(f"the samples of {table.path!r} have no keys: leave --keys out")
    try:
        return np.array([int(key) for key in keys], np.int64) if kind == "int" else keys
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"the keys of {table.path!r} are integers of 64 bits; those in --keys are not"
        ) from None


def _fill(
    table: TransactionTable, work: Import, keys: NDArray[Any] | None, *, is_quiet: bool
) -> None:
    batches = read_batches(work.columns, keys=keys)
    counted = ((len(next(iter(batch.values()))), batch) for batch in batches)
    label = f"Importing into {printable(work.table)}"
    table.extend(tracked(counted, total=work.samples, label=label, is_quiet=is_quiet))


def _after_interrupt(repo: Repository, branch: str, head: str | None) -> str:
    """Say where the branch stands: an interrupt may come while its move is under way."""
    try:
        after = repo.refs.find_branch(branch)
    except VstoreError as error:
        return f"look with vstore log whether {branch!r} moved: it could not be read ({error})"
    now = None if after is None else after.commit
    if now != head:
        return f"the branch {branch!r} is at {now}, which another writer or this import committed"
    where = "has no commits" if now is None else f"is still at {now[:SHORT]}"
    return f"nothing was committed, the branch {branch!r} {where}"


def _report(
    repo: Repository, branch: str, made: Commit | None, work: Import, total: int
) -> dict[str, Any]:
    return {
        "url": repo.url,
        "branch": branch,
        "commit": None if made is None else made.id,
        "table": work.table,
        "added": work.samples,
        "samples": total,
        "columns": {
            name: {
                "dtype": str(source.dtype),
                "shape": source.shape[1:],
                "file": str(source.content),
            }
            for name, source in work.columns.items()
        },
    }


def _show(branch: str, made: Commit | None, work: Import, total: int) -> None:
    screen = console()
    if made is None:
        screen.print("The files hold no samples: nothing was committed.")
        return
    subject = printable(made.message.split("\n", 1)[0])
    head = Text.assemble(
        "[", (printable(branch), "bold green"), " ", (made.id[:SHORT], "yellow"), f"] {subject}"
    )
    screen.print(head, soft_wrap=True)
    of = "" if total == work.samples else f", which now has {total:,}"
    counts = f" {work.samples:,} samples added to {printable(work.table)}{of}: "
    columns = ", ".join(
        f"{printable(name)} {source.dtype}{list(source.shape[1:]) if source.shape[1:] else ''}"
        for name, source in work.columns.items()
    )
    screen.print(Text(f"{counts}{columns}; {format_nbytes(work.nbytes)}"), soft_wrap=True)
