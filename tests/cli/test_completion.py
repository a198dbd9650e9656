"""What a shell completes, in folders on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vstore

ROOT = Path(__file__).parents[2]


def completed(line: str) -> list[str]:
    """Return what bash would offer at the end of a command line."""
    words = line.split(" ")
    done = subprocess.run(
        [sys.executable, "-m", "vstore"],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "_VSTORE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.usefixtures("repo", "run")
def test_names_are_completed() -> None:
    vstore.open("repo").branches.create("feature/größe")
    assert completed("vstore log r") == ["repo"]
    assert completed("vstore log repo@") == [
        *("repo@dev", "repo@feature/größe", "repo@main", "repo@v1")
    ]
    assert completed("vstore show repo t") == ["train"]
    assert completed("vstore show repo train/") == [
        *("train/caption", "train/image", "train/label")
    ]
    assert completed("vstore log s3://bucket/") == []
    assert completed("vstore log nowhere@") == []


SHELLS = {
    "zsh": {"_TYPER_COMPLETE_ARGS": "{line}"},
    "fish": {"_TYPER_COMPLETE_ARGS": "{line}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    "powershell": {
        "_TYPER_COMPLETE_ARGS": "{line}",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": "{last}",
    },
}
"""What each shell's script tells vstore of the line that is typed."""


def asked(shell: str, line: str) -> str:
    """Return what vstore tells a shell that completes a line."""
    told = SHELLS[shell] | {"_VSTORE_COMPLETE": f"complete_{shell}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "vstore"],
        env=os.environ
        | {k: v.format(line=line, last=line.rpartition(" ")[2]) for k, v in told.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.usefixtures("repo", "run")
@pytest.mark.parametrize("shell", SHELLS)
def test_names_are_completed_in_every_shell(shell: str) -> None:
    found = asked(shell, "vstore log repo@")
    assert [name for name in ("repo@dev", "repo@main", "repo@v1") if name in found] == [
        *("repo@dev", "repo@main", "repo@v1")
    ]
    assert "repo@" not in asked(shell, "vstore log nowhere@")


@pytest.mark.parametrize("shell", ["bash", *SHELLS])
def test_the_script_of_every_shell_is_shown(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vstore"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "_VSTORE_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"complete_{shell}" in done.stdout
    assert done.stderr == ""
