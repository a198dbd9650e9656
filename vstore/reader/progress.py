"""A progress bar on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def progress_bar(what: str, *, is_shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar, on a terminal only; yield a function of how much is done, and of how much."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not (is_shown and console.is_terminal)) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)
