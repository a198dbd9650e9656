"""`vstore log`: show the commits that lead to a revision."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vstore.cli.commits import Names, commit_json, one_line, paragraph, ref_names
from vstore.cli.graph import Graph
from vstore.cli.output import console, write_array
from vstore.cli.paging import print_all
from vstore.cli.sample_key import find_table, parse_key
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.errors import InvalidInputError
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import signing
    from vstore.format.table.sample_keys import SampleKey
    from vstore.history.commits import Commit
    from vstore.repository.repository import Repository
    from vstore.signing.signatures import Signature

    CheckSignatures = Callable[[str], tuple[Signature, ...]]
else:
    signing = lazy("vstore.cli.signing")

app = typer.Typer(add_completion=False)


@app.command()
@command
def log(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument = None,
    *,
    rev: Revision = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", metavar="N", min=1, help="Show at most this many commits."),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            metavar="PATH",
            help="Show only commits that changed something at or below this path.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            "--sample",
            metavar="KEY",
            help="With the path of a table or column: show only commits that changed this sample.",
            show_default=False,
        ),
    ] = None,
    skip: Annotated[
        int, typer.Option("--skip", metavar="N", min=0, help="Skip this many commits first.")
    ] = 0,
    graph: Annotated[bool, typer.Option("--graph", help="Draw the history as a graph.")] = False,
    show_signature: Annotated[
        bool,
        typer.Option("--show-signature", help="Check and show the signatures of each commit."),
    ] = False,
    oneline: Annotated[
        bool, typer.Option("--oneline", help="Show one line for each commit.")
    ] = False,
    decorate: Annotated[
        bool | None,
        typer.Option(
            help="Show the branches and tags at each commit. Costs one request for each ref. "
            "Default: only on a terminal.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show commits, newest first.

    A commit is shown before its parents; times are UTC. The range a..b shows the commits that
    lead to b but not to a, a...b those that lead to one of them but not to both.

    vstore log fashion@v1..main --path train
    vstore log fashion --graph --oneline
    """
    if graph and (path is not None or skip):
        raise InvalidInputError(
            "--graph draws every commit", hint="leave out --path, --sample and --skip"
        )
    repo, revision = settings.open_target(target, rev)
    key = None if sample is None else _key(repo, revision, path, sample)
    commits = repo.log(revision, path=path, sample=key, skip=skip, limit=limit)
    check = repo.signatures if show_signature else None
    if settings.as_json:
        write_array("log", (_logged(commit, check) for commit in commits))
        return
    screen = console()
    is_decorated = screen.is_terminal if decorate is None else decorate
    names: Names = ref_names(repo) if is_decorated else {}
    show = partial(one_line if oneline else paragraph, names=names)
    texts = ((commit, _shown(commit, show, check)) for commit in commits)
    print_all(_drawn(texts) if graph else _apart(texts, is_close=oneline), screen)


def _shown(
    commit: "Commit", show: "Callable[[Commit], Text]", check: "CheckSignatures | None"
) -> Text:
    """Return a commit below its signatures, as `git log --show-signature` does."""
    if check is None:
        return show(commit)
    lines = [signing.signature_line(found) for found in check(commit.id)] or [Text("not signed")]
    first, *rest = show(commit).split("\n")
    return Text("\n").join([first, *lines, *rest])


def _key(repo: "Repository", revision: str | None, path: str | None, text: str) -> "SampleKey":
    if path is None:
        raise InvalidInputError(
            "--sample was given without --path",
            hint="give the --path of its table, or of one column of it",
        )
    newest = None if revision is None else revision.rsplit("..", 1)[-1].lstrip(".") or None
    table = find_table(repo.checkout(newest), path)
    return parse_key(text, table.key_kind, path=table.path)


def _apart(texts: "Iterable[tuple[Commit, Text]]", *, is_close: bool) -> Iterator[Text]:
    for number, (_, text) in enumerate(texts):
        if number and not is_close:
            yield Text()
        yield text


def _drawn(texts: "Iterable[tuple[Commit, Text]]") -> Iterator[Text]:
    """Yield each commit's text with the graph on its left, and the lines between commits."""
    graph = Graph()
    for commit, text in texts:
        yield from map(Text, graph.above(commit))
        first, *rest = text.split("\n")
        yield Text.assemble(graph.beside(commit), " ", first)
        below = graph.below(commit)
        width = max(len(graph.passing()), *map(len, below), 0)
        for line in [*rest, Text()] if rest else []:
            mark = below.pop(0) if below else graph.passing()
            yield Text.assemble(f"{mark:{width}}  ", line) if line else Text(mark)
        yield from map(Text, below)


def _logged(commit: "Commit", check: "CheckSignatures | None") -> dict[str, Any]:
    """Return a commit as plain values, with its signatures where they are to be checked."""
    if check is None:
        return commit_json(commit)
    return commit_json(commit) | {"signatures": [each.to_dict() for each in check(commit.id)]}
