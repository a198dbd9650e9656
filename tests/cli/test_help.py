"""The list of commands is complete, and every command has help."""

import contextlib
import json
import os
import platform
import re
import subprocess
import sys

import pytest

import vstore
from tests.cli.terminal import Run
from vstore.cli.groups import load
from vstore.cli.help_text import SHARED
from vstore.cli.registry import COMMANDS, VALUED
from vstore.cli.topics import TOPICS
from vstore.cli.words import REWRITING, WORDS
from vstore.version import __version__


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_each_command_says_itself(name: str) -> None:
    command = load(name)
    assert command.help.split("\n\n")[0] == COMMANDS[name].summary


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, name: str) -> None:
    assert f"vstore {name}" in run(name, "-h").out


def test_the_list_names_every_command(run: Run) -> None:
    shown = run("--help").out
    assert all(name in shown for name in COMMANDS)


def test_nothing_to_do_shows_the_list(run: Run) -> None:
    ended = run.any()
    assert ended.code == 2
    assert "Commands" in ended.out + ended.err or "init" in ended.out + ended.err


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(run: Run, flag: str) -> None:
    assert run(flag).out == f"vstore {__version__}\n"
    assert run("version").out == f"vstore {__version__}\n"


def test_versions_of_all_that_is_used(run: Run) -> None:
    shown = run("version", "--all").out
    assert f"vstore    {__version__}" in shown
    assert platform.python_version() in shown
    found = run("version", "--json").json
    assert found["vstore"] == __version__
    assert found["python"].endswith(platform.python_version())


def test_an_unknown_command_suggests_the_near_one(run: Run) -> None:
    assert "did you mean `vstore branch`?" in run.misused("brnch")


@pytest.mark.parametrize("word", WORDS)
def test_words_of_other_programs_are_answered(run: Run, word: str) -> None:
    if word not in COMMANDS:
        assert WORDS[word] in run.misused(word)
        assert WORDS[word] in run.misused("help", word)


@pytest.mark.parametrize("word", sorted({*REWRITING, "stash", "squish", "reste", "undoo", "rebse"}))
def test_what_rewrites_is_never_suggested(run: Run, word: str) -> None:
    for typed in (word[1:], word[:-1] + "x", word + "s", word[0] + word):
        if typed not in COMMANDS:
            said = run.misused(typed)
            assert not any(f"`vstore {name}`" in said.split("hint: ")[1] for name in REWRITING)


def test_rewriting_commands_are_all_listed() -> None:
    changing = {"amend", "gc", "rebase", "reset", "squash", "undo"}
    assert changing <= set(COMMANDS) & REWRITING


@pytest.mark.parametrize("group", ["branch", "tag"])
def test_a_name_alone_is_made_where_a_repository_is(run: Run, group: str) -> None:
    assert "no repository given" in run.fails(group, "frobnicate")


def test_an_unknown_option(run: Run) -> None:
    assert "No such option: --frobnicate" in run.misused("log", "--frobnicate")
    found = run.any("log", "--frobnicate", "--json")
    assert found.json["error"]["code"] == "usage"


def helps() -> list[list[str]]:
    loaded = {name: load(name) for name in COMMANDS}
    inner = [[name, each] for name in loaded for each in getattr(loaded[name], "commands", ())]
    return [*([name] for name in COMMANDS), *inner]


LONG = {
    "import": 62,
    "policy": 40,
    "push": 35,
    "clone": 35,
    "gc": 45,
    "purge": 50,
    "fsck": 50,
    "show": 40,
    "log": 40,
    "diff": 40,
    "export": 60,
}
"""Commands with many options; all others are explained in 30 lines."""


@pytest.mark.parametrize("words", helps(), ids=" ".join)
def test_help_is_short_and_points_to_what_is_common(run: Run, words: list[str]) -> None:
    shown = run(*words, "--help", COLUMNS="80").out
    lines = shown.splitlines()
    assert len(lines[0]) <= 80
    assert lines[0].endswith(".")
    assert len(lines) <= LONG.get(words[0], 30)
    assert lines[-1] == "Options of every command: vstore help options"
    assert shown == run("help", *words, COLUMNS="80").out
    assert "--debug" not in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_help_fits_its_width(run: Run, width: int) -> None:
    for words in helps():
        for line in run(*words, "--help", COLUMNS=str(width)).out.splitlines():
            assert len(line) <= width or line.lstrip().startswith("vstore ")


def test_topics(run: Run) -> None:
    for name in TOPICS:
        assert run("help", name).out == TOPICS[name]
    assert run("help").out == run("--help").out
    for option in VALUED:
        assert option in run("help", "options").out


def test_options_with_values_are_known_before_a_command_is_loaded() -> None:
    shared = [each for each in load("log").params if each.rich_help_panel == SHARED]
    valued = [each for each in shared if not each.is_flag and not each.count]
    assert {name for each in valued for name in each.opts} == VALUED


def test_options_may_be_in_front_of_the_command(run: Run) -> None:
    vstore.create("repo")
    found = run("--json", "-C", "repo", "branch", "list")
    assert found.json == []
    assert run("-R", "repo", "--json", "tag").json == []
    assert "there is no directory" in run.fails("-C", "nowhere", "log")


ON_A_TERMINAL = """
import json, os, sys
from vstore.cli import app
for words in json.loads(sys.argv[1]):
    for width in (40, 80, 200):
        os.environ["COLUMNS"] = str(width)
        for last, code in (("--help", 0), ("--frobnicate", 2)):
            if words == ["import"] and last != "--help":
                continue  # which options there are is known with the source
            print(f"<{width}>", flush=True)
            try:
                app([*words, last])
            except SystemExit as stop:
                assert stop.code == code, (words, last, stop.code)
            sys.stderr.flush()
print("<end>")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "colors", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}], ids=["plain", "colors"]
)
def test_help_and_misuse_fit_a_terminal(colors: dict[str, str]) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, json.dumps(helps())]
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")} | colors
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as child:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it
            while part := os.read(ours, 2**16):
                said += part
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.decode())
    assert child.returncode == 0, text[-2000:]
    assert text.rstrip().endswith("<end>")
    width = 0
    for line in text.splitlines():
        if (at := re.fullmatch(r"<(\d+)>", line)) is not None:
            width = int(at[1])
        elif not line.lstrip().startswith("vstore "):
            assert len(line) <= width or line.startswith(("error: ", "hint: ")), (width, line)
