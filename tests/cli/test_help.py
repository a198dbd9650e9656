"""The list of commands is complete, and every command has help."""

import pytest

from tests.cli.terminal import Run
from vstore.cli.groups import load
from vstore.cli.registry import COMMANDS
from vstore.version import __version__


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_each_command_says_itself(name: str) -> None:
    command = load(name)
    assert command.help.split("\n\n")[0] == COMMANDS[name].summary


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(run: Run, name: str, flag: str) -> None:
    assert f"vstore {name}" in run(name, flag).out or name in run(name, flag).out


def test_the_list_names_every_command(run: Run) -> None:
    shown = run("--help").out
    assert all(name in shown for name in COMMANDS)


def test_nothing_to_do_shows_the_list(run: Run) -> None:
    ended = run.any()
    assert ended.code == 2
    assert "Commands" in ended.out + ended.err or "init" in ended.out + ended.err


def test_version(run: Run) -> None:
    assert run("--version").out == f"vstore {__version__}\n"


def test_an_unknown_command_suggests_the_near_one(run: Run) -> None:
    assert "Did you mean 'branch'?" in run.misused("brnch")


@pytest.mark.parametrize("group", ["branch", "tag"])
def test_an_unknown_command_of_a_group(run: Run, group: str) -> None:
    assert "No such command 'frobnicate'" in run.misused(group, "frobnicate")


def test_an_unknown_option(run: Run) -> None:
    assert "No such option: --frobnicate" in run.misused("log", "--frobnicate")
