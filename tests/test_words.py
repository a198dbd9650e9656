"""`scripts/words.py` finds words of its list in the lines that a change adds, and nowhere else."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "words.py"


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a repository of Git with two files that have faults of their own."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("config", "user.name", "Ann")
    git("config", "user.email", "ann@example.org")
    Path("page.md").write_text("A pack lies beside it.\n", encoding="utf-8")
    Path("code.py").write_text("# made anew\nx = 1\n", encoding="utf-8")
    git("add", ".")
    git("commit", "-qm", "Begin")


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def check(*arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def add(name: str, text: str) -> None:
    with Path(name).open("a", encoding="utf-8") as file:
        file.write(text)


def test_lines_that_were_there_are_not_checked() -> None:
    add("page.md", "A plain sentence.\n")
    assert check() == (0, [])


def test_each_word_is_named_with_its_place_and_what_to_write() -> None:
    add("page.md", "Good.\nWhoever reads it, and so many others.\n")
    code, lines = check()
    assert code == 1
    assert lines == [
        "page.md:3: 'Whoever': name the reader: you, the caller, another writer",
        "page.md:3: 'so many': write 'this many', or the number",
    ]


@pytest.mark.parametrize(
    "line", ["besides", "`beside`", "what a hash stands for", "a document that lies about it",
             "so many that it fails", "a standalone program"],
)  # fmt: skip
def test_what_reads_well_passes(line: str) -> None:
    add("page.md", f"{line}\n")
    assert check() == (0, [])


def test_of_python_comments_and_strings_are_checked_and_names_are_not() -> None:
    add("code.py", 'beside = 1\n\n\ndef f() -> None:\n    """Tell whether.\n\n    Anew.\n    """\n')
    assert [line.partition(" ")[0] for line in check()[1]] == ["code.py:7:", "code.py:9:"]


def test_what_is_staged_is_checked_as_it_is_staged() -> None:
    add("page.md", "anew\n")
    git("add", ".")
    Path("page.md").write_text("Good.\n", encoding="utf-8")
    assert check()[0] == 0
    assert check("--cached")[0] == 1


def test_a_deleted_and_a_new_file() -> None:
    git("rm", "-q", "page.md")
    add("new.md", "Ask people.\n")
    git("add", ".")
    assert check("--cached") == (1, ["new.md:1: 'people': write 'users', or name them"])
