"""`vstore init`."""

from pathlib import Path

import pytest

import vstore
from tests.cli.terminal import Run


def test_makes_a_repository(run: Run) -> None:
    assert run("init", "repo").out == f"Created an empty repository at {Path('repo').absolute()}\n"
    assert vstore.open("repo").default_branch == "main"


def test_tells_machines_about_it(run: Run) -> None:
    made = run("init", "repo", "--json", "--default-branch", "trunk").json
    found = vstore.open("repo").description
    assert made == {
        "url": str(Path("repo").absolute()),
        "id": found.id,
        "default_branch": "trunk",
    }


def test_a_repository_already_there_stays_as_it_is(run: Run) -> None:
    run("init", "repo")
    before = Path("repo/vstore.json").read_bytes()
    assert "there is a repository at" in run.fails("init", "repo")
    assert Path("repo/vstore.json").read_bytes() == before


def test_a_file_in_the_way(run: Run) -> None:
    Path("repo").touch()
    assert "is in the way" in run.fails("init", "repo")


def test_a_directory_that_may_not_be_written(run: Run) -> None:
    assert "/proc/nowhere" in run.fails("init", "/proc/nowhere")


@pytest.mark.parametrize("name", ["", "a b", "../x"])
def test_an_impossible_default_branch(run: Run, name: str) -> None:
    assert "branch" in run.fails("init", "repo", "--default-branch", name)
    assert not Path("repo").exists()


def test_a_url_that_names_no_store(run: Run) -> None:
    assert "names no bucket" in run.fails("init", "s3://")


def test_without_an_address_it_is_the_current_directory(run: Run) -> None:
    run("init")
    assert Path("vstore.json").is_file()


def test_repo_is_not_an_address_of_a_new_one(run: Run) -> None:
    assert "without --repo" in run.fails("init", "new", "--repo", "other")
