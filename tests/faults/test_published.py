"""What docs/reliability.md publishes: each of its commands, at the size given there.

The other tests of this folder are the same, small: `pytest -m slow tests/faults` runs these.
"""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks.reliability import COMMANDS, MissingServerError, parse, run

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
PUBLISHED = re.findall(r"`python -m benchmarks\.reliability ([^`]+)`", PAGE.read_text())


@pytest.mark.parametrize("command", PUBLISHED)
def test_a_published_command_can_be_run(command: str) -> None:
    assert parse(shlex.split(command)).command in COMMANDS


def test_every_command_is_published() -> None:
    assert {command.split()[0] for command in PUBLISHED} == COMMANDS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("command", PUBLISHED)
def test_it_finds_all_as_it_should_be(command: str) -> None:
    try:
        assert run(shlex.split(command))
    except MissingServerError as missing:
        pytest.skip(str(missing))
