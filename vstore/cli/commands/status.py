"""`vstore status`: show a repository at a glance."""

from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from vstore.cli.commits import SHORT, subject
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.cli.upstreams import distance, of_remotes, upstreams
from vstore.faces import internals
from vstore.lazy import lazy
from vstore.wording import format_nbytes, plural, printable

if TYPE_CHECKING:
    from vstore.maintenance.gc import state
    from vstore.repository.repository import Repository
else:
    state = lazy("vstore.maintenance.gc.state")

app = typer.Typer(add_completion=False)


@app.command()
@command
def status(settings: Settings, target: TargetArgument = None) -> None:
    """Show a repository at a glance: branches, tags, garbage collection.

    Branches that remotes have too are shown with how many commits they are ahead and behind, by
    what was fetched or pushed last.

    vstore status fashion
    """
    repo, _ = settings.open_target(target)
    default = repo.default_branch
    known = list(repo.branches)
    theirs = set(of_remotes(repo, known))
    heads = {name: repo.branches[name] for name in known if name not in theirs}
    apart = {name: upstreams(repo, name, theirs) for name in heads}
    collection = _collection(repo)
    if settings.as_json:
        branches = [
            {"name": name, "commit": head, "upstreams": apart[name]} for name, head in heads.items()
        ]
        tags = list(repo.tags)
        found = {"url": repo.url, "default_branch": default, "branches": branches, "tags": tags}
        write_document("status", found | {"gc": collection})
        return
    screen = console()
    screen.print(Text.assemble((repo.url, "bold"), f", default branch {printable(default)}"))
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for name, head in heads.items():
        commit = repo.commit(head)
        mark = "* " if name == default else "  "
        message = Text(subject(commit), overflow="ellipsis", no_wrap=True)
        label = Text(f"{mark}{printable(name)}", "bold green" if name == default else "")
        away = [Text(distance(apart[name]), "dim")] if theirs else []
        time = f"{commit.time:%Y-%m-%d}"
        grid.add_row(label, Text(head[:SHORT], "yellow"), time, *away, message)
    if heads:
        screen.print(grid)
    else:
        screen.print("nothing was committed yet")
    screen.print(f"{plural(len(repo.tags), 'tag')}; {_said(collection)}")


def _collection(repo: "Repository") -> dict[str, Any] | None:
    """Return what garbage collection did last; None if it never ran."""
    found = state.State.read(internals(repo).store).document
    if found is None:
        return None
    return {
        "phase": found.phase,
        "pending_objects": found.objects if found.is_pending else 0,
        "pending_nbytes": found.nbytes if found.is_pending else 0,
        "time": found.horizon or None,
    }


def _said(collection: dict[str, Any] | None) -> str:
    if collection is None or not collection["pending_objects"]:
        return "no deletion is pending"
    count, nbytes = collection["pending_objects"], collection["pending_nbytes"]
    return f"{plural(count, 'object')} ({format_nbytes(nbytes)}) pending deletion"
