"""Progress on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vstore.cli.output import console


@contextmanager
def bar_shown(
    label: str, *, total: int | None, is_quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, if that is a terminal; yield what moves it on by a count.

    The bar is gone at the end. Without a `total` it moves to and fro.
    """
    screen = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    hidden = is_quiet or not screen.is_terminal
    with Progress(*columns, console=screen, transient=True, disable=hidden) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)
