"""`vstore export-refs`: write a reference file that zarr and xarray read without vstore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import console, write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command
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
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The reference file to write."),
    ],
    group: Annotated[
        str,
        typer.Option(
            "--group", "-g", metavar="PATH", help="Export only this group or table, as the root."
        ),
    ] = "",
    rev: Revision = None,
) -> None:
    """Write a reference file, so that zarr and xarray read a commit without vstore.

    The file is a kerchunk reference file (version 1, JSON). It says where in the repository
    each chunk is. No data is copied, so the file is valid for as long as the commit is kept.

    vstore export-refs s3://bucket/fashion@v1 --output fashion.json
    vstore export-refs s3://bucket/fashion --group climate --output climate.json
    """
    repo, revision = settings.open_target(target, rev)
    snapshot = repo.checkout(revision)
    count = exporters.export_refs(snapshot, output, group=group)
    said = exporters.notes(snapshot, group=group)
    if settings.as_json:
        write_document(
            "export-refs",
            {"file": str(output), "commit": snapshot.commit.id, "keys": count, "notes": said},
        )
        return
    typer.echo(f"{count} keys of {snapshot.commit.id} in {output}")
    for line in said:
        console(stderr=True).print(f"note: {printable(line)}", markup=False, soft_wrap=True)
