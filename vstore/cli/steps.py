"""Showing the steps of a long job on a terminal."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from vstore.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vstore.maintenance.progress import Progress as ShowStep
    from vstore.maintenance.progress import ProgressStep


@contextmanager
def steps_shown(*, is_quiet: bool = False) -> "Iterator[ShowStep]":
    """Yield what shows steps on stderr, a bar for each phase; gone at the end."""
    screen = console(stderr=True)
    hidden = is_quiet or not screen.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=screen, transient=True, disable=hidden) as bars:

        def show(step: "ProgressStep") -> None:
            if step.phase not in tasks:
                tasks[step.phase] = bars.add_task(step.phase, total=step.total)
            bars.update(tasks[step.phase], completed=step.done, total=step.total)

        yield show
