"""Conflicts on the command line: how they are shown, and which options resolve them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from vstore.cli.failure import FAILED
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings
from vstore.errors import ConflictError, InvalidInputError
from vstore.faces import internals
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.display import lines as display
    from vstore.merging.conflicts import Conflict, Resolution
    from vstore.repository.repository import Repository
else:
    display = lazy("vstore.display.lines")

_SHOWN = 20

Ours = Annotated[
    list[str] | None,
    typer.Option(
        "--ours",
        metavar="PATH",
        help="Resolve conflicts at or below PATH with the branch's version ('/' for all). "
        "Repeatable.",
        show_default=False,
    ),
]
Theirs = Annotated[
    list[str] | None,
    typer.Option(
        "--theirs",
        metavar="PATH",
        help="Resolve conflicts at or below PATH with the incoming version. Repeatable.",
        show_default=False,
    ),
]
Into = Annotated[
    str | None,
    typer.Option(
        "--into",
        metavar="BRANCH",
        help="The branch to update. Default: the default branch.",
        show_default=False,
    ),
]
Parent = Annotated[
    int,
    typer.Option(
        "--parent",
        "-m",
        metavar="N",
        min=1,
        help="For a merge commit, the parent to compare with.",
    ),
]


def resolution(
    ours: Sequence[str] | None,
    theirs: Sequence[str] | None,
    *,
    repo: "Repository",
    sides: tuple[str, str],
) -> "Resolution | None":
    """Return what the two options say, or None where neither was given.

    Raises:
        InvalidInputError: a path is given twice, or is at none of the sides, nor was where
            they parted.
    """
    chosen: dict[str, Any] = dict.fromkeys(ours or (), "ours")
    for path in theirs or ():
        if chosen.setdefault(path, "theirs") == "ours":
            raise InvalidInputError(f"--ours and --theirs both name {path!r}")
    if chosen:
        _check_paths(chosen, repo, sides)
    return chosen or None


def _check_paths(paths: Iterable[str], repo: "Repository", sides: tuple[str, str]) -> None:
    snapshots = [repo.checkout(side) for side in sides]
    parted = repo.diff(f"{sides[0]}...{sides[1]}").old
    trees = [
        internals(snapshot).tree for snapshot in snapshots + ([] if parted is None else [parted])
    ]
    for path in paths:
        if not any(tree.find(path.strip("/")) is not None for tree in trees):
            raise InvalidInputError(
                f"there is nothing at {path!r} in {sides[0]!r} or {sides[1]!r}; nothing was changed"
            )


@contextmanager
def conflicts_shown(settings: Settings) -> Iterator[None]:
    """Show the conflicts that stop what goes on inside, and exit with 1."""
    try:
        yield
    except ConflictError as error:
        if not error.conflicts:
            raise
        if settings.as_json:
            write_document("undo", {"conflicts": [conflict_json(c) for c in error.conflicts]})
        else:
            show_conflicts(error.conflicts, console(stderr=True))
        raise typer.Exit(FAILED) from None


def show_conflicts(
    conflicts: "Sequence[Conflict]", screen: Console, *, advice: bool = True
) -> None:
    """Print conflicts with the values of both sides, and what to do about them."""
    noun = "conflict" if len(conflicts) == 1 else "conflicts"
    heading = Text(f"{len(conflicts)} {noun}; nothing was changed", "bold red")
    screen.print(heading, soft_wrap=True)
    for conflict in conflicts[:_SHOWN]:
        screen.print(Text(f"  {printable(str(conflict))}", "bold"), soft_wrap=True)
        for side in ("base", "ours", "theirs"):
            value = getattr(conflict, side)
            shown = "(none)" if value is None else display.one_line(value)
            screen.print(Text(f"      {side:7} {printable(shown)}"), soft_wrap=True)
    if len(conflicts) > _SHOWN:
        rest = len(conflicts) - _SHOWN
        screen.print(Text(f"  … and {rest:,} more (--json shows all)", "dim"), soft_wrap=True)
    if advice:
        paths = sorted({conflict.path for conflict in conflicts})
        screen.print(
            Text(
                f"Choose a side with --ours or --theirs and a path ({paths[0] or '/'}, or / for "
                "all), or decide sample by sample in Python with resolve=.",
                "dim",
            ),
            soft_wrap=True,
        )


def conflict_json(conflict: "Conflict") -> dict[str, Any]:
    """Return a conflict as plain values, with those of both sides."""
    sides = {side: getattr(conflict, side) for side in ("base", "ours", "theirs")}
    return conflict.to_dict() | sides
