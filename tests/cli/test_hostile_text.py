"""Text of strangers on a terminal: no markup, no control, in cells, JSON and printed objects."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import vstore
from vstore.cli.app import app
from vstore.wording import MISLEADING

MARKUP = "x[link=https://evil.example]y[/nosuch]"
CONTROL = "\x1b[2J\x9b31m\u202e\u2028z"


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = vstore.create(tmp_path_factory.mktemp("r") / "r", author="Eve")
    field = np.dtype([(MARKUP.replace("/", "|"), "i4")])
    with made.transaction("main", message=f"{MARKUP} {CONTROL}") as tx:
        columns = {"n": vstore.ndarray((), field), "t": vstore.text()}
        table = tx.create_table("t", columns, attributes={"a": CONTROL})
        table.extend({"n": np.zeros(2, field), "t": [CONTROL, MARKUP]})
    return made.url


@pytest.mark.parametrize(
    "command", [["summary"], ["show"], ["log"], ["show", "t"], ["show", "t", "0"], ["diff"]]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_of_it_reaches_a_terminal(
    url: str, command: list[str], as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    verb, *rest = command
    result = CliRunner().invoke(app, [verb, url, *rest, *(["--json"] if as_json else [])])
    assert result.exit_code in (0, 1), result.output
    shown = result.output.replace("\x1b[0m", "")
    assert "\x1b]8" not in shown
    assert "\x1b[2J" not in shown
    assert not set("\x9b\u202e\u2028") & set(shown)
    if as_json and result.exit_code == 0 and verb != "log":
        json.loads(result.output)


def test_printed_objects_are_plain_too(url: str) -> None:
    repo = vstore.open(url)
    head = repo.commit("main")
    assert head.message.endswith(CONTROL)
    for printed in (repo.checkout("main").summary(), head, repo.diff("main")):
        assert not MISLEADING.search(str(printed).replace("\n", ""))


def test_places_are_plain_when_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = CliRunner().invoke(app, ["init", str(tmp_path / "x\x1b[2J\u202ey")])
    assert result.exit_code == 0, result.output
    assert "\x1b[2J" not in result.output
    assert "\u202e" not in result.output
