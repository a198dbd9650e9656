"""What commands that merge print when they are done."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from vstore.cli.commits import SHORT, commit_json, subject
from vstore.cli.failure import FAILED
from vstore.cli.output import console, write_document
from vstore.cli.resolving import conflict_json, show_conflicts
from vstore.cli.settings import Settings
from vstore.wording import plural, printable

if TYPE_CHECKING:
    from vstore.merging.merge import Merged


def show_merged(
    settings: Settings, found: "Merged", branch: str, revision: str, *, dry_run: bool = False
) -> None:
    """Print what a merge did, and exit with 1 if conflicts remain."""
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
