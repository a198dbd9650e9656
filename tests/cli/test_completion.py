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
