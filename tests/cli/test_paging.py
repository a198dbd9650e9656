"""Long output on a terminal goes through the user's pager, as it is made."""

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vstore

ROOT = Path(__file__).parents[2]


def on_terminal(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run `vstore` on a terminal; return its exit code and what the terminal shows."""
    screen, keyboard = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vstore", *arguments],
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "dumb"} | environment,
    )
    os.close(keyboard)
    shown = b""
    try:
        while part := os.read(screen, 1 << 16):
            shown += part
    except OSError:  # Linux says so when the last process has closed the terminal
        pass
    finally:
        os.close(screen)
    return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")


def pager(folder: Path, script: str) -> str:
    """Return the command of a pager that runs a script of the shell."""
    path = folder / "my pager"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return shlex.quote(str(path))


@pytest.fixture
def repo(tmp_path: Path) -> str:
    """The address of a repository with three commits."""
    repo = vstore.create(tmp_path / "repo", author="Ann <ann@example.org>")
    for number in range(3):
        with repo.transaction("main", message=f"Commit {number}") as tx:
            tx.create_array(f"a{number}", shape=(2,), dtype="int64")
    return str(tmp_path / "repo")


def test_the_pager_gets_what_would_be_shown(repo: str, tmp_path: Path) -> None:
    command = f"{pager(tmp_path, 'echo LESS=$LESS $1; exec sed s/^/paged:/')} -x"
    code, shown = on_terminal(["log", repo, "--oneline"], {"PAGER": command})
    assert code == 0
    first, *lines = shown.splitlines()
    assert first == "LESS=FRX -x"
    assert [line.rpartition(" ")[2] for line in lines] == ["2", "1", "0"]
    assert all(line.startswith("paged:") for line in lines)


def test_settings_of_less_stay_the_users(repo: str, tmp_path: Path) -> None:
    command = pager(tmp_path, "echo LESS=$LESS; exec cat")
    _, shown = on_terminal(["log", repo, "--oneline"], {"PAGER": command, "LESS": "-R"})
    assert shown.startswith("LESS=-R\n")


@pytest.mark.parametrize("command", ["", "no-such-pager-anywhere"])
def test_without_a_pager_lines_are_printed(repo: str, command: str) -> None:
    code, shown = on_terminal(["log", repo, "--oneline"], {"PAGER": command})
    assert code == 0
    assert [line.rpartition(" ")[2] for line in shown.splitlines()] == ["2", "1", "0"]


def test_closing_the_pager_early_is_no_failure(repo: str, tmp_path: Path) -> None:
    command = pager(tmp_path, "read line; exec <&-; echo seen; sleep 0.2")
    assert on_terminal(["log", repo], {"PAGER": command}) == (0, "seen\n")


def test_an_error_is_shown_after_the_pager_has_ended(repo: str, tmp_path: Path) -> None:
    (first,) = [
        path for path in Path(repo, "commits").iterdir() if b"Commit 0" in path.read_bytes()
    ]
    first.write_bytes(b"{}")
    command = pager(tmp_path, "cat >/dev/null; echo closed")
    code, shown = on_terminal(["log", repo, "--oneline"], {"PAGER": command})
    assert code == 1
    assert shown.startswith("closed\nerror: ")
