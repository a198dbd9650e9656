"""What commands load in a fresh process, counted in modules: seconds depend on the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

import vstore
from vstore.cli.registry import COMMANDS

RUN = """
import contextlib, io, sys
from vstore.cli import main
sys.argv = ["vstore", *sys.argv[1:]]
code = 0
with contextlib.redirect_stdout(io.StringIO()) as out:
    try:
        main()
    except SystemExit as stop:
        code = stop.code
assert not code, code
assert out.getvalue()
print(*sys.modules)
"""

OPEN = {"vstore.errors", "vstore.faces", "vstore.lazy", "vstore.version"}
"""What the command line imports of the library before a command runs."""

HEAVY = {"fsspec", "numcodecs", "numpy", "obstore"}
NOT_TO_LOOK = {
    *("vstore.diffing", "vstore.merging", "vstore.sharing", "vstore.writing", "vstore.hierarchy"),
    *("vstore.maintenance.fsck", "vstore.maintenance.gc.collecting", "vstore.maintenance.probe"),
    *("vstore.importers", "vstore.reader", "vstore.zarr", "rich.progress"),
}


def loaded_by(*words: str, script: str = RUN) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("vstore.")}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a table, a tag and a second branch."""
    path = tmp_path_factory.mktemp("startup") / "repo"
    made = vstore.create(path)
    with made.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        table.extend({"x": [1, 2, 3]})
    made.branches.create("dev")
    made.tags.create("v1")
    return path


def test_the_list_of_commands_loads_no_command_and_no_library() -> None:
    loaded = loaded_by("--help")
    assert not loaded & HEAVY
    assert ours(loaded) == {
        *("vstore.cli", "vstore.cli.app", "vstore.cli.groups", "vstore.cli.registry"),
        *("vstore.cli.help_text", "vstore.cli.signals", "vstore.cli.usage", "vstore.cli.words"),
        *("vstore.lazy", "vstore.version", "vstore.wording"),
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_loads_nothing_of_what_it_does(name: str) -> None:
    loaded = loaded_by(name, "--help")
    assert not loaded & HEAVY
    library = {each for each in ours(loaded) if not each.startswith("vstore.cli")}
    assert library - {"vstore.wording"} <= OPEN
    assert len(ours(loaded)) < 34
    others = {entry.module for key, entry in COMMANDS.items() if key != name}
    assert not loaded & others


def test_the_help_of_a_command_asks_pydantic_nothing() -> None:
    assert "pydantic" not in loaded_by("log", "--help")


@pytest.mark.parametrize(
    "words",
    [
        *(("log",), ("log", "--oneline", "--graph"), ("log", "--json"), ("reflog",)),
        *(("branch",), ("branch", "--json"), ("tag",), ("tag", "--json"), ("show", "@main")),
    ],
    ids=" ".join,
)
def test_names_and_commits_are_shown_without_numpy(words: tuple[str, ...], repo: Path) -> None:
    loaded = loaded_by(*words, "--repo", str(repo))
    assert not loaded & (HEAVY | NOT_TO_LOOK)
    assert len(ours(loaded)) < 91


@pytest.mark.parametrize("words", [("summary",), ("summary", "--json"), ("show", "@main", "t")])
def test_a_commit_is_looked_at_without_writing(words: tuple[str, ...], repo: Path) -> None:
    loaded = loaded_by(*words, "--repo", str(repo))
    assert not loaded & (NOT_TO_LOOK | {"fsspec", "obstore"})
    assert len(ours(loaded)) < 148


LIBRARY = """
import sys, vstore
repo = vstore.open(sys.argv[1])
assert len(list(repo.log())) == 1
assert list(repo.branches) == ["dev", "main"]
assert list(repo.tags) == ["v1"]
print(*sys.modules)
"""


def test_a_program_that_reads_history_loads_neither_numpy_nor_writing(repo: Path) -> None:
    loaded = loaded_by(str(repo), script=LIBRARY)
    assert not loaded & (HEAVY | NOT_TO_LOOK)
    assert len(ours(loaded)) < 65
