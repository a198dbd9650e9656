"""`vstore fetch-data`: bring data here that a remote promised."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vstore
from vstore.cli.output import write_document
from vstore.cli.progress import steps_shown
from vstore.cli.sample_key import parse_key
from vstore.cli.selection import parse_index
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.errors import InvalidInputError, NotFoundError
from vstore.wording import format_nbytes, plural

if TYPE_CHECKING:
    from vstore.format.table.sample_keys import SampleKey
    from vstore.partial.fetching import FetchedData

app = typer.Typer(add_completion=False)

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@app.command()
@command
def fetch_data(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument = None,
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PATH",
            help="A group, table, column or array (repeatable). Default: everything.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(
            "--samples",
            metavar="INDEX",
            help="Samples of the table or column: 17, 10:20, ::100, [3,5].",
            show_default=False,
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="A file with the keys of samples, one a line.",
            show_default=False,
        ),
    ] = None,
    all_history: Annotated[
        bool, typer.Option("--all-history", help="Bring what all ancestors have there, too.")
    ] = False,
    limit: Annotated[
        str | None,
        typer.Option(
            "--limit",
            metavar="SIZE",
            help="Bring at most this much, as 500MB or 10GB.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Bring data here that is at a remote, and keep it.

    A repository may hold only a part of its data and read the rest from the remote that has it.
    What this command brought is read from disk, also with --offline. What is here already is
    not brought again, so that an interrupted command goes on where it was.

    vstore fetch-data stamps --only stamps/label
    vstore fetch-data -R stamps --only stamps --samples 0:1000
    """
    repo, revision = settings.open_target(target)
    left, done = _size(limit), []
    for path in only or [""]:
        with steps_shown(is_quiet=settings.is_quiet) as show:
            found = repo.fetch_data(
                path,
                samples=None if samples is None else parse_index(samples),
                keys=None if keys is None else _keys(repo, revision, path, keys),
                revision=revision,
                all_history=all_history,
                limit=left,
                progress=show,
            )
        left = None if left is None else max(0, left - found.nbytes)
        done.append((path, found))
    if settings.as_json:
        write_document("fetch-data", [{"path": path, **found.to_dict()} for path, found in done])
    elif not settings.quiet:
        for path, found in done:
            typer.echo(_line(path, found))


def _line(path: str, found: "FetchedData") -> str:
    line = f"{path or 'everything'}: {plural(found.fetched.objects, 'chunk')} fetched"
    line += f" ({format_nbytes(found.nbytes)} stored), {found.here.objects:,} here already"
    if found.left.objects:
        line += f", {found.left.objects:,} left out ({format_nbytes(found.left.nbytes)})"
    return line


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a size, like 10GB", param_hint="--limit")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def _keys(
    repo: "vstore.Repository", revision: str | None, path: str, file: Path
) -> "list[SampleKey]":
    snapshot = repo.checkout(revision)
    found = snapshot[path] if path else None
    if not isinstance(found, vstore.Table):
        found = snapshot.table(path.strip("/").rpartition("/")[0])
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {str(file)!r}", code="file-not-found") from None
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInputError(f"the keys in {str(file)!r} cannot be read: {exc}") from exc
    return [parse_key(line, found.key_kind, path=path) for line in lines if line]
