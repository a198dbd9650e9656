"""Long output on a terminal: through a pager, as it is made."""

import os
import sys
from collections.abc import Iterable, Iterator

import click
from rich.console import Console
from rich.text import Text

_LESS = "FRX"
"""Colours as they are; no pager where all fits on the screen, which stays as it is."""


def print_all(lines: Iterable[Text], screen: Console) -> None:
    """Print lines as they come; on a terminal that can be typed into through a pager."""
    if not (screen.is_terminal and sys.stdin.isatty()):
        for line in lines:
            screen.print(line, soft_wrap=True)
        return
    os.environ.setdefault("LESS", _LESS)
    click.echo_via_pager(_rendered(lines, screen), color=True)


def _rendered(lines: Iterable[Text], screen: Console) -> Iterator[str]:
    for line in lines:
        with screen.capture() as captured:
            screen.print(line, soft_wrap=True)
        yield captured.get()
