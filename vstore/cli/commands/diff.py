"""`vstore diff`: show the differences between two commits."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

import vstore
from vstore.cli.changes import change_line
from vstore.cli.output import console, write_document
from vstore.cli.paging import print_all
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.diffing import text as diff_text
    from vstore.repository.repository import Repository
else:
    diff_text = lazy("vstore.diffing.text")

app = typer.Typer(add_completion=False)

DIFFERENT = 1

_STYLES = {"added": "green", "removed": "red", "changed": "cyan", "moved": "magenta"}


@app.command()
@command
def diff(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    old: TargetArgument = None,
    new: Annotated[
        str | None,
        typer.Argument(
            metavar="NEW",
            help="The revision to compare with. Default: the head of the default branch.",
            show_default=False,
        ),
    ] = None,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Show only differences at or below these paths.",
            show_default=False,
        ),
    ] = None,
    *,
    stat: Annotated[
        bool,
        typer.Option(
            "--stat",
            help="Add statistics of the changed values: the greatest and the mean difference, and "
            "histograms. Reads the samples that changed.",
        ),
    ] = False,
    values: Annotated[
        bool,
        typer.Option(
            "--values",
            help="Add the old and the new value of each sample that differs; large values and "
            "files as digests.",
        ),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything differs, as git diff does.")
    ] = False,
) -> None:
    """Show the differences between two commits, by sample.

    TARGET is the older commit or a range: a..b means the same as a b, and a...b shows what b
    changed since the two diverged. After a range, paths follow directly. Without TARGET, shows
    what the last commit changed.

    vstore diff fashion@v1 main train/label --stat
    vstore diff fashion@v1 main train/label --values
    vstore diff fashion@main...labels
    """
    repo, revision = settings.open_target(old, None)
    wanted = list(paths or ())
    if revision is not None and ".." in revision and new is not None:
        wanted, new = [new, *wanted], None
    found = _compared(repo, revision, new)
    if wanted:
        found = found.at(*wanted)
    if settings.as_json:
        document = _json(found, with_statistics=stat)
        if values:
            document["values"] = [change.to_dict() for change in found.changes()]
        write_document("diff", document)
    else:
        _show(found, with_statistics=stat)
        print_all(map(change_line, found.changes() if values else ()), console())
    if exit_code and found:
        raise typer.Exit(DIFFERENT)


def _compared(repo: "Repository", old: str | None, new: str | None) -> "vstore.Diff":
    if old is not None:
        return repo.diff(old, new)
    head = repo.checkout(new)
    parents = head.commit.parents
    return vstore.Diff(repo.checkout(parents[0]) if parents else None, head)


def _json(diff: "vstore.Diff", *, with_statistics: bool) -> dict[str, Any]:
    document = diff.to_dict()
    if with_statistics:
        for entry in document["tables"]:
            found = diff.tables[entry["path"]].statistics()
            entry["statistics"] = {name: each.to_dict() for name, each in found.items()}
        for entry in document["arrays"]:
            moved = diff.arrays[entry["path"]].statistics()
            entry["statistics"] = None if moved is None else moved.to_dict()
    return document


def _show(diff: "vstore.Diff", *, with_statistics: bool) -> None:
    screen = console()
    statistics = _statistics(diff) if with_statistics else {}
    for line in diff.lines():
        place, _, rest = line.partition(": ")
        style = next((style for word, style in _STYLES.items() if word in rest), "")
        text = Text.assemble((printable(place), "bold"), ": ", (printable(rest), style))
        screen.print(text, soft_wrap=True)
        if " changed" in rest or rest.startswith("changed"):
            measured = statistics.pop(place, None)
            if measured is not None:
                screen.print(Text(f"    {measured}"), soft_wrap=True)


def _statistics(diff: "vstore.Diff") -> dict[str, str]:
    found: dict[str, str] = {}
    for path, table in diff.tables.items():
        for name, each in table.statistics().items():
            found[f"{path}/{name}"] = diff_text.statistics_line(each)
    for path, array in diff.arrays.items():
        moved = array.statistics()
        if moved is not None:
            found[path] = diff_text.statistics_line(moved)
    return found
