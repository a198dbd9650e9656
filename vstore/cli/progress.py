"""Progress on a terminal."""

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vstore.cli.output import console
from vstore.wording import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vstore.maintenance.progress import Progress as ShowStep
    from vstore.maintenance.progress import ProgressStep


@contextmanager
def bar_shown(
    label: str, *, total: int | None, is_quiet: bool = False
) -> "Iterator[Callable[[int], None]]":
    """Show a bar on stderr, if that is a terminal; yield what moves it on by a count.

    The bar is gone at the end. Without a `total` it moves to and fro.
    """
    with _bars(TaskProgressColumn(), TimeRemainingColumn(), is_quiet=is_quiet) as bars:
        task = bars.add_task(label, total=total)
        yield lambda count: bars.advance(task, count)


@contextmanager
def steps_shown(*, is_quiet: bool = False) -> "Iterator[ShowStep]":
    """Yield what shows the steps of a long job in the same way, a bar for each phase."""
    tasks: dict[str, TaskID] = {}
    started = time.monotonic()
    with _bars(TextColumn("{task.fields[amount]}"), is_quiet=is_quiet) as bars:

        def show(step: "ProgressStep") -> None:
            if step.phase not in tasks:
                tasks[step.phase] = bars.add_task(step.phase, total=step.total, amount="")
            amount = _amount(step.nbytes, time.monotonic() - started)
            task = tasks[step.phase]
            bars.update(task, completed=step.done, total=step.total, amount=amount)

        yield show


def _amount(nbytes: int, seconds: float) -> str:
    """Return how much was moved, and how fast.

    >>> _amount(2_000_000, 4.0), _amount(0, 1.0)
    ('2 MB, 500 kB/s', '')
    """
    if not nbytes:
        return ""
    return f"{format_nbytes(nbytes)}, {format_nbytes(int(nbytes / max(seconds, 0.001)))}/s"


def _bars(*more: ProgressColumn, is_quiet: bool) -> Progress:
    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *more)
    hidden = is_quiet or not screen.is_terminal
    return Progress(*columns, console=screen, transient=True, disable=hidden)
