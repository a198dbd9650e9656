"""The options of `vstore import`."""

from typing import Annotated

import typer

_PANEL = "Reading the source"

SourceWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[URL] SOURCE...",
        help="The repository, unless it is --repo or the default one, and what to import: "
        "files, a folder, an archive, a quoted glob, an fsspec URL, or - for standard input.",
        show_default=False,
    ),
]
TableOption = Annotated[
    str | None,
    typer.Option(
        "--table",
        "-t",
        metavar="PATH",
        help="The table to add samples to. Default: train; Zarr, HDF5 and NetCDF are imported "
        "as they are unless this is given.",
        show_default=False,
    ),
]
IntoOption = Annotated[
    str | None,
    typer.Option(
        "--into",
        metavar="GROUP",
        help="The group to put the groups and arrays of a source into. Default: the root.",
        show_default=False,
    ),
]
AppendOption = Annotated[bool, typer.Option("--append", help="Add to an existing table.")]
SkipExistingOption = Annotated[
    bool, typer.Option("--skip-existing", help="Leave samples whose keys the table has.")
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace samples of the same key if they differ.")
]
UpdateOption = Annotated[
    bool,
    typer.Option("--update", help="As --replace, but do not read files that have not changed."),
]
ChecksumOption = Annotated[
    bool,
    typer.Option(
        "--checksum",
        help="Know files by their contents, also if size and time are the same: each is read.",
    ),
]
PruneOption = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="With --replace or --update: delete samples whose keys the source lacks.",
    ),
]
WithOption = Annotated[
    str | None,
    typer.Option(
        "--with",
        metavar="IMPORTER",
        help="The importer to use. Default: the one that fits. `vstore plugins` lists them "
        "and their options, which are given like the options here.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
NamesOption = Annotated[
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
]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        metavar="OLD=NEW",
        help="Rename a column of the source (repeatable).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help='What columns hold, in place of what is inferred: JSON such as {"age": "int8?"}.',
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=0,
        help="Import the first N samples only.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Show the columns and the first samples; import nothing.",
        rich_help_panel=_PANEL,
    ),
]
OnErrorOption = Annotated[
    str,
    typer.Option(
        "--on-error",
        metavar="stop|skip",
        help="Whether an item that cannot be imported stops the import, or is left out.",
        rich_help_panel=_PANEL,
    ),
]
MaxErrorsOption = Annotated[
    int | None,
    typer.Option(
        "--max-errors",
        metavar="N",
        min=0,
        help="With --on-error skip: fail if more than N items are left out.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
ErrorsOption = Annotated[
    str | None,
    typer.Option(
        "--errors",
        metavar="FILE",
        help="Write what is left out, and why, as JSON lines.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
ResumeOption = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="FILE",
        help="Keep a journal there: the same command goes on where this one was stopped.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
ProcessesOption = Annotated[
    int,
    typer.Option(
        "--processes",
        metavar="N",
        min=0,
        help="Read items in N processes, in place of threads.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source-option",
        metavar="NAME=VALUE",
        help="An option of the source's filesystem, named as in fsspec (repeatable).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
