"""`vstore diff`, `blame`, `reflog` and the ways of `log`."""

import json
from itertools import chain
from typing import Any

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run


@pytest.fixture
def forked(repo: vstore.Repository) -> vstore.Repository:
    """The repository with two more branches, one of them merged."""
    for name in ("one", "two"):
        repo.branches.create(name)
        with repo.transaction(name, message=f"On {name}\n\nBody.") as tx:
            tx["train"].loc["k1" if name == "one" else "k2"] = {"label": 50}
    with repo.transaction("main", message="Meanwhile") as tx:
        tx["train"].loc["k3"] = {"label": 50}
    repo.merge("one", into="main")
    repo.merge("two", into="main")
    return repo


class TestDiff:
    def test_of_the_last_commit(self, run: Run, repo: vstore.Repository) -> None:
        assert run("diff", "repo").out == "train/label: 1 sample changed ('k7')\n"
        assert run("diff", "-R", "repo").out == run("diff", "repo@dev", "main").out

    def test_of_the_first_commit(self, run: Run, repo: vstore.Repository) -> None:
        repo.reset("main", to="main~1")
        shown = run("diff", "-R", "repo").out.splitlines()
        assert "train: table added, 10 samples" in shown

    @pytest.mark.parametrize(
        "arguments",
        [
            ["repo@dev"],
            ["repo@dev", "main"],
            ["repo@dev..main"],
            ["repo@dev...main"],
            ["-R", "repo", "dev", "main"],
            ["-R", "repo", "main~1..main", "train"],
            ["-R", "repo", "dev", "main", "train/label"],
        ],
    )
    def test_between_revisions(
        self, run: Run, repo: vstore.Repository, arguments: list[str]
    ) -> None:
        assert run("diff", *arguments).out == "train/label: 1 sample changed ('k7')\n"

    def test_elsewhere_is_empty(self, run: Run, repo: vstore.Repository) -> None:
        assert run("diff", "repo@dev", "main", "climate", "train/caption").out == ""
        assert run("diff", "repo@main", "main").out == ""

    def test_with_statistics(self, run: Run, repo: vstore.Repository) -> None:
        shown = run("diff", "repo", "--stat").out.splitlines()
        assert shown[1] == (
            "    1 of 1 elements, |difference| max 63 mean 63, mean 7 -> 70, histogram shift 100%"
        )

    def test_for_machines(self, run: Run, repo: vstore.Repository) -> None:
        found = run("diff", "repo@dev..main", "--json", "--stat").json
        assert (found["old"], found["new"]) == (repo.branches["dev"], repo.branches["main"])
        (table,) = found["tables"]
        assert table["changed"] == {"label": ["k7"]}
        assert table["statistics"]["label"]["max_abs"] == 63

    def test_tells_by_its_exit_code(self, run: Run, repo: vstore.Repository) -> None:
        assert run.any("diff", "repo@dev", "main", "--exit-code").code == 1
        assert run.any("diff", "repo@main", "main", "--exit-code").code == 0

    def test_of_nothing_known(self, run: Run, repo: vstore.Repository) -> None:
        assert "is called 'nope'" in run.fails("diff", "repo@nope")
        assert "is called 'nope'" in run.fails("diff", "repo@main", "nope")


class TestLog:
    def test_draws_a_graph(self, run: Run, forked: vstore.Repository) -> None:
        repo = forked
        lines = run("log", "repo", "--graph", "--oneline").out.splitlines()
        for commit in repo.log():
            lines = [line.replace(commit.id[:12], "-") for line in lines]
        assert sorted(lines[4:7]) == ["* | | - Meanwhile", "| * | - On one", "| | * - On two"]
        del lines[4:7]
        assert lines == [
            "* - Merge two into main",
            "|\\",
            "* | - Merge one into main",
            "|\\ \\",
            "|/ /",
            "|/",
            "* - Fix a label",
            "* - Add the training set",
        ]

    def test_draws_beside_whole_messages(self, run: Run, forked: vstore.Repository) -> None:
        lines = run("log", "repo", "--graph").out.splitlines()
        assert lines[0] == f"* commit {forked.branches['main']}"
        assert lines[1].startswith("|\\   Merge:  ")
        assert all(line == line.rstrip() for line in lines)
        assert sum("Body." in line for line in lines) == 2

    def test_of_a_sample(self, run: Run, forked: vstore.Repository) -> None:
        for path in ("train", "train/label"):
            shown = run("log", "repo", "--path", path, "--sample", "k7", "--oneline").out
            assert [line[13:] for line in shown.splitlines()] == [
                "Fix a label",
                "Add the training set",
            ]
        shown = run("log", "repo", "--path", "train/image", "--sample", "k7", "--oneline").out
        assert len(shown.splitlines()) == 1

    def test_page_by_page(self, run: Run, forked: vstore.Repository) -> None:
        whole = run("log", "repo", "--oneline").out.splitlines()
        pages = [
            run("log", "repo", "--oneline", "--skip", str(n), "-n", "2").out.splitlines()
            for n in range(0, len(whole) + 2, 2)
        ]
        assert list(chain.from_iterable(pages)) == whole

    def test_refuses_what_does_not_go_together(self, run: Run, repo: vstore.Repository) -> None:
        assert "leave out --path" in run.fails("log", "repo", "--graph", "--path", "train")
        assert "give the --path" in run.fails("log", "repo", "--sample", "k7")
        said = run.fails("log", "repo", "--path", "climate/temperature", "--sample", "k7")
        assert "neither a table nor a column" in said
        assert "there is no 'nope'" in run.fails("log", "repo", "--path", "nope", "--sample", "k")


