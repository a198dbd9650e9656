"""`vstore merge`: merge a revision into a branch."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vstore.cli import signals
from vstore.cli.author import find_author
from vstore.cli.branch_updates import MessageOption, branch_of
from vstore.cli.commits import SHORT, commit_json, subject
from vstore.cli.completion import complete_target
from vstore.cli.failure import FAILED
from vstore.cli.output import console, write_document
from vstore.cli.resolving import (
    Into,
    Ours,
    Theirs,
    conflict_json,
    conflicts_shown,
    resolution,
    show_conflicts,
)
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.wording import plural, printable

if TYPE_CHECKING:
    from vstore.merging.merge import Merged

app = typer.Typer(add_completion=False)


@app.command()
@command
def merge(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: Annotated[
        str,
        typer.Argument(
            metavar="REV", help="The revision to merge, or URL@REV.", autocompletion=complete_target
        ),
    ],
    *,
    into: Into = None,
    ours: Ours = None,
    theirs: Theirs = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Only show what would happen."),
    ] = False,
    message: MessageOption = None,
    author: AuthorOption = None,
) -> None:
    """Merge a revision into a branch, by sample.

    A branch without commits of its own is fast-forwarded. If there are conflicts, they are
    shown, nothing is changed, and the command exits with 1.

    vstore merge fashion@labels --dry-run
    vstore merge labels --into main --theirs train/label -R fashion
    """
    repo, revision = settings.open_branch(target, author=find_author(author))
    branch = branch_of(repo, into)
    with conflicts_shown(settings):
        found = repo.merge(
            revision,
            into=branch,
            message=message,
            resolve=resolution(ours, theirs, repo=repo, sides=(branch, revision)),
            dry_run=dry_run,
        )
    signals.settled()
    if settings.as_json:
        write_document("merge", _json(found, branch))
    elif not settings.quiet or found.unresolved:
        _show(found, branch, revision, dry_run=dry_run)
    if found.unresolved:
        raise typer.Exit(FAILED)


def _json(found: "Merged", branch: str) -> dict[str, object]:
    return {
        "branch": branch,
        "kind": found.kind,
        "commit": None if found.commit is None else commit_json(found.commit),
        "conflicts": [conflict_json(conflict) for conflict in found.unresolved],
        "resolved": [conflict_json(c) for c in found.conflicts if c not in found.unresolved],
    }


def _show(found: "Merged", branch: str, revision: str, *, dry_run: bool) -> None:
    screen = console()
    if found.unresolved:
        show_conflicts(found.unresolved, screen)
        return
    name, what = (printable(branch), "bold"), printable(revision)
    resolved = len(found.conflicts)
    tail = f" ({plural(resolved, 'conflict')} resolved)" if resolved else ""
    if found.kind == "up-to-date":
        screen.print(Text.assemble(name, f" has all of {what} already"), soft_wrap=True)
    elif dry_run and found.commit is not None:
        to = (found.commit.id[:SHORT], "yellow")
        text = Text.assemble(name, " would move forward to ", to, f" {subject(found.commit)}")
        screen.print(text, soft_wrap=True)
    elif found.commit is None:
        screen.print(Text.assemble(f"{what} would merge into ", name, tail), soft_wrap=True)
    else:
        text = Text.assemble(
            "Moved forward " if found.kind == "fast-forward" else f"{what} merged into ",
            name,
            ", now at ",
            (found.commit.id[:SHORT], "yellow"),
            f" {subject(found.commit)}{tail}",
        )
        screen.print(text, soft_wrap=True)
