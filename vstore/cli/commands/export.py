"""`vstore export`: write samples as files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstore.cli.commits import SHORT
from vstore.cli.importer_options import split_words
from vstore.cli.output import console, write_document
from vstore.cli.progress import bar_shown
from vstore.cli.sample_key import parse_key
from vstore.cli.selection import parse_index
from vstore.cli.settings import Revision, Settings, command
from vstore.cli.storage_options import parse_options
from vstore.errors import InvalidInputError
from vstore.lazy import lazy
from vstore.wording import format_nbytes, printable

if TYPE_CHECKING:
    from vstore import exporters
    from vstore.exporters import exporting
    from vstore.plugins import ExportRows
    from vstore.reading.snapshot import Snapshot
else:
    exporters = lazy("vstore.exporters")
    exporting = lazy("vstore.exporters.exporting")

app = typer.Typer(add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True})
@command
def export(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[TARGET] PATH DEST",
            help="The repository and revision, unless it is --repo or the default one; a table, "
            "column or array; and where to: a file whose suffix says the format (.csv, .jsonl, "
            ".npy, .npz, .parquet, .feather, .txt, .tar, .zarr), a folder for images, sounds and "
            "bytes, an fsspec URL, or - for standard output.",
            show_default=False,
        ),
    ],
    *,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            "-c",
            metavar="NAME[,NAME...]",
            help="The columns to export, in this order. Default: all.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(
            "--samples",
            metavar="INDEX",
            help="The samples to export, indexed as in NumPy: 10:20, ::100, [3,5].",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", "-k", metavar="KEY", help="Export the sample with this key (repeatable)."
        ),
    ] = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="EXPORTER",
            help="The exporter to use. Default: by the suffix. `vstore plugins` lists them and "
            "their options, which are given like the options here.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", help="Replace what is at DEST, in a folder file by file."),
    ] = False,
    dest_option: Annotated[
        list[str] | None,
        typer.Option(
            "--dest-option",
            metavar="NAME=VALUE",
            help="An option of the filesystem of DEST, named as in fsspec (repeatable).",
            show_default=False,
        ),
    ] = None,
    rev: Revision = None,
) -> None:
    """Write a table, a column or an array as files: images, CSV, Parquet and more.

    All of it is written, or nothing. Files of images and sounds are equal to those that were
    imported. A format that would not give samples back as they are refuses them.

    vstore export s3://bucket/fashion@v1 train train.parquet
    vstore export s3://bucket/fashion train - --columns label --samples :10 --with csv
    """
    target, path, to, options = _parts(words, with_)
    if to == "-" and settings.as_json:
        raise InvalidInputError("standard output cannot have both the export and --json")
    repo, revision = settings.open_target(target, rev)
    snapshot = repo.checkout(revision)
    rows = _selected(snapshot, path, columns, samples, key)
    is_quiet = settings.as_json or to == "-"
    with bar_shown(f"Exporting {printable(path)}", total=len(rows), is_quiet=is_quiet) as advance:
        found = exporters.export(
            replace(rows, on_batch=advance),
            typer.get_binary_stream("stdout") if to == "-" else to,
            with_=with_,
            options=options,
            force=force,
            storage_options=parse_options(dest_option or ()),
        )
    if settings.as_json:
        made = {"path": found.path, "commit": snapshot.commit.id, "files": found.files}
        write_document("export", {**made, "samples": found.samples, "nbytes": found.nbytes})
    elif to != "-":
        files = "1 file" if found.files == 1 else f"{found.files:,} files"
        said = (
            f"{found.samples:,} samples of {path} at {snapshot.commit.id[:SHORT]} in {found.path}: "
            f"{files}, {format_nbytes(found.nbytes)}"
        )
        console().print(printable(said), markup=False, soft_wrap=True)


def _parts(
    words: Sequence[str], exporter: str | None
) -> tuple[str | None, str, str, dict[str, Any]]:
    """Return the target, the path, where to, and the options of the exporter."""
    whose = "exporter" if exporter is None else f"exporter {exporter!r}"
    rest, options = split_words(words, lambda: exporting.known_options(exporter), whose)
    if len(rest) not in (2, 3):
        raise typer.BadParameter("name a table, column or array, and where to export it")
    return (rest[0] if len(rest) == 3 else None), rest[-2], rest[-1], options


def _selected(
    snapshot: "Snapshot",
    path: str,
    columns: Sequence[str] | None,
    samples: str | None,
    keys: Sequence[str] | None,
) -> "ExportRows":
    node = snapshot[path]
    if not hasattr(node, "metadata") and not hasattr(node, "columns"):
        raise InvalidInputError(
            f"{path!r} is a group", hint="export the tables and arrays in it one by one"
        )
    names = None if columns is None else [each for part in columns for each in part.split(",")]
    kind = getattr(node, "key_kind", None)
    return exporters.select(
        node,
        columns=names,
        samples=None if samples is None else parse_index(samples),
        keys=None if not keys else [parse_key(key, kind, path=path) for key in keys],
    )
