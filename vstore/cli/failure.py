"""How commands end that do not succeed: one line that says why, and an exit code."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from vstore.cli.output import console, printable
from vstore.errors import VstoreError
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.storage import location
else:
    location = lazy("vstore.storage.location")

FAILED = 1
INTERRUPTED = 130

_IN_COMMANDS = {
    "make one with vstore.create()": "make one with vstore init",
    "open it with vstore.open()": "nothing was changed",
    "delete it with force=True": "delete it with --force",
    "keys: give keys=": "keys: give --keys",
    "({'anon': True} reads a public bucket)": "(--option anon=true reads a public bucket)",
    "storage_options={'client_kwargs': {'region_name': ...}}": (
        "--option client_kwargs.region_name=..."
    ),
    "storage_options": "--option",
    "unsafe_single_writer=True": "--unsafe-single-writer",
}
"""The library's advice is in Python; here it is in commands."""


@contextmanager
def reported(*, debug: bool, storage_options: Mapping[str, Any]) -> Iterator[None]:
    """Show what goes wrong inside as one line on stderr, without secrets, and exit.

    Any `VstoreError` is the caller's business; another exception is a fault in vstore, and
    says so. With `debug` the traceback comes first.
    """
    secrets = location.secrets_of(storage_options)
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise
    except KeyboardInterrupt as stop:
        _write("interrupted", str(stop) or "the command was stopped", secrets)
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from None
    except VstoreError as error:
        _write_traceback(error, secrets, wanted=debug)
        _write("error", _message(error), secrets)
        raise typer.Exit(FAILED) from None
    except Exception as error:  # noqa: BLE001 - the last resort of a program
        _write_traceback(error, secrets, wanted=debug)
        advice = "" if debug else " Run it again with --debug and report what it shows."
        kind = type(error).__name__
        _write("error", f"{error} ({kind}): this is a fault in vstore.{advice}", secrets)
        raise typer.Exit(FAILED) from None


def _message(error: VstoreError) -> str:
    message = str(error)
    for phrase, command in _IN_COMMANDS.items():
        message = message.replace(phrase, command)
    notes = "; ".join(getattr(error, "__notes__", ()))
    return f"{message} ({notes})" if notes else message


def _write(label: str, message: str, secrets: frozenset[str]) -> None:
    line = " ".join(printable(_hidden(message, secrets)).split())
    text = Text.assemble((f"{label}: ", "bold red"), line)
    console(stderr=True).print(text, soft_wrap=True)


def _write_traceback(error: BaseException, secrets: frozenset[str], *, wanted: bool) -> None:
    if wanted:
        lines = "".join(traceback.format_exception(error))
        typer.echo(_hidden(lines, secrets), err=True, nl=False)


def _hidden(text: str, secrets: frozenset[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
