"""Who commits: the option, the environment, Git, the login name."""

import subprocess
from pathlib import Path

import pytest

from vstore.cli.author import find_author
from vstore.format.commit import Author


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and no Git repository around."""
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.delenv("GIT_CONFIG_COUNT", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(name: str, value: str) -> None:
    subprocess.run(["git", "config", "--global", name, value], check=True)


def test_the_option_comes_first() -> None:
    assert find_author("Ann", {"VSTORE_AUTHOR": "Bob"}) == "Ann"


def test_the_environment_comes_next() -> None:
    assert find_author(None, {"VSTORE_AUTHOR": "Bob <b@x.org>"}) == "Bob <b@x.org>"


def test_the_environment_may_give_it_in_parts() -> None:
    parts = {"VSTORE_AUTHOR_NAME": "Bob", "VSTORE_AUTHOR_EMAIL": "b@x.org"}
    assert find_author(None, parts) == Author("Bob", "b@x.org")
    assert find_author(None, {"VSTORE_AUTHOR_NAME": "Bob"}) == Author("Bob")


def test_a_malformed_part_is_kept_to_be_refused() -> None:
    parts = {"VSTORE_AUTHOR_NAME": "Bob", "VSTORE_AUTHOR_EMAIL": "b x"}
    assert find_author(None, parts) == "Bob <b x>"


def test_git_comes_last(git: Path) -> None:
    configure("user.name", "Carol  Größe")
    assert find_author(None, {}) == Author("Carol  Größe")
    configure("user.email", "c@x.org")
    assert find_author(None, {}) == Author("Carol  Größe", "c@x.org")


@pytest.mark.parametrize("name", ["<>", "", "a\nb"])
def test_what_git_has_is_left_out_where_it_cannot_be_an_author(git: Path, name: str) -> None:
    configure("user.name", name)
    assert find_author(None, {}) is None


def test_nobody_says(git: Path) -> None:
    assert find_author(None, {}) is None


def test_no_git(git: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(git))
    assert find_author(None, {}) is None
