"""How commands end that do not succeed: why, in one line, what to do about it, an exit code."""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from vstore.cli import signals
from vstore.cli.output import console, write_document
from vstore.errors import UnknownOutcomeError, VstoreError, circumstances
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.cli import hints
    from vstore.storage import location
else:
    hints = lazy("vstore.cli.hints")
    location = lazy("vstore.storage.location")

FAILED = 1
UNKNOWN = 3
UNREACHABLE = 4
_UNREACHABLE_CODES = frozenset(
    {
        *("access-denied", "bad-credentials", "no-credentials", "server-failing"),
        *("server-unreachable", "wrong-region"),
    }
)


@contextmanager
def reported(
    *, debug: bool, storage_options: Mapping[str, Any], as_json: bool = False
) -> Iterator[None]:
    """Show on stderr what goes wrong inside and what to do about it, without secrets, and exit.

    Any `VstoreError` is the caller's business; another exception is a fault in vstore, and
    says so. With `debug` the traceback comes first. `as_json` writes a document on stdout too.
    """
    secrets = location.secrets_of(storage_options)
    try:
        yield
        sys.stdout.flush()
        signals.settled()
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except BrokenPipeError:
        signals.leave_pipe()
        raise typer.Exit(signals.BROKEN_PIPE) from None
    except KeyboardInterrupt as stop:
        _write("interrupted", str(stop) or "the command was stopped", secrets)
        raise typer.Exit(getattr(stop, "exit_code", signals.INTERRUPTED)) from None
    except Exception as error:  # noqa: BLE001 - the last resort of a program
        _write_traceback(error, secrets, wanted=debug)
        _tell(_document(error, debug=debug), secrets, as_json=as_json)
        raise typer.Exit(exit_code(error)) from None


def exit_code(error: Exception) -> int:
    """Return the code with which a command ends for an error.

    >>> exit_code(VstoreError("no")), exit_code(UnknownOutcomeError("perhaps"))
    (1, 3)
    """
    if isinstance(error, UnknownOutcomeError):
        return UNKNOWN
    return UNREACHABLE if getattr(error, "code", None) in _UNREACHABLE_CODES else FAILED


def _document(error: Exception, *, debug: bool) -> dict[str, Any]:
    """Return what is said of an error, by the names that programs read."""
    if isinstance(error, VstoreError):
        path, key = error.fields.get("path"), error.fields.get("key")
        code, message, hint = error.code, _message(error), hints.hint_of(error)
    else:
        path = key = None
        code, message = "fault", f"{error} ({type(error).__name__}): this is a fault in vstore"
        hint = None if debug else "run it again with --debug and report it"
    return {"code": code, "message": message, "hint": hint, "path": path, "key": key}


def _tell(document: dict[str, Any], secrets: frozenset[str], *, as_json: bool) -> None:
    for label, name in (("error", "message"), ("hint", "hint")):
        if document[name] is not None:
            document[name] = _hidden(document[name], secrets)
            _write(label, document[name], secrets)
    if as_json:
        write_document("error", {"error": document})


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
