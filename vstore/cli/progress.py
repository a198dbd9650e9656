"""Progress on a terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vstore.cli.output import console

T = TypeVar("T")


def tracked(
    items: Iterable[tuple[int, T]], *, total: int, label: str, is_quiet: bool = False
) -> Iterator[T]:
    """Yield what stands behind each count while a bar on stderr shows how far they go.

    An item counts once the next is asked for. The bar is gone when the items end; nothing is
    shown where stderr is no terminal.
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
        for count, item in items:
            yield item
            bar.advance(task, count)
