"""Putting a bug into a copy of the source, and running the suite there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.edits_of_source import Bug, Edit

ROOT = Path(__file__).parents[2]
COPIED = ("vstore", "tests", "docs", "localstack", "benchmarks", "pyproject.toml", "README.md")
SECONDS = 1800
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)


class StaleEditError(Exception):
    """The text that an edit is to change does not stand once in the files that it names."""


def edited(root: Path, edit: Edit) -> tuple[Path, str]:
    """Return the file that an edit changes, below `root`, and what it comes to hold."""
    found = [
        (path, text)
        for path in sorted(root.glob(edit.files))
        if edit.old in (text := path.read_text(encoding="utf-8"))
    ]
    if len(found) != 1 or found[0][1].count(edit.old) != 1:
        places = ", ".join(str(path.relative_to(root)) for path, _ in found) or "nowhere"
        raise StaleEditError(
            f"{edit.old!r} does not stand exactly once in {edit.files} (it does in {places}): "
            "the source has changed, so say the same bug anew"
        )
    path, text = found[0]
    return path, text.replace(edit.old, edit.new)


def inject(root: Path, bug: Bug) -> None:
    """Put a bug into the source below `root`."""
    for edit in bug.edits:
        path, text = edited(root, edit)
        compile(text, str(path), "exec")
        path.write_text(text, encoding="utf-8")


@contextmanager
def copied() -> Iterator[Path]:
    """Yield a folder with a copy of the source and of the suite."""
    with TemporaryDirectory() as name:
        for entry in COPIED:
            source, target = ROOT / entry, Path(name, entry)
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
        yield Path(name)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite says of a copy: the test that failed first, or None."""

    failed: str | None
    output: str


def run_suite(root: Path, tests: tuple[str, ...]) -> Verdict:
    """Run parts of the suite on the source below `root`, up to the first failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", *tests]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly"]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    done = subprocess.run(
        command,
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    output = done.stdout + done.stderr
    if done.returncode == 0:
        return Verdict(None, output)
    failed = _FAILED.search(output)
    if done.returncode != 1 or failed is None:
        raise RuntimeError(f"the suite did not run:\n{output[-4000:]}")
    return Verdict(failed.group(1), output)


def hunt(bug: Bug) -> Verdict:
    """Put a bug into a copy and return what the suite says of it."""
    with copied() as root:
        inject(root, bug)
        return run_suite(root, bug.tests)
