"""`vstore export-refs`: a reference file with which zarr and xarray read without vstore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import console, printable, write_json
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.lazy import lazy

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
        typer.Option("--group", "-g", metavar="PATH", help="Only this group or table, as root."),
    ] = "",
    rev: Revision = None,
) -> None:
    """Write a reference file, with which zarr and xarray read a commit without vstore.

    The file, a kerchunk reference file of version 1 in JSON, says where in the repository each
    chunk lies. Nothing is copied: it holds for as long as the commit is kept.
    """
    repo, revision = settings.open_target(target, rev)
    snapshot = repo.checkout(revision)
    count = exporters.export_refs(snapshot, output, group=group)
    said = exporters.notes(snapshot, group=group)
    if settings.as_json:
        write_json(
            {"file": str(output), "commit": snapshot.commit.id, "keys": count, "notes": said}
        )
        return
    typer.echo(f"{count} keys of {snapshot.commit.id} in {output}")
    for line in said:
        console(stderr=True).print(f"note: {printable(line)}", markup=False, soft_wrap=True)
