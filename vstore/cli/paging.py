"""Long output on a terminal: through a pager, as it is made."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import IO, cast

from rich.console import Console
from rich.text import Text

_LESS = "FRX"
"""Colors as they are; no pager if everything fits on the screen, which stays as it is."""


def print_all(lines: Iterable[Text], screen: Console) -> None:
    """Print lines as they come; on a terminal with a keyboard, through `$PAGER` or `less`."""
    command = _pager() if screen.is_terminal and sys.stdin.isatty() else None
    if command is None:
        for line in lines:
            screen.print(line, soft_wrap=True)
    else:
        _page(lines, screen, command)


def _pager() -> Sequence[str] | None:
    """Return the command to run; None if it is not installed or `$PAGER` is empty."""
    name, *arguments = shlex.split(os.environ.get("PAGER", "less")) or [""]
    found = shutil.which(name)
    return None if found is None else (found, *arguments)


def _page(lines: Iterable[Text], screen: Console, command: Sequence[str]) -> None:
    """Give the pager each line when it is made; stop when the user has closed the pager."""
    pager = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env={"LESS": _LESS} | os.environ,
        text=True,
        encoding=screen.encoding,
        errors="replace",
    )
    page = cast("IO[str]", pager.stdin)
    try:
        with suppress(BrokenPipeError):
            for line in lines:
                page.write(_rendered(line, screen))
                page.flush()
    finally:
        with suppress(BrokenPipeError):
            page.close()
        _wait_for(pager)


def _wait_for(pager: subprocess.Popen[str]) -> None:
    """Leave Ctrl-C to the pager while it has the terminal."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pager.wait()
    finally:
        signal.signal(signal.SIGINT, handler)


def _rendered(line: Text, screen: Console) -> str:
    with screen.capture() as captured:
        screen.print(line, soft_wrap=True)
    return captured.get()
