"""`vstore export-refs`: write a reference file that zarr and xarray read without vstore."""

from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import console, write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.cli.storage_options import parse_options
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore import exporters
else:
    exporters = lazy("vstore.exporters")

app = typer.Typer(add_completion=False)


@app.command("export-refs")
@command
def export(
    settings: Settings,
    target: TargetArgument = None,
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="What to write: a path or an fsspec URL that ends in .json or .parquet.",
        ),
    ],
    group: Annotated[
        str,
        typer.Option(
            "--group", "-g", metavar="PATH", help="Export only this group or table, as the root."
        ),
    ] = "",
    output_option: Annotated[
        list[str] | None,
        typer.Option(
            "--output-option",
            metavar="NAME=VALUE",
            help="An option of the filesystem of FILE, named as in fsspec (repeatable).",
            show_default=False,
        ),
    ] = None,
    rev: Revision = None,
) -> None:
    """Write a reference file, so that zarr and xarray read a commit without vstore.

    The file is a kerchunk reference file. It says where in the repository each chunk is. No data
    is copied, so the file is valid for as long as the commit is kept. One that ends in .json is
    a document of version 1, and replaces what is there. One that ends in .parquet is a new
    folder of Parquet files, of which readers load only the parts that they need.

    vstore export-refs s3://bucket/fashion@v1 --output fashion.json
    vstore export-refs s3://bucket/fashion --group climate --output s3://bucket/climate.parquet
    """
    repo, revision = settings.open_target(target, rev)
    snapshot = repo.checkout(revision)
    options = parse_options(output_option or ())
    count = exporters.export_refs(snapshot, output, group=group, storage_options=options)
    said = exporters.notes(snapshot, group=group)
    if settings.as_json:
        write_document(
            "export-refs",
            {"file": output, "commit": snapshot.commit.id, "keys": count, "notes": said},
        )
        return
    typer.echo(f"{count} keys of {snapshot.commit.id} in {output}")
    for line in said:
        console(stderr=True).print(f"note: {printable(line)}", markup=False, soft_wrap=True)
