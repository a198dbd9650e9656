"""`vstore ls`, `vstore du` and `vstore status`."""

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run


class TestLs:
    def test_lists_what_is_at_a_path(self, run: Run, repo: vstore.Repository) -> None:
        assert run("ls", "repo").out == "climate\ntrain\n"
        assert run("ls", "repo", "climate").out == "climate/temperature\n"
        assert run("ls", "repo", "train/image").out == "train/image\n"
        assert run("ls", "repo", "/train/").out == "train/caption\ntrain/image\ntrain/label\n"
        assert run("ls", "repo", "-r").out.split() == [
            *("climate", "climate/temperature", "train"),
            *("train/caption", "train/image", "train/label"),
        ]

    def test_says_what_things_are(self, run: Run, repo: vstore.Repository) -> None:
        shown = run("ls", "repo", "-rl").out
        for words in ("10 samples", "ndarray uint8", "(10, 5, 4)", "group", "array float32"):
            assert words in shown
        found = {entry["path"]: entry for entry in run("ls", "repo", "-r", "--json").json}
        stored = [entry["stored_nbytes"] for path, entry in found.items() if "train/" in path]
        assert found["train"]["stored_nbytes"] == sum(stored) > 0
        assert found["train/image"]["nbytes"] == 10 * 5 * 4
        assert found["train"]["nbytes"] is None
        assert found["climate/temperature"]["shape"] == [3, 4]

    def test_of_nothing_and_of_nowhere(self, run: Run, repo: vstore.Repository) -> None:
        assert "did you mean 'train'?" in run.fails("ls", "repo", "trian")
        with repo.transaction("empty" if "empty" in repo.branches else "dev", message="E") as tx:
            tx.delete("train")
            tx.delete("climate")
        assert run("ls", "repo@dev").out == ""
        assert run("ls", "repo@dev", "-l").out == ""


class TestDu:
    @pytest.fixture
    def shared(self, run: Run) -> vstore.Repository:
        """Two tables that hold the same samples, by copy, and one that holds others."""
        repo = vstore.create("shared")
        noise = np.random.default_rng(0).integers(0, 255, (50, 1000), dtype=np.uint8)
        columns = {"x": vstore.ndarray((1000,), "uint8")}
        with repo.transaction(message="Add") as tx:
            tx.create_table("a", columns).extend({"x": noise})
            tx.create_table("c", columns).extend({"x": noise[::-1].copy()})
        with repo.transaction(message="Copy") as tx:
            tx.copy("a", "b")
        repo.branches.create("dev")
        with repo.transaction("dev", message="More") as tx:
            tx["c"].extend({"x": noise[:10]})
        return repo

    def test_own_bytes_are_told_from_shared_ones(self, run: Run, shared: vstore.Repository) -> None:
        found = run("du", "shared", "--json").json
        by_name = {share["name"]: share for share in found["shares"]}
        assert by_name["a"]["own_nbytes"] == by_name["b"]["own_nbytes"] == 0
        assert by_name["a"]["shared_nbytes"] == by_name["b"]["shared_nbytes"] > 50_000
        assert by_name["c"]["own_nbytes"] > 50_000
        assert by_name["c"]["shared_nbytes"] == 0
        total = by_name["a"]["shared_nbytes"] + by_name["c"]["own_nbytes"]
        assert found["total_nbytes"] == total
        assert run("du", "shared").out.splitlines()[1].startswith("c ")

    def test_by_branch_column_and_kind(self, run: Run, shared: vstore.Repository) -> None:
        branches = {
            s["name"]: s for s in run("du", "shared", "--by", "branch", "--json").json["shares"]
        }
        assert branches["main"]["own_nbytes"] == 0
        assert branches["dev"]["own_nbytes"] > 5_000
        assert branches["dev"]["shared_nbytes"] == branches["main"]["shared_nbytes"] > 100_000
        columns = run("du", "shared", "--by", "column", "--json").json
        assert [share["name"] for share in columns["shares"]] == ["c/x", "a/x", "b/x"]
        kinds = run("du", "shared", "--by", "kind", "--json").json
        assert kinds["total_nbytes"] == shared.nbytes
        assert {"chunks", "commits", "branches and tags"} <= {s["name"] for s in kinds["shares"]}

    def test_of_what_is_empty(self, run: Run) -> None:
        repo = vstore.create("repo")
        assert repo.usage(by="branch").total_nbytes == 0
        assert "nothing was committed" in run.fails("du", "repo")
        with repo.transaction(message="Add") as tx:
            tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        assert run("du", "repo").out.split() == [
            "table",
            "own",
            "shared",
            "t",
            "0",
            "B",
            "total",
            "0",
            "B",
        ]

    def test_wrong_words(self, run: Run, repo: vstore.Repository) -> None:
        assert "--by" in run.misused("du", "repo", "--by", "owner")
        with pytest.raises(vstore.InvalidInputError, match="not by 'owner'"):
            repo.usage(by="owner")  # type: ignore[arg-type]
        with pytest.raises(vstore.NotFoundError):
            vstore.open("nowhere").usage(by="kind")


class TestStatus:
    def test_says_what_there_is(self, run: Run, repo: vstore.Repository) -> None:
        shown = run("status", "repo").out
        for words in ("default branch main", "* main", "dev", "Fix a label", "1 tag; no deletion"):
            assert words in shown
        found = run("status", "repo", "--json").json
        main = {"name": "main", "commit": repo.branches["main"], "upstreams": []}
        assert found["branches"][1] == main
        assert found["tags"] == ["v1"]
        assert found["gc"] is None

    def test_says_what_is_pending(self, run: Run, repo: vstore.Repository) -> None:
        with repo.transaction("dev", message="Label") as tx:
            tx["train"]["label"][0] = 1
        repo.branches.delete("dev", force=True)
        for path in Path("repo").rglob("*"):
            os.utime(path, (0, 0))
        pending = repo.gc(expire=timedelta(0)).pending
        assert pending.objects
        assert f"{pending.objects} objects" in run("status", "repo").out
        found = run("status", "repo", "--json").json["gc"]
        assert found["pending_objects"] == pending.objects
        assert found["pending_nbytes"] == pending.nbytes

    def test_of_an_empty_repository(self, run: Run) -> None:
        run("init", "repo")
        assert "nothing was committed yet" in run("status", "repo").out
