"""`vstore show`: show a commit, or what is at a path of it."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

import vstore
from vstore.cli.completion import complete_path
from vstore.cli.output import console, write_document
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.errors import InvalidInputError, NotFoundError, advise
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import commits, description, sample_key, samples, selection
    from vstore.cli.description import Node
    from vstore.history.commits import Commit
    from vstore.reading.snapshot import Snapshot
    from vstore.repository.repository import Repository
else:
    commits = lazy("vstore.cli.commits")
    description = lazy("vstore.cli.description")
    sample_key = lazy("vstore.cli.sample_key")
    samples = lazy("vstore.cli.samples")
    selection = lazy("vstore.cli.selection")

app = typer.Typer(add_completion=False)

_HEAD = 5


@app.command()
@command
def show(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument = None,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH",
            help="A table, column, array or group: train, train/image.",
            show_default=False,
            autocompletion=complete_path,
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Argument(
            metavar="INDEX",
            help="Samples, indexed as in NumPy: 17, 10:20, ::100, [3,5]; -- -1 for the last.",
            show_default=False,
        ),
    ] = None,
    *,
    key: Annotated[
        str | None,
        typer.Option("--key", "-k", metavar="KEY", help="Show the sample with this key."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", "-n", metavar="N", min=1, help="Print at most this many samples."),
    ] = 20,
    rev: Revision = None,
) -> None:
    """Show a commit, a table, a column or some samples.

    Without a path, shows the commit; with a path, what is there; with an index, the values.
    Images are drawn on a terminal. With --json, arrays are written whole, as nested lists.

    vstore show fashion@v1 train 10:20
    vstore show fashion train/image 17,10:18,10:18 --json
    """
    repo, revision = settings.open_target(target, rev)
    if path is None:
        with _path_advised(revision, target):
            commit = repo.commit(revision)
        _show_commit(repo, commit, settings)
        return
    snapshot = repo.checkout(revision)
    found = snapshot[path]
    picked = selection.parse_index(index) if index is not None else None
    if key is not None:
        picked = _position(snapshot, path, key, index)
    path = path.strip("/")
    if settings.as_json:
        _write_json(found, path, picked)
    else:
        _show(found, path, picked, limit)


@contextmanager
def _path_advised(revision: str | None, target: str | None) -> Iterator[None]:
    """Say where a path goes if the only argument is no revision: it may be one."""
    try:
        yield
    except NotFoundError as error:
        if target is not None and target == revision:
            advise(error, f"a path comes second: `vstore show @ {shlex.quote(target)}`")
        raise


def _show_commit(repo: "Repository", commit: "Commit", settings: Settings) -> None:
    if settings.as_json:
        write_document("show", commits.commit_json(commit))
        return
    screen = console()
    names = commits.ref_names(repo) if screen.is_terminal else {}
    screen.print(commits.paragraph(commit, names), soft_wrap=True)


def _position(snapshot: "Snapshot", path: str, key: str, index: str | None) -> int:
    """Return the position of the sample with a key, in the table at a path or around it."""
    if index is not None:
        raise InvalidInputError("an index and --key were given", hint="give one of the two")
    table = sample_key.find_table(snapshot, path)
    if table.key_kind is None:
        raise InvalidInputError(f"the samples of {path!r} have no keys", hint="give an index")
    return table.position(sample_key.parse_key(key, table.key_kind, path=table.path))


def _write_json(found: "Node", path: str, index: Any) -> None:
    if index is None:
        write_document("show PATH", description.describe(found, path))
    else:
        write_document("show PATH INDEX", samples.values_json(found, path, index), is_compact=True)


def _show(found: "Node", path: str, index: Any, limit: int) -> None:
    screen = console()
    if index is not None:
        samples.show_values(found, path, index, screen, limit=limit)
        return
    description.show_description(found, path, screen)
    if isinstance(found, (vstore.Table, vstore.Column)) and len(found):
        screen.print()
        samples.show_values(found, path, slice(None), screen, limit=min(limit, _HEAD))
