"""How commands end that do not succeed."""

from collections.abc import Callable

import pytest
import typer

from tests.cli.terminal import Run
from vstore.cli.failure import reported
from vstore.cli.signals import Terminated
from vstore.errors import NotFoundError
from vstore.storage.failure import Kind, RequestFailedError, explain

OPTIONS = {"secret": "hunter2-hunter2", "client_kwargs": {"token": "s3cr3t"}}


def end_of(
    capsys: pytest.CaptureFixture[str], act: Callable[[], None], *, debug: bool = False
) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as stop, reported(debug=debug, storage_options=OPTIONS):
        act()
    captured = capsys.readouterr()
    assert captured.out == ""
    return stop.value.exit_code, captured.err


def fails(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = NotFoundError("there is\n   nothing \x1b[2J here")
    error.add_note("while reading 'x'")
    assert end_of(capsys, fails(error)) == (
        1,
        "error: there is nothing ?[2J here (while reading 'x')\n",
    )


@pytest.mark.parametrize("kind", [Kind.NO_CREDENTIALS, Kind.WRONG_REGION])
def test_advice_is_given_in_commands(capsys: pytest.CaptureFixture[str], kind: Kind) -> None:
    failure = RequestFailedError(kind, "detail")
    error = explain(failure, action="read", url="s3://bucket/repository")
    _, said = end_of(capsys, fails(error))
    assert "--option " in said
    assert "{" not in said
    assert "storage_options" not in said


def test_secrets_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    error = NotFoundError("no hunter2-hunter2 and no s3cr3t here")
    for debug in (False, True):
        _, said = end_of(capsys, fails(error), debug=debug)
        assert "hunter2" not in said
        assert "s3cr3t" not in said
        assert "error: no *** and no *** here\n" in said


def test_tracebacks_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = end_of(capsys, fails(NotFoundError("nothing")))
    assert "Traceback" not in said
    _, said = end_of(capsys, fails(NotFoundError("nothing")), debug=True)
    assert said.startswith("Traceback")
    assert said.endswith("error: nothing\n")


def test_faults_say_that_they_are_such(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = end_of(capsys, fails(ZeroDivisionError("division by zero")))
    assert code == 1
    assert said == (
        "error: division by zero (ZeroDivisionError): this is a fault in vstore\n"
        "hint: run it again with --debug and report it\n"
    )


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_interrupts(
    capsys: pytest.CaptureFixture[str], stop: type[BaseException], code: int
) -> None:
    assert end_of(capsys, fails(stop())) == (code, "interrupted: the command was stopped\n")
    assert end_of(capsys, fails(stop("all is well"))) == (code, "interrupted: all is well\n")


def test_the_environment_may_ask_for_tracebacks(run: Run) -> None:
    assert "Traceback" in run.any("log", "./nowhere", VSTORE_DEBUG="1").err
    assert "Traceback" in run.any("log", "./nowhere", "--debug").err
    assert "Traceback" not in run.any("log", "./nowhere").err
