"""`vstore branch` and `vstore tag`."""

import pytest

import vstore
from tests.cli.terminal import Run


class TestBranches:
    @pytest.mark.parametrize(
        "arguments", [["-R", "repo"], ["list", "--repo", "repo"], ["--repo=repo", "list"]]
    )
    def test_are_listed(self, run: Run, repo: vstore.Repository, arguments: list[str]) -> None:
        shown = run("branch", *arguments).out.splitlines()
        assert [line.rstrip() for line in shown] == [
            f"  dev   {repo.branches['dev'][:12]}  Add the training set",
            f"* main  {repo.branches['main'][:12]}  Fix a label",
        ]

    def test_are_listed_for_machines(self, run: Run, repo: vstore.Repository) -> None:
        assert run("branch", "-R", "repo", "--json").json == [
            {"name": "dev", "commit": repo.branches["dev"], "default": False},
            {"name": "main", "commit": repo.branches["main"], "default": True},
        ]

    def test_are_created(self, run: Run, repo: vstore.Repository) -> None:
        head = repo.branches["main"]
        shown = run("branch", "create", "new", "-R", "repo").out
        assert shown == f"Created branch new at {head[:12]}\n"
        made = run("branch", "-R", "repo", "create", "old", "--at", "v1", "--json").json
        assert made == {"name": "old", "commit": repo.tags["v1"]}
        assert (repo.branches["new"], repo.branches["old"]) == (head, repo.tags["v1"])

    def test_options_of_a_command_may_be_in_front_of_its_name(
        self, run: Run, repo: vstore.Repository
    ) -> None:
        run("branch", "--at", "v1", "-R", "repo", "create", "old")
        assert repo.branches["old"] == repo.tags["v1"]

    def test_are_deleted(self, run: Run, repo: vstore.Repository) -> None:
        head = repo.branches["dev"]
        shown = run("branch", "delete", "dev", "-R", "repo").out
        assert shown == (
            f"Deleted branch dev, which was at {head[:12]}; vstore undo dev restores it\n"
        )
        assert list(repo.branches) == ["main"]

    def test_with_commits_of_their_own_are_kept(self, run: Run, repo: vstore.Repository) -> None:
        repo.branches.create("own")
        with repo.transaction("own", message="Change") as tx:
            tx["train"]["label"][0] = 9
        said = run.fails("branch", "delete", "own", "-R", "repo")
        assert "on no other branch or tag" in said
        assert "`vstore branch delete --force " in said
        run("branch", "delete", "own", "-R", "repo", "--force")
        assert list(repo.branches) == ["dev", "main"]

    @pytest.mark.parametrize("words", [["delete"], ["delete", "--force"], ["-D"], ["-m"]])
    def test_the_default_one_stays(
        self, run: Run, repo: vstore.Repository, words: list[str]
    ) -> None:
        new = ["new"] if "-m" in words else []
        said = run.fails("branch", *words, "main", *new, "-R", "repo")
        assert "is the default branch" in said
        assert list(repo.branches) == ["dev", "main"]

    def test_deleted_ones_are_told_from_those_that_never_were(
        self, run: Run, repo: vstore.Repository
    ) -> None:
        run("branch", "-d", "dev", "-R", "repo")
        for words in (["branch", "-d", "dev"], ["reflog", "dev"]):
            said = run.fails(*words, "-R", "repo")
            assert "'dev' was deleted on" in said
            assert "`vstore undo dev`" in said
        assert "there is no branch 'never'" in run.fails("reflog", "never", "-R", "repo")

    def test_have_gits_short_forms(self, run: Run, repo: vstore.Repository) -> None:
        run("branch", "new", "-R", "repo")
        run("branch", "old", "v1", "-R", "repo")
        assert (repo.branches["new"], repo.branches["old"]) == (
            repo.branches["main"],
            repo.tags["v1"],
        )
        run("branch", "-m", "old", "older", "-R", "repo")
        run("branch", "-d", "new", "-R", "repo")
        assert list(repo.branches) == ["dev", "main", "older"]

    def test_called_like_a_command_are_made_by_name(
        self, run: Run, repo: vstore.Repository
    ) -> None:
        run("branch", "create", "list", "-R", "repo")
        assert "list" in repo.branches

    def test_two_starting_points_are_refused(self, run: Run, repo: vstore.Repository) -> None:
        assert "give one of them" in run.fails("branch", "x", "v1", "--at", "dev", "-R", "repo")
        assert "x" not in repo.branches

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["create", "dev"], "there is a branch 'dev' already"),
            (["create", "a b"], "is not allowed"),
            (["create", "new", "--at", "nope"], "no branch, tag or commit is called 'nope'"),
            (["delete", "nope"], "there is no branch 'nope'"),
        ],
    )
    def test_that_cannot_be(
        self, run: Run, repo: vstore.Repository, arguments: list[str], said: str
    ) -> None:
        assert said in run.fails("branch", *arguments, "-R", "repo")
        assert list(repo.branches) == ["dev", "main"]


