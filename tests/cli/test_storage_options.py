"""`--option NAME=VALUE`."""

from typing import Any

import pytest
import typer

from tests.cli.terminal import Run
from vstore.cli.storage_options import parse_options


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=abc", "abc"),
        ("x=a=b", "a=b"),
        ("x=", ""),
        ("x=true", True),
        ("x=null", None),
        ("x=17", 17),
        ("x=1.5", 1.5),
        ("x=007", "007"),
        ('x="17"', "17"),
        ('x={"a": [1]}', {"a": [1]}),
        ("x={broken", "{broken"),
        ("x=True", "True"),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert parse_options([text]) == {"x": value}


def test_dots_lead_into_mappings() -> None:
    assert parse_options(["a.b.c=1", "a.d=2", "e=3"]) == {"a": {"b": {"c": 1}, "d": 2}, "e": 3}


def test_the_last_one_counts() -> None:
    assert parse_options(["a=1", "a=2"]) == {"a": 2}


@pytest.mark.parametrize("texts", [["hunter2"], ["=hunter2"], ["a.=hunter2"], [".a=hunter2"]])
def test_malformed_ones_are_refused_and_not_repeated(run: Run, texts: list[str]) -> None:
    with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
        parse_options(texts)
    said = run.misused("log", "x", "--option", texts[0])
    assert "hunter2" not in said
    assert "NAME=VALUE" in said


def test_whole_and_in_parts_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="both whole and in parts"):
        parse_options(["a=1", "a.b=2"])


def test_where_none_are_taken(run: Run) -> None:
    ended = run.any("log", "./x", "--option", "key=hunter2", "--debug")
    assert ended.code == 1
    assert "takes no storage options" in ended.err
    assert "hunter2" not in ended.err