class TestBlame:
    def test_column_by_column(self, run: Run, repo: vstore.Repository) -> None:
        newest, oldest = (commit.id[:12] for commit in repo.log())
        shown = [line.split()[:2] for line in run("blame", "repo", "train", "k7").out.splitlines()]
        assert sorted(shown) == [
            ["train/caption", oldest],
            ["train/image", oldest],
            ["train/label", newest],
        ]
        assert newest not in run("blame", "repo", "train", "k6").out

    def test_of_one_column_for_machines(self, run: Run, repo: vstore.Repository) -> None:
        found = run("blame", "repo", "train/label", "k7", "--json").json
        assert found["train/label"]["id"] == repo.branches["main"]

    @pytest.mark.parametrize(
        ("kind", "keys", "text"),
        [(None, None, "1"), ("int", [5, 7], "7"), ("tuple", [("a", 1), ("a", 2)], '["a", 2]')],
    )
    def test_of_keys_of_every_kind(self, run: Run, kind: Any, keys: Any, text: str) -> None:
        repo = vstore.create("repo")
        with repo.transaction("main", message="Start") as tx:
            table = tx.create_table("t", {"x": vstore.ndarray((), "int8")}, keys=kind)
            table.extend({"x": np.arange(2)}, keys=keys)
        with repo.transaction("main", message="Change") as tx:
            tx["t"]["x"][1] = 9
        assert "Change" in run("blame", "repo@main", "t", text).out
        assert "Change" in run("log", "repo", "--path", "t", "--sample", text).out
        assert "got 'x y'" in run.fails("blame", "repo@main", "t", "x y")

    def test_of_each_sample_below_the_beginning_of_tuples(self, run: Run) -> None:
        repo = vstore.create("repo")
        with repo.transaction("main", message="Start") as tx:
            table = tx.create_table("t", {"x": vstore.ndarray((), "int8")}, keys="tuple")
            table.extend({"x": np.arange(3)}, keys=[("a", 1), ("b", 1), ("a", 2)])
        with repo.transaction("main", message="Change") as tx:
            tx["t"]["x"][2] = 9
        first, second = run("blame", "repo@main", "t", '["a"]').out.splitlines()
        assert "('a', 1)" in first
        assert first.rstrip().endswith("Start")
        assert "('a', 2)" in second
        assert second.rstrip().endswith("Change")
        found = run("blame", "repo@main", "t/x", '["a"]', "--json").json["t/x"]
        assert [(each["key"], each["message"]) for each in found] == [
            (["a", 1], "Start"),
            (["a", 2], "Change"),
        ]

    def test_of_nothing(self, run: Run, repo: vstore.Repository) -> None:
        assert "there is no sample 'k99'" in run.fails("blame", "repo@main", "train", "k99")
        assert "there is no 'nope'" in run.fails("blame", "repo@main", "nope", "k1")


def test_the_reflog_names_where_a_branch_was(run: Run, repo: vstore.Repository) -> None:
    repo.reset("main", to="main~1")
    lines = run("reflog", "-R", "repo").out.splitlines()
    assert lines[0].startswith(f"main@{{0}}  {repo.branches['main'][:12]}")
    assert "reset: to" in lines[0]
    moved = run("reflog", "-R", "repo", "--json").json
    assert moved[1]["commit"] == repo.resolve("main@{1}")
    assert "there is no branch 'nope'" in run.fails("reflog", "nope", "-R", "repo")


def test_json_is_one_document(run: Run, forked: vstore.Repository) -> None:
    assert len(json.loads(run("log", "repo", "--graph", "--json").out)) == 7
