"""Signals: Ctrl-C and `SIGTERM` stop a command, until what it did is certain."""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 141
"""What a shell says of a program that `SIGPIPE` ended, as Git ends; Python ignores that signal."""

_listening = False


class Terminated(KeyboardInterrupt):
    """The process was asked to end; it ends as it does after Ctrl-C."""

    exit_code = 128 + signal.SIGTERM


def listen() -> None:
    """Let `SIGTERM` end a command as Ctrl-C does."""
    global _listening
    signal.signal(signal.SIGTERM, _terminate)
    _listening = True


def settled() -> None:
    """Let no signal change how the process ends: what it did is done and will be said."""
    if _listening:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def leave_pipe() -> None:
    """Write what is still to be written nowhere: nothing reads standard output any more."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
