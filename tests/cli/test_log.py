"""`vstore log`."""

import pytest

import vstore
from tests.cli.terminal import Run
from vstore.format.commit import format_time


def test_shows_commits_as_git_does(run: Run, repo: vstore.Repository) -> None:
    newest, oldest = repo.log()
    assert run("log", "repo").out == (
        f"commit {newest.id}\n"
        "Author: Bob <bob@example.org>\n"
        f"Date:   {newest.time:%Y-%m-%d %H:%M:%S} UTC\n"
        "\n"
        "    Fix a label\n"
        "\n"
        "    train  1 changed\n"
        "\n"
        f"commit {oldest.id}\n"
        "Author: Bob <bob@example.org>\n"
        f"Date:   {oldest.time:%Y-%m-%d %H:%M:%S} UTC\n"
        "\n"
        "    Add the training set\n"
        "\n"
        "    All of it.\n"
        "\n"
        "    climate/temperature  1 changed, schema\n"
        "    train                10 added, schema\n"
    )


def test_shows_metadata(run: Run, repo: vstore.Repository) -> None:
    repo.amend("main", metadata={"ticket": 7, "tools": ["ä", None]})
    lines = run("log", "repo", "-n", "1").out.splitlines()
    assert lines[3:5] == ["Meta:   ticket = 7", 'Meta:   tools = ["ä", null]']


def test_one_line_each(run: Run, repo: vstore.Repository) -> None:
    newest, oldest = repo.log()
    assert run("log", "repo", "--oneline").out == (
        f"{newest.id[:12]} Fix a label\n{oldest.id[:12]} Add the training set\n"
    )


def test_names_branches_and_tags_when_asked(run: Run, repo: vstore.Repository) -> None:
    newest, oldest = repo.log()
    assert run("log", "repo", "--oneline", "--decorate").out == (
        f"{newest.id[:12]} (main) Fix a label\n"
        f"{oldest.id[:12]} (dev, tag: v1) Add the training set\n"
    )


def test_tells_machines(run: Run, repo: vstore.Repository) -> None:
    newest, oldest = repo.log()
    found = run("log", "repo", "--json").json
    assert [commit["id"] for commit in found] == [newest.id, oldest.id]
    assert found[0] == {
        "id": newest.id,
        "parents": [oldest.id],
        "author": {"name": "Bob", "email": "bob@example.org"},
        "time": format_time(newest.time),
        "message": "Fix a label",
        "metadata": {},
        "changes": {"train": {"added": 0, "changed": 1, "removed": 0, "schema": False}},
    }


def test_limits(run: Run, repo: vstore.Repository) -> None:
    assert len(run("log", "repo", "--json", "--limit", "1").json) == 1
    assert "1" in run.misused("log", "repo", "-n", "0")


def test_a_range(run: Run, repo: vstore.Repository) -> None:
    assert run("log", "repo@dev..main", "--oneline").out.endswith("Fix a label\n")
    assert len(run("log", "repo@dev..main", "--json").json) == 1
    assert run("log", "repo@main..dev", "--json").json == []


def test_a_path(run: Run, repo: vstore.Repository) -> None:
    found = run("log", "repo", "--path", "climate", "--json").json
    assert [commit["message"].split("\n")[0] for commit in found] == ["Add the training set"]


def revisions(repo: vstore.Repository) -> list[tuple[str, ...]]:
    oldest = list(repo.log())[1].id
    return [
        ("repo@dev",),
        ("repo@v1",),
        (f"repo@{oldest}",),
        (f"repo@{oldest[:8]}",),
        ("repo@main~1",),
        ("repo@main^",),
        ("repo", "--rev", "dev"),
        ("--repo", "repo", "dev"),
        ("-R", "repo", "@dev"),
        ("-R", "repo", "--rev", "dev"),
    ]


@pytest.mark.parametrize("number", range(10))
def test_revisions(run: Run, repo: vstore.Repository, number: int) -> None:
    found = run("log", *revisions(repo)[number], "--json").json
    assert [commit["id"] for commit in found] == [list(repo.log())[1].id]


@pytest.mark.parametrize("target", [["dev"], ["@dev"], ["--rev", "dev"]])
def test_revisions_of_the_default_repository(
    run: Run, repo: vstore.Repository, target: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(run("log", *target, "--json", VSTORE_URL="repo").json) == 1
    monkeypatch.chdir("repo")
    assert len(run("log", *target, "--json").json) == 1


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        (
            "nope",
            "no branch, tag or commit is called 'nope'\nhint: the branches are: 'dev', 'main'",
        ),
        ("main~9", "has only 1 ancestors"),
        ("main^2", "has 1 parents, not 2"),
        ("f" * 64, "there is no "),
        ("~", "'~' is not allowed"),
    ],
)
def test_revisions_that_name_nothing(
    run: Run, repo: vstore.Repository, revision: str, said: str
) -> None:
    assert said in run.fails("log", f"repo@{revision}")


def test_an_ambiguous_prefix(run: Run) -> None:
    repo = vstore.create("repo")
    prefixes: set[str] = set()
    prefix = ""
    while prefix not in prefixes:
        prefixes.add(prefix)
        with repo.transaction("main", message="", allow_empty=True):
            pass
        prefix = repo.branches["main"][:4]
    said = run.fails("log", f"repo@{prefix}")
    assert f"the prefix {prefix!r} is ambiguous: 2 commits begin with it" in said
    assert "give more digits" in said


def test_nothing_committed_yet(run: Run) -> None:
    run("init", "repo")
    assert "nothing was committed to 'main'" in run.fails("log", "repo")


@pytest.mark.parametrize("url", ["nowhere/at/all", "/nowhere", "./nowhere@main"])
def test_no_repository(run: Run, url: str) -> None:
    said = run.fails("log", url if "/" in url[:2] else f"{url}@main")
    assert "there is no vstore repository at" in said


def test_no_repository_named(run: Run) -> None:
    assert "no repository given" in run.fails("log")
    assert "'main' is not a repository" in run.fails("log", "main")


def test_messages_cannot_steer_the_terminal(run: Run) -> None:
    repo = vstore.create("repo", author="Eve\x1b[2J")
    with repo.transaction("main", message="red \x1b[31m\u202e [bold]text[/bold]") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")[:] = 1
    for arguments in (["log", "repo"], ["log", "repo", "--oneline"], ["show", "repo@main"]):
        shown = run(*arguments).out
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "red ?[31m? [bold]text[/bold]" in shown
