"""`vstore import`: add the samples in files to a table, in one commit."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vstore.cli.author import find_author
from vstore.cli.commits import SHORT
from vstore.cli.importer_options import split_options
from vstore.cli.output import console, json_text, write_json
from vstore.cli.progress import bar_shown
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.cli.storage_options import parse_options
from vstore.errors import InvalidInputError, VstoreError
from vstore.faces import internals
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore import importers
    from vstore.display import lines
    from vstore.history.commits import Commit
    from vstore.importers import Imported, Skipped, importing
    from vstore.plugins import Rows
    from vstore.repository.repository import Repository
else:
    importers = lazy("vstore.importers")
    importing = lazy("vstore.importers.importing")
    lines = lazy("vstore.display.lines")

app = typer.Typer(add_completion=False)
_PANEL = "Reading the source"
_TOLD = 20
_LOOKED_AT = 5


@app.command(context_settings={"ignore_unknown_options": True})
@command
def import_(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[URL] SOURCE...",
            help="The repository, unless it is --repo or the default one, and what to import: "
            "files, a folder, an archive, a quoted glob, an fsspec URL, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    table: Annotated[
        str, typer.Option("--table", "-t", metavar="PATH", help="The table to add the samples to.")
    ] = "train",
    append: Annotated[bool, typer.Option("--append", help="Add to an existing table.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave samples whose keys the table has.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace samples of the same key if they differ.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="As --replace, but do not read files that have not changed."),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="With --replace or --update: delete samples whose keys the source lacks.",
        ),
    ] = False,
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
    with_: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="IMPORTER",
            help="The importer to use. Default: the one that fits. `vstore plugins` lists them "
            "and their options, which are given like the options here.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--names",
            "--column",
            "-c",
            metavar="NAME[,NAME...]",
            help="Column names, one for each array, in order. Default: derived from the files.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="FILE",
            help='What columns hold, in place of what is inferred: JSON such as {"age": "int8?"}.',
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=0,
            help="Import the first N samples only.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show the columns and the first samples; import nothing.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    on_error: Annotated[
        str,
        typer.Option(
            "--on-error",
            metavar="stop|skip",
            help="Whether an item that cannot be imported stops the import, or is left out.",
            rich_help_panel=_PANEL,
        ),
    ] = "stop",
    max_errors: Annotated[
        int | None,
        typer.Option(
            "--max-errors",
            metavar="N",
            min=0,
            help="With --on-error skip: fail if more than N items are left out.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    errors: Annotated[
        str | None,
        typer.Option(
            "--errors",
            metavar="FILE",
            help="Write each item that is left out, and why, to a file of JSON lines.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    source_option: Annotated[
        list[str] | None,
        typer.Option(
            "--source-option",
            metavar="NAME=VALUE",
            help="An option of the source's filesystem, named as in fsspec (repeatable).",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
) -> None:
    """Import files, a folder or an archive into a table, in one commit.

    An importer recognizes the source by its first bytes. Sources can be larger than memory. An
    interrupted import leaves the branch as it was.

    vstore import fashion train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz --names image,label
    """
    existing = _existing(skip=skip_existing, replace=replace, update=update)
    rest, options = split_options(words or [], with_)
    options |= {} if names is None else {"names": _listed(names)}
    address, sources = _split(rest, settings)
    rows = importers.open_rows(
        importers.open_source(
            sources,
            storage_options=parse_options(source_option or ()),
            schema=None if schema is None else importers.read_schema(schema),
        ),
        with_=with_,
        **options,
    )
    if dry_run:
        _look(rows, settings, _LOOKED_AT if limit is None else limit)
        return
    repo = settings.open(address, author=find_author(author))
    chosen = repo.default_branch if branch is None else branch
    said = message or f"Import {', '.join(_short(source) for source in sources)}"
    label = f"Importing into {printable(table)}"
    with (
        branch_told_on_interrupt(repo, chosen),
        _errors_written(errors, is_quiet=settings.as_json) as on_skip,
        bar_shown(label, total=_total(rows, limit), is_quiet=settings.as_json) as advance,
        repo.transaction(chosen, message=said, metadata={"import": rows.provenance}) as tx,
    ):
        how = importers.ImportOptions(
            append=append,
            existing=existing,  # type: ignore[arg-type]  # it is checked there
            prune=prune,
            on_error=on_error,  # type: ignore[arg-type]  # it is checked there
            max_errors=max_errors,
            limit=limit,
            on_batch=advance,
            on_skip=on_skip,
        )
        found = importers.import_into(tx, table, rows, how)
    if settings.as_json:
        write_json(_report(repo, chosen, internals(tx).commit_made, rows, found))
    else:
        _show(chosen, internals(tx).commit_made, rows, found)


def _existing(**given: bool) -> str:
    chosen = [name for name, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise typer.BadParameter("give one of --skip-existing, --replace and --update")
    return chosen[0] if chosen else "error"


def _split(words: list[str], settings: Settings) -> tuple[str | None, list[str]]:
    """Return the repository's address and the sources: a repository is never a file itself."""
    if not words:
        raise typer.BadParameter("name what to import", param_hint="SOURCE")
    first, *rest = words
    if settings.repo is not None or Path(first).is_file():
        return None, words
    if rest:
        return first, rest
    if _is_repository(first) or not (Path(first).exists() or first == "-" or "*" in first):
        problem = "is a repository" if _is_repository(first) else "is no file"
        raise InvalidInputError(f"{first!r} {problem}", hint="name what to import, after the URL")
    return None, words


