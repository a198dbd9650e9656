"""Run the tours of the command line and write what they say to docs/tour.md and others.

The tour with real data needs VSTORE_REAL_DATA, the folder of the data; the page says where it
is from.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (DOCS / "tour.md", DOCS / "tour-sharing.md")
DATA_PAGE = DOCS / "tour-data.md"
FAILS = "# exits with 1"
"""What is behind a command that is refused."""
_FENCE = re.compile(r"^```(?P<kind>console|python)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_ENVIRONMENT = {"VSTORE_AUTHOR": "Ann Lee <ann@example.org>", "COLUMNS": "78", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Step:
    """Commands to run one after another, or Python to run in a program of its own."""

    kind: str
    body: str

    @property
    def commands(self) -> list[str]:
        """The commands."""
        lines = self.body.splitlines()
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def steps(text: str) -> list[Step]:
    """Return the steps of a page."""
    return [Step(found["kind"], found["body"]) for found in _FENCE.finditer(text)]


def real_data() -> Path | None:
    """Return the folder with the data of others; None where there is none."""
    named = os.environ.get("VSTORE_REAL_DATA")
    return None if named is None else Path(named).resolve()


def prepare(page: Path, folder: Path) -> None:
    """Put into a folder what a tour begins with."""
    if page.name != DATA_PAGE.name:
        make_photographs(folder)
    elif (found := real_data()) is not None:
        (folder / "x").symlink_to(found)
    else:
        raise SystemExit("VSTORE_REAL_DATA does not name the folder of the data")


def make_photographs(folder: Path) -> None:
    """Make the folder that the tour begins with."""
    random = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (folder / "photos" / kind).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 255, (32, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / kind / f"{number:02}.jpg")


def run_steps(found: Sequence[Step], folder: Path) -> Iterator[str]:
    """Run steps in a folder and yield what each says, or raise for the first that fails."""
    for step in found:
        if step.kind == "python":
            run([sys.executable, "-c", step.body], folder)
            yield step.body
            continue
        said = [
            f"$ {command}\n{run(words(command), folder, code=int(command.endswith(FAILS)))}"
            for command in step.commands
        ]
        yield "".join(said)


def words(command: str) -> list[str]:
    """Return the words of a command, which is run by this Python."""
    if " | " in command:
        return ["sh", "-c", command.replace("vstore ", f"{shlex.quote(sys.executable)} -m vstore ")]
    program, *rest = shlex.split(command, comments=True)
    return [sys.executable, "-m", "vstore", *rest] if program == "vstore" else [program, *rest]


def run(command: Sequence[str], folder: Path, *, code: int = 0) -> str:
    """Run a program that exits with a code; return what it wrote, without the folder's name."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != code:
        raise SystemExit(f"{shlex.join(command)} exits with {done.returncode}:\n{done.stdout}")
    said = done.stdout.replace(f"{folder}/", "/data/")
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def main() -> None:
    """Write the pages again, or those that are named."""
    own = PAGES if real_data() is None else (*PAGES, DATA_PAGE)
    for page in map(Path, sys.argv[1:] or own):
        write_again(page)


def write_again(page: Path) -> None:
    """Write a page again."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        prepare(page, folder)
        said = run_steps(steps(text), folder)
        page.write_text(
            _FENCE.sub(lambda found: f"```{found['kind']}\n{next(said)}```", text), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
