"""The tours of the documentation say what their commands say."""

import filecmp
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cli.terminal import Run
from vstore.cli.groups import load
from vstore.importers.finding import BUILTIN, named

ROOT = Path(__file__).parents[2]
_VARYING = re.compile(
    r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b|\d{4}-\d\d-\d\d( [\d:]+ UTC)?|\d[\d.]*x?( [kM]?B)?(?=\W|$)"
)
"""Digests, times and sizes."""


@pytest.fixture(scope="module")
def tour() -> ModuleType:
    """The script that writes the page."""
    pytest.importorskip("PIL")
    spec = importlib.util.spec_from_file_location("tour", ROOT / "scripts" / "tour.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def comparable(text: str, folder: Path) -> str:
    """Return what a command said without what differs from run to run, or is a matter of width."""
    text = text.replace(f"{folder}/", "/data/")
    return " ".join(_VARYING.sub("…", text).replace("<…", "…").split()).replace(" ,", ",")


@pytest.mark.parametrize("page", ["tour.md", "tour-sharing.md"])
def test_the_page_says_what_commands_say(run: Run, tour: Any, tmp_path: Path, page: str) -> None:
    tour.make_photographs(tmp_path)
    for step in tour.steps((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if step.kind == "python":
            exec(step.body, {})
            continue
        said = []
        for command in step.commands:
            words = shlex.split(command, comments=True)
            if words[0] == "diff":
                found = filecmp.dircmp(words[-2], words[-1])
                assert not found.left_only + found.right_only + found.diff_files
                assert all(not sub.diff_files + sub.left_only for sub in found.subdirs.values())
                said.append(f"$ {command}")
                continue
            ended = run.any(*words[1:], COLUMNS="78")
            assert ended.code == int(command.endswith(tour.FAILS)), ended
            said.append(f"$ {command}\n{ended.out}{ended.err}")
        assert comparable("\n".join(said), tmp_path) == comparable(step.body, tmp_path)


@pytest.mark.slow
def test_the_tour_with_real_data_says_what_commands_say(tour: Any, tmp_path: Path) -> None:
    if tour.real_data() is None:
        pytest.skip("VSTORE_REAL_DATA names no folder of the data")
    tour.prepare(tour.DATA_PAGE, tmp_path)
    steps = tour.steps(tour.DATA_PAGE.read_text(encoding="utf-8"))
    for step, said in zip(steps, tour.run_steps(steps, tmp_path), strict=True):
        assert comparable(said, tmp_path) == comparable(step.body, tmp_path)


def test_the_tour_with_real_data_is_made_of_commands_that_exist(tour: Any) -> None:
    commands = [
        shlex.split(part, comments=True)
        for step in tour.steps(tour.DATA_PAGE.read_text(encoding="utf-8"))
        if step.kind == "console"
        for command in step.commands
        for part in command.split(" | ")
    ]
    own = [words[1:] for words in commands if words[0] == "vstore"]
    of_importers = {
        f"--{option.replace('_', '-')}" for name in BUILTIN for option in named(name).options
    }
    assert {words[0] for words in own} >= {"init", "import", "export", "diff", "du"}
    for name, *rest in own:
        known = {option for each in load(name).params for option in each.opts}
        known |= of_importers if name == "import" else set()
        assert {word for word in rest if word.startswith("-") and word != "-"} <= known


def test_python_of_the_tour_with_real_data_is_python(tour: Any) -> None:
    for step in tour.steps(tour.DATA_PAGE.read_text(encoding="utf-8")):
        if step.kind == "python":
            compile(step.body, "tour-data.md", "exec")
