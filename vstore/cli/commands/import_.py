"""`vstore import`: add the samples in files to a table, or their arrays to a group."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from vstore.cli import import_options as its
from vstore.cli.author import find_author
from vstore.cli.branch_updates import BranchOption, MessageOption
from vstore.cli.import_running import Running
from vstore.cli.import_sources import short_name, split_sources
from vstore.cli.importer_options import split_options
from vstore.cli.metadata import MetadataOption, parse_metadata
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.cli.storage_options import parse_options
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore import importers
    from vstore.cli import import_looks
    from vstore.importers import hierarchy
else:
    importers = lazy("vstore.importers")
    hierarchy = lazy("vstore.importers.hierarchy")
    import_looks = lazy("vstore.cli.import_looks")

app = typer.Typer(add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True})
@command
def import_(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    words: its.SourceWords = None,
    *,
    table: its.TableOption = None,
    into: its.IntoOption = None,
    append: its.AppendOption = False,
    skip_existing: its.SkipExistingOption = False,
    replace: its.ReplaceOption = False,
    update: its.UpdateOption = False,
    checksum: its.ChecksumOption = False,
    prune: its.PruneOption = False,
    branch: BranchOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    metadata: MetadataOption = None,
    with_: its.WithOption = None,
    names: its.NamesOption = None,
    rename: its.RenameOption = None,
    schema: its.SchemaOption = None,
    limit: its.LimitOption = None,
    dry_run: its.DryRunOption = False,
    on_error: its.OnErrorOption = "stop",
    max_errors: its.MaxErrorsOption = None,
    errors: its.ErrorsOption = None,
    resume: its.ResumeOption = None,
    processes: its.ProcessesOption = 0,
    source_option: its.SourceOption = None,
) -> None:
    """Import files, a folder or an archive into a table, in one commit.

    An importer recognizes the source by its first bytes. Groups and arrays of Zarr, HDF5 and
    NetCDF are imported as they are, or with --table as a table. Sources can be larger than
    memory. An interrupted import leaves the branch as it was.

    vstore import fashion train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz --names image,label
    """
    existing = _existing(skip=skip_existing, replace=replace, update=update)
    rest, options = split_options(words or [], with_)
    options |= {} if names is None else {"names": _listed(names)}
    address, sources = split_sources(rest, settings)
    source = importers.open_source(
        sources,
        storage_options=parse_options(source_option or ()),
        schema=None if schema is None else importers.read_schema(schema),
    )
    open_it = importers.open_as_it_is if table is None else importers.open_rows
    found = open_it(source, with_=with_, rename=_renaming(rename or ()), **options)
    if dry_run:
        import_looks.look(found, limit=limit, as_json=settings.as_json)
        return
    repo = settings.open(address, author=find_author(author))
    running = Running(
        repo,
        repo.default_branch if branch is None else branch,
        message or f"Import {', '.join(map(short_name, sources))}",
        parse_metadata(metadata),
        errors,
        settings.as_json,
    )
    given = {"on_error": on_error, "existing": existing}
    more = {
        "append": append,
        "checksum": checksum,
        "prune": prune,
        "limit": limit,
        "max_errors": max_errors,
        "resume": resume,
        "processes": processes,
    }
    if isinstance(found, hierarchy.Hierarchy):
        _refuse_for_hierarchies(more | {"processes": processes or None})
        running.hierarchy(found, into or "", given)
        return
    if into is not None:
        raise typer.BadParameter("--into is for Zarr, HDF5 and NetCDF; --table says which table")
    running.rows(found, table or "train", given | more)


def _existing(**given: bool) -> str:
    chosen = [name for name, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise typer.BadParameter("give one of --skip-existing, --replace and --update")
    return chosen[0] if chosen else "error"


def _refuse_for_hierarchies(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None and value is not False:
            raise typer.BadParameter(
                f"--{name.replace('_', '-')} is for samples of a table: give --table"
            )


def _renaming(given: Sequence[str]) -> dict[str, str]:
    """Return new names by old ones; only the last = divides them."""
    parts = [each.rpartition("=") for each in given]
    if not all(old and new for old, _, new in parts):
        raise typer.BadParameter("--rename takes OLD=NEW, such as --rename 'km/h=speed'")
    return {old: new for old, _, new in parts}


def _listed(values: Sequence[str]) -> list[str]:
    """Return the names in repeated options, each of which may hold several."""
    return [name for value in values for name in value.split(",")]
