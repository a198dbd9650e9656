"""How commands end that do not succeed: why, in one line, what to do about it, an exit code."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from vstore.cli.hints import hint_of
from vstore.cli.output import console
from vstore.errors import VstoreError, circumstances
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.storage import location
else:
    location = lazy("vstore.storage.location")

FAILED = 1
INTERRUPTED = 130


@contextmanager
def reported(*, debug: bool, storage_options: Mapping[str, Any]) -> Iterator[None]:
    """Show on stderr what goes wrong inside and what to do about it, without secrets, and exit.

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
        _write("hint", hint_of(error), secrets)
        raise typer.Exit(FAILED) from None
    except Exception as error:  # noqa: BLE001 - the last resort of a program
        _write_traceback(error, secrets, wanted=debug)
        kind = type(error).__name__
        _write("error", f"{error} ({kind}): this is a fault in vstore", secrets)
        _write("hint", None if debug else "run it again with --debug and report it", secrets)
        raise typer.Exit(FAILED) from None


def _message(error: VstoreError) -> str:
    where = "; ".join(circumstances(error))
    return f"{error} ({where})" if where else str(error)


def _write(label: str, message: str | None, secrets: frozenset[str]) -> None:
    if not message:
        return
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