def _is_repository(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "vstore.json"))


def _short(source: str) -> str:
    return Path(source.rstrip("/")).name or source


def _listed(values: Sequence[str]) -> list[str]:
    """Return the names in repeated options, each of which may hold several."""
    return [name for value in values for name in value.split(",")]


def _total(rows: "Rows", limit: int | None) -> int | None:
    return rows.count if limit is None or rows.count is None else min(rows.count, limit)


@contextmanager
def _errors_written(path: str | None, *, is_quiet: bool) -> "Iterator[Any]":
    """Yield what takes what is left out: it is shown, and written to a file if there is one."""
    count = 0
    file: IO[str] | None = None
    screen = console(stderr=True)

    def take(left_out: "Skipped") -> None:
        nonlocal count
        count += 1
        if file is not None:
            file.write(json_text(asdict(left_out), is_compact=True) + "\n")
        if count <= _TOLD and not is_quiet:
            said = printable(_one_line(left_out))
            screen.print(Text.assemble(("left out: ", "bold yellow"), said), soft_wrap=True)

    with ExitStack() as stack:
        if path is not None:
            file = stack.enter_context(Path(path).open("w", encoding="utf-8"))
        yield take
    if count > _TOLD and not is_quiet:
        screen.print(f"… and {count - _TOLD:,} more", soft_wrap=True)


def _one_line(left_out: "Skipped") -> str:
    where = left_out.item if left_out.row is None else f"{left_out.item}, row {left_out.row}"
    said = " ".join(left_out.error.split())
    return said if said.startswith(left_out.item) else f"{where}: {said}"


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


def _look(rows: "Rows", settings: Settings, count: int) -> None:
    """Show the columns and the first samples of a source."""
    samples = importing.first_samples(rows, count)
    if settings.as_json:
        columns = _columns(rows)
        write_json({"columns": columns, "keys": rows.keys, "samples": samples})
        return
    screen = console()
    keys = "" if rows.keys is None else f", keys {rows.keys}"
    screen.print(Text(f"columns{keys}:"))
    for name, spec in rows.columns.items():
        screen.print(Text(f"  {printable(name)}: {_typed(spec)}"), soft_wrap=True)
    for sample in samples:
        said = ", ".join(f"{printable(name)} {lines.one_line(v)}" for name, v in sample.items())
        screen.print(Text(said), soft_wrap=True)


def _columns(rows: "Rows") -> dict[str, Any]:
    return {
        name: {"dtype": str(spec.dtype), "shape": spec.shape, "kind": spec.info.kind_name}
        for name, spec in rows.columns.items()
    }


def _typed(spec: Any) -> str:
    kind = spec.info.kind
    optional = "?" if spec.info.optional else ""
    if not kind.is_told_by_dtype:
        mode = "" if spec.info.mode is None else f" {spec.info.mode}"
        return f"{kind.name}{mode}{optional}"
    shape = json.dumps(spec.shape) if spec.shape else ""
    return f"{spec.dtype}{shape}{optional}"


def _report(
    repo: "Repository", branch: str, made: "Commit | None", rows: "Rows", found: "Imported"
) -> dict[str, Any]:
    return {
        "url": repo.url,
        "branch": branch,
        "commit": None if made is None else made.id,
        "table": found.table,
        "added": found.added,
        "replaced": found.replaced,
        "equal": found.equal,
        "removed": found.removed,
        "samples": found.count,
        "columns": _columns(rows),
        "skipped": [asdict(each) for each in found.skipped],
        "ignored": rows.ignored,
    }


def _show(branch: str, made: "Commit | None", rows: "Rows", found: "Imported") -> None:
    screen = console()
    if made is None:
        said = "Nothing changed" if found.equal else "The source holds no samples"
        screen.print(f"{said}: nothing was committed.")
        return
    subject = printable(made.message.split("\n", 1)[0])
    head = Text.assemble(
        "[", (printable(branch), "bold green"), " ", (made.id[:SHORT], "yellow"), f"] {subject}"
    )
    screen.print(head, soft_wrap=True)
    of = "" if found.count == found.added else f", which now has {found.count:,}"
    counts = f" {_counted(found)}{of}: "
    columns = ", ".join(f"{printable(name)} {_typed(spec)}" for name, spec in rows.columns.items())
    screen.print(Text(f"{counts}{columns}"), soft_wrap=True)
    if rows.ignored:
        screen.print(Text(f" {rows.ignored:,} other files left out"), soft_wrap=True)
    if found.skipped:
        screen.print(Text(f" {len(found.skipped):,} left out because of errors"), soft_wrap=True)


def _counted(found: "Imported") -> str:
    """Return what happened to samples, with the table behind what was added."""
    said = [f"{found.added:,} samples added to {printable(found.table)}"]
    others = {"replaced": found.replaced, "removed": found.removed, "unchanged": found.equal}
    return ", ".join([*said, *(f"{count:,} {name}" for name, count in others.items() if count)])