class TestTags:
    def test_are_listed(self, run: Run, repo: vstore.Repository) -> None:
        tag = repo.tags.get("v1")
        shown = run("tag", "-R", "repo").out.split()
        assert shown == ["v1", tag.commit[:12], tag.time[:10], "First"]

    def test_show_their_metadata_where_asked(self, run: Run, repo: vstore.Repository) -> None:
        run("tag", "create", "v2", "--metadata", "approved_by=Dana", "-R", "repo")
        assert repo.tags.get("v2").metadata == {"approved_by": "Dana"}
        assert 'approved_by = "Dana"' in run("tag", "list", "-v", "-R", "repo").out
        assert 'tag: v2 [approved_by = "Dana"]' in run("log", "repo", "--decorate").out
        run("tag", "delete", "v2", "-R", "repo")
        run("undo", "repo@v2")
        assert repo.tags.get("v2").metadata == {"approved_by": "Dana"}

    def test_are_listed_for_machines(self, run: Run, repo: vstore.Repository) -> None:
        tag = repo.tags.get("v1")
        assert run("tag", "list", "-R", "repo", "--json").json == [
            {
                "name": "v1",
                "commit": tag.commit,
                "author": {"name": "Bob", "email": "bob@example.org"},
                "time": tag.time,
                "message": "First",
                "metadata": {},
            }
        ]

    def test_are_created(self, run: Run, repo: vstore.Repository) -> None:
        head = repo.branches["main"]
        shown = run("tag", "create", "v2", "-m", "Second", "-R", "repo").out
        assert shown == f"Created tag v2 at {head[:12]}\n"
        tag = repo.tags.get("v2")
        assert (tag.commit, tag.message, str(tag.author)) == (
            head,
            "Second",
            "Ann Lee <ann@example.org>",
        )

    def test_are_created_for_machines(self, run: Run, repo: vstore.Repository) -> None:
        made = run("tag", "create", "v2", "--at", "dev", "-R", "repo", "--json").json
        assert (made["name"], made["commit"]) == ("v2", repo.branches["dev"])

    def test_are_deleted(self, run: Run, repo: vstore.Repository) -> None:
        assert run("tag", "delete", "v1", "-R", "repo", "--json").json["name"] == "v1"
        assert list(repo.tags) == []

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["create", "v1"], "there is a tag 'v1' already, and tags do not move"),
            (["create", "v2", "--at", "nope"], "is called 'nope'"),
            (["delete", "nope"], "there is no tag 'nope'"),
        ],
    )
    def test_that_cannot_be(
        self, run: Run, repo: vstore.Repository, arguments: list[str], said: str
    ) -> None:
        assert said in run.fails("tag", *arguments, "-R", "repo")
        assert list(repo.tags) == ["v1"]


def test_branches_of_remotes_are_apart(run: Run, repo: vstore.Repository) -> None:
    vstore.clone("repo", "mine")
    with repo.transaction("main", message="Ahead") as tx:
        tx["train"]["label"][0] = 5
    assert "origin/" not in run("branch", "mine").out
    assert set(run("branch", "mine", "-r").out.split()) >= {"origin/main", "origin/dev"}
    assert "* main" in run("branch", "list", "mine", "--all").out
    run("fetch", "-R", "mine")
    assert "origin/main: 0 ahead, 1 behind" in run("branch", "-vv", "-R", "mine").out
    assert "origin/main: 0 ahead, 1 behind" in run("status", "mine").out
    (main,) = (each for each in run("status", "mine", "--json").json["branches"])
    assert main["upstreams"] == [{"name": "origin/main", "ahead": 0, "behind": 1}]


def test_transfers_are_quiet_when_asked(run: Run, repo: vstore.Repository) -> None:
    assert repo.url.endswith("repo")
    assert run("-q", "clone", "repo", "mine").out == ""
    assert run("-q", "fetch", "-R", "mine").out == ""
    assert run("-q", "push", "-R", "mine").out == ""
