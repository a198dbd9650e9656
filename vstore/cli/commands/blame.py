"""`vstore blame`: show which commit last changed a sample."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from vstore.cli.changes import key_text
from vstore.cli.commits import SHORT, commit_json, subject
from vstore.cli.output import console, write_document
from vstore.cli.paging import print_all
from vstore.cli.sample_key import find_table, keys_below, parse_key
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.wording import printable

if TYPE_CHECKING:
    import vstore

app = typer.Typer(add_completion=False)


@app.command()
@command
def blame(
    settings: Settings,
    target: TargetArgument,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A table, or a column of one.")],
    sample: Annotated[
        str | None,
        typer.Argument(
            metavar="SAMPLE",
            help="The sample's key, or its position in a table without keys. Tuples are JSON; "
            "the beginning of one selects all samples below it.",
            show_default=False,
        ),
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Show each sample of the table or column.")
    ] = False,
) -> None:
    """Show which commit last changed a sample, or each sample.

    One sample is shown column by column; with --all, the last change in any column counts.

    vstore blame fashion train shoe-17
    vstore blame fashion@v1 train/label --all
    """
    repo, revision = settings.open_target(target, None)
    if every == (sample is not None):
        raise typer.BadParameter("give either a SAMPLE or --all")
    if sample is None:
        _show_all(settings, repo.blame_all(path, revision=revision), path)
        return
    snapshot = repo.checkout(revision)
    table = find_table(snapshot, path)
    key = parse_key(sample, table.key_kind, path=table.path)
    path = path.strip("/")
    names = [path] if path != table.path else [f"{path}/{name}" for name in table.columns]
    found = {name: repo.blame(name, key, revision=snapshot.commit.id) for name in names}
    has_several = any(isinstance(blamed, list) for blamed in found.values())
    keys = keys_below(table, key) if has_several else []
    if settings.as_json:
        write_document("blame", {name: _as_json(blamed, keys) for name, blamed in found.items()})
        return
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for name, blamed in found.items():
        for i, commit in enumerate(blamed if isinstance(blamed, list) else [blamed]):
            grid.add_row(Text(printable(name), "bold"), *_cells(commit, keys[i : i + 1]))
    console().print(grid)


def _show_all(settings: Settings, found: "vstore.Blame", path: str) -> None:
    if settings.as_json:
        commits = [commit_json(commit) for commit in found.commits]
        samples = [{"key": key, "commit": commit.id} for key, commit in found]
        document = {"path": path.strip("/"), "commits": commits, "samples": samples}
        write_document("blame ALL", document)
        return
    lines = (
        Text("  ").join([Text(printable(key_text(key)), "bold"), *_cells(commit, [])])
        for key, commit in found
    )
    print_all(lines, console())


def _as_json(blamed: Any, keys: list[Any]) -> Any:
    if not isinstance(blamed, list):
        return commit_json(blamed)
    return [{"key": key, **commit_json(each)} for key, each in zip(keys, blamed, strict=True)]


def _cells(commit: "vstore.Commit", keys: list[Any]) -> list[Text]:
    return [
        *(Text(printable(str(key))) for key in keys),
        Text(commit.id[:SHORT], "yellow"),
        Text(f"{commit.time:%Y-%m-%d}"),
        Text(printable(commit.author.name)),
        Text(subject(commit), overflow="ellipsis", no_wrap=True),
    ]
