"""`vstore fsck`, `vstore gc` and `vstore doctor`."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import vstore
from tests.cli.terminal import Run
from tests.maintenance.stores import DAY, age
from vstore.cli.durations import parse_duration
from vstore.faces import internals
from vstore.maintenance.fsck import fsck as fscks
from vstore.maintenance.gc.options import DEFAULT_EXPIRE, DEFAULT_GRACE, GcOptions


def abandon(repo: vstore.Repository) -> None:
    tx = repo.transaction("main", message="Never")
    tx["train"]["label"][0] = 99
    internals(tx).write()
    age(repo.store, 3 * DAY)


def damaged(root: str) -> Path:
    pack = max(Path(root, "packs").glob("*/*"), key=lambda path: path.stat().st_size)
    data = pack.read_bytes()
    pack.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return pack


@pytest.mark.usefixtures("repo")
def test_a_sound_repository(run: Run) -> None:
    assert run("fsck", "repo").out.endswith("  sound\n")
    found = run("fsck", "repo", "--full", "--decode", "--json").json
    assert found["sound"] is True
    assert found["examined"]["packs_verified"] > 0


@pytest.mark.usefixtures("repo")
def test_damage_is_shown_and_restored(run: Run) -> None:
    shutil.copytree("repo", "copy")
    pack = damaged("repo")
    assert run("fsck", "repo").code == 0
    ended = run.any("fsck", "repo", "--full")
    assert ended.code == 1
    assert pack.name in ended.out
    assert "reaches " in ended.out
    assert "1 problem: restore them with --repair-from COPY" in ended.out
    assert run("fsck", "repo", "--full", "--repair-from", "copy").out.endswith(
        "sound: 1 object restored from the copy\n"
    )
    assert run("fsck", "repo", "--full").code == 0


@pytest.mark.usefixtures("repo")
def test_an_interrupted_run_goes_on_from_its_cursor(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fscks, "_CHECKPOINT_SECONDS", -1.0)
    replaced = os.replace

    def stop(*names: str) -> None:
        replaced(*names)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    assert run.any("fsck", "repo", "--full", "--cursor", "cursor.json").code == 130
    monkeypatch.setattr(os, "replace", replaced)
    assert Path("cursor.json").exists()
    assert "the cursor is of a run" in run.fails("fsck", "repo", "--cursor", "cursor.json")
    assert run("fsck", "repo", "--full", "--cursor", "cursor.json").code == 0
    assert not Path("cursor.json").exists()


@pytest.mark.usefixtures("repo")
def test_shares_are_checked(run: Run) -> None:
    assert "share 2 of 3" in run("fsck", "repo", "--share", "2/3").out
    assert "N/T" in run.misused("fsck", "repo", "--share", "2:3")
    assert "1 <= n <= t" in run.fails("fsck", "repo", "--share", "4/3")


def test_garbage_goes_in_two_runs(run: Run, repo: vstore.Repository) -> None:
    abandon(repo)
    dry = run("gc", "repo", "--dry-run").out
    assert "dry run: nothing was changed" in dry
    assert "to list    2 objects" in dry
    assert run("gc", "repo", "--json").json["pending"]["objects"] == 2
    assert "freed      0 objects" in run("gc", "repo").out
    assert "nothing is pending" in run("gc", "repo", "--cancel").out
    assert run("gc", "repo", "--grace", "0s", "--json").json["freed"]["objects"] == 2
    assert run("fsck", "repo", "--full").code == 0


@pytest.mark.usefixtures("repo")
def test_impossible_options(run: Run) -> None:
    assert "not a duration" in run.misused("gc", "repo", "--grace", "soon")
    assert "leave out --dry-run" in run.fails("gc", "repo", "--cancel", "--dry-run")
    assert "no vstore repository" in run.fails("gc", "nowhere")
    assert not Path("nowhere").exists()


def test_durations() -> None:
    assert parse_duration("1.5h", option="-") == timedelta(minutes=90)
    assert parse_duration("2w", option="-") == timedelta(days=14)


def test_help_and_pages_name_the_defaults_that_hold(run: Run) -> None:
    hours, days = DEFAULT_GRACE // timedelta(hours=1), DEFAULT_EXPIRE.days
    shown = " ".join(run("gc", "--help").out.replace("│", " ").split())
    assert f"Default: {hours}h" in shown
    assert f"Default: {days}d" in shown
    root = Path(vstore.__file__).parents[1]
    guide = (root / "docs/guides/maintenance.md").read_text(encoding="utf-8")
    assert f"for the grace period, {hours} hours" in guide
    assert f"The first run {hours} hours later" in " ".join(guide.split())
    assert f"--grace {hours}h --expire {days}d" in (root / "docs/cli.md").read_text("utf-8")
    assert f"{hours} hours" in str(GcOptions.__doc__)


def test_a_store_is_tried_and_left_clean(run: Run, repo: vstore.Repository) -> None:
    before = {info.key for info in repo.store.list_prefix("")}
    shown = run("doctor", "repo").out
    assert "suitable: the store keeps every promise" in shown
    assert {info.key for info in repo.store.list_prefix("")} == before
    assert run("doctor", "elsewhere", "--json").json["verdict"] == "suitable"


def test_a_place_that_may_not_be_written(run: Run) -> None:
    ended = run.any("doctor", "/proc/nowhere", "--json")
    assert ended.code == 1
    assert ended.json["verdict"] != "suitable"


def test_a_table_is_compacted_in_a_commit(run: Run, repo: vstore.Repository) -> None:
    with repo.transaction(message="Delete") as tx:
        tx["train"].delete([1, 2])
    shown = run("compact", "repo", "train").out
    assert shown.startswith("Left 2 deleted samples out of main, now at ")
    table = repo.checkout()["train"]
    assert table["label"][:].tolist() == [0, 3, 4, 5, 6, 70, 8, 9]
    assert repo.commit().message == "Compact train"
    head = repo.branches["main"]
    assert run("compact", "repo", "train").out == "train is compact: nothing was changed\n"
    assert run("compact", "repo@dev", "train", "-q").out == ""
    assert repo.branches["main"] == head
    assert "did you mean 'train'?" in run.fails("compact", "repo", "trian")


def test_policies_are_set_shown_and_kept_to(run: Run, repo: vstore.Repository) -> None:
    assert "no policies were ever set" in run("policy", "repo").out
    run("policy", "set", "repo", "--protect-branch", "main", "--keep", "90d", "--reason", "Audit")
    shown = run("policy", "repo").out
    assert "protected branches    main" in shown
    assert "90 days" in shown
    assert "main' is protected" in run.fails("amend", "repo", "-m", "Other")
    assert "all keeps to the policies" in run("policy", "check", "repo").out
    run("policy", "set", "repo", "--unset", "protect-branch")
    assert run("policy", "log", "repo").out.count("version") == 2
    assert "there is no rule 'x'" in run.fails("policy", "set", "repo", "--unset", "x")
    run("amend", "repo", "-m", "Other")
