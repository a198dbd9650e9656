"""Options for servers: how long to wait, how often to ask, what is logged."""

import socket
from collections.abc import Iterator

import pytest

from tests.cli.terminal import Run

KEYS = ["--option", "key=accesskey", "--option", "secret=hunter2-hunter2"]
REGION = ["--option", "client_kwargs.region_name=eu-1"]


@pytest.fixture
def nobody() -> Iterator[list[str]]:
    """Options for a server that is not there: nothing listens at the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield [
            *KEYS,
            *REGION,
            "--option",
            f"endpoint_url=http://127.0.0.1:{taken.getsockname()[1]}",
        ]


def test_a_server_that_is_not_reached_is_told_from_a_failure(run: Run, nobody: list[str]) -> None:
    words = ["log", "s3://bucket/x", *nobody, "--attempts", "1", "--timeout", "2", "--json"]
    ended = run.any(*words)
    assert ended.code == 4
    assert ended.json["error"]["code"] == "server-unreachable"


def test_attempts_are_logged_without_secrets(run: Run, nobody: list[str]) -> None:
    said = run.any("log", "s3://bucket/x", *nobody, "--attempts", "2", "--timeout", "2", "-v").err
    assert "vstore.storage: s3://bucket/x is reached by " in said
    assert said.count("failed (UNREACHABLE)") == 2
    assert "hunter2" not in said


def test_they_are_of_no_matter_to_folders(run: Run) -> None:
    run("init", "repo", "--timeout", "1", "--attempts", "1")
    assert run("branch", "repo", "-vv", "--timeout", "1").out == ""


@pytest.mark.parametrize("words", [["--attempts", "0"], ["--timeout", "0"], ["--timeout", "x"]])
def test_wrong_numbers(run: Run, words: list[str]) -> None:
    assert words[0] in run.misused("log", "repo", *words)
