"""`vstore merge`, `rebase`, `cherry-pick`, `revert`, `reset`, `undo`, `amend` and `squash`."""

import pytest

import vstore
from tests.cli.terminal import Run


@pytest.fixture
def clash(repo: vstore.Repository) -> vstore.Repository:
    """The repository, default by its environment, in which main and dev disagree on k7."""
    with repo.transaction("dev", message="Say 8") as tx:
        tx["train"].loc["k7"] = {"label": 8}
    with repo.transaction("dev", message="Add") as tx:
        tx["train"].append({"image": [[0] * 4] * 5, "label": 1, "caption": ""}, key="new")
    return repo


def label(repo: vstore.Repository, key: str = "k7", revision: str = "main") -> int:
    return int(repo.checkout(revision)["train"].loc[key]["label"])


@pytest.fixture
def there(run: Run, clash: vstore.Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSTORE_URL", "repo")


@pytest.mark.usefixtures("there")
class TestMerge:
    @pytest.mark.parametrize("flags", [[], ["--dry-run"]])
    def test_shows_conflicts_and_changes_nothing(
        self, run: Run, clash: vstore.Repository, flags: list[str]
    ) -> None:
        head = clash.branches["main"]
        ended = run.any("merge", "dev", *flags)
        assert ended.code == 1
        lines = (ended.out + ended.err).splitlines()
        assert lines[:5] == [
            "1 conflict; nothing was changed",
            "  train/label of sample 'k7': changed on both sides",
            "      base    7",
            "      ours    70",
            "      theirs  8",
        ]
        assert "--ours or --theirs" in lines[5]
        assert clash.branches["main"] == head

    def test_tells_machines_of_conflicts(self, run: Run, clash: vstore.Repository) -> None:
        for flags in ([], ["--dry-run"]):
            ended = run.any("merge", "dev", "--json", *flags)
            assert (ended.code, ended.err) == (1, "")
            (conflict,) = ended.json["conflicts"]
            assert conflict["path"] == "train/label"
            assert [conflict[side] for side in ("base", "ours", "theirs")] == [7, 70, 8]

    @pytest.mark.parametrize(
        ("flags", "value"),
        [
            (["--theirs", "train/label"], 8),
            (["--theirs", "/"], 8),
            (["--ours", "train"], 70),
            (["--ours", "/", "--theirs", "train/label"], 8),
        ],
    )
    def test_resolves_by_path(
        self, run: Run, clash: vstore.Repository, flags: list[str], value: int
    ) -> None:
        would = run("merge", "dev", "--dry-run", *flags).out
        assert would == "dev would merge into main (1 conflict resolved)\n"
        shown = run("merge", "dev", *flags, "-m", "Join").out
        head = clash.branches["main"][:12]
        assert shown == f"dev merged into main, now at {head} Join (1 conflict resolved)\n"
        assert (label(clash), label(clash, "new")) == (value, 1)
        assert run("merge", "dev").out == "main has all of dev already\n"

    def test_moves_forward_without_a_commit(self, run: Run, clash: vstore.Repository) -> None:
        clash.branches.create("late", at="v1")
        head = clash.branches["dev"]
        would = run("merge", "dev", "--into", "late", "-n").out
        assert would == f"late would move forward to {head[:12]} Add\n"
        found = run("merge", "dev", "--into", "late", "--json").json
        assert (found["kind"], found["commit"]["id"], found["conflicts"]) == (
            "fast-forward",
            head,
            [],
        )

    def test_refuses_contradictions(self, run: Run) -> None:
        said = run.fails("merge", "dev", "--ours", "train", "--theirs", "train")
        assert "both name 'train'" in said
        assert "no branch 'nope'" in run.fails("merge", "dev", "--into", "nope")

    @pytest.mark.parametrize("option", ["--ours", "--theirs"])
    def test_a_side_is_chosen_for_what_is_there(self, run: Run, option: str) -> None:
        said = run.fails("merge", "dev", option, "train/nothing")
        assert "there is nothing at 'train/nothing' in 'main' or 'dev'" in said
        assert "1 conflict" in run.any("merge", "dev").err


@pytest.mark.usefixtures("there")
class TestRewriting:
    def test_rebase(self, run: Run, clash: vstore.Repository) -> None:
        assert "1 conflict" in run.any("rebase", "dev", "--onto", "main").err
        shown = run("rebase", "dev", "--onto", "main", "--theirs", "train").out
        assert shown == f"Rebased dev, now at {clash.branches['dev'][:12]} Add\n"
        assert [commit.message for commit in clash.log("main..dev")] == ["Add", "Say 8"]

    def test_cherry_pick(self, run: Run, clash: vstore.Repository) -> None:
        run("cherry-pick", "dev")
        assert (label(clash), label(clash, "new")) == (70, 1)
        assert "on 'main' already" in run.fails("cherry-pick", "dev")

    def test_revert(self, run: Run, clash: vstore.Repository) -> None:
        found = run("revert", "main", "--message", "No", "--json").json
        assert (found["branch"], found["commit"]["message"]) == ("main", "No")
        assert label(clash) == 7
        run("merge", "dev", "--ours", "/")
        run("revert", "main", "--parent", "1")
        assert "there is no parent 3" in run.fails("revert", "main~1", "--parent", "3")

    def test_reset_and_undo(self, run: Run, clash: vstore.Repository) -> None:
        head = clash.branches["main"]
        run("reset", "main", "--to", "main~1")
        assert label(clash) == 7
        shown = run("undo").out
        assert shown == f"Set back main, now at {head[:12]} Fix a label\n"
        assert clash.branches["main"] == head

    def test_undo_of_deletions(self, run: Run, clash: vstore.Repository) -> None:
        tag, head = clash.tags["v1"], clash.branches["dev"]
        run("tag", "delete", "v1")
        run("branch", "delete", "dev", "--force")
        assert run("undo", "dev").out.startswith("Restored dev, now at ")
        assert run("undo", "v1", "--json").json["commit"]["id"] == tag
        assert (clash.branches["dev"], clash.tags["v1"]) == (head, tag)
        assert "none of that name was deleted" in run.fails("undo", "never")

    def test_rename(self, run: Run, clash: vstore.Repository) -> None:
        head = clash.branches["dev"]
        assert run("branch", "rename", "dev", "team/dev").out == "Renamed branch dev to team/dev\n"
        assert clash.branches["team/dev"] == head
        assert "there is a branch 'main' already" in run.fails(
            "branch", "rename", "team/dev", "main"
        )

    def test_amend(self, run: Run, clash: vstore.Repository) -> None:
        run("amend", "-m", "Mend a label", "--metadata", "ticket:=7")
        made = clash.commit("main")
        assert (made.message, made.metadata, made.author.name) == (
            "Mend a label",
            {"ticket": 7},
            "Bob",
        )
        run("amend", "main", "--author", "Cy <cy@example.org>")
        assert str(clash.commit("main").author) == "Cy <cy@example.org>"
        assert "hint: give --message" in run.fails("amend")
        assert "takes KEY=VALUE" in run.fails("amend", "--metadata", "[1]")
        assert "takes JSON" in run.fails("amend", "--metadata", "n:=x")
        assert "twice" in run.fails("amend", "--metadata", "n=1", "--metadata", "n=2")

    def test_squash(self, run: Run, clash: vstore.Repository) -> None:
        run("squash", "dev", "--since", "v1", "-m", "All of it")
        assert [commit.message for commit in clash.log("v1..dev")] == ["All of it"]
        assert "is not an ancestor" in run.fails(
            "squash", "dev", "--since", "main", "--message", "x"
        )
        assert "--message" in run.misused("squash", "dev", "--since", "v1")
