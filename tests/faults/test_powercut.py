"""What was acknowledged is on the disk after a power cut, and nothing there is half written."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vstore
from tests.faults.audit import open_at, verify_all
from tests.faults.powercut import ForgetfulDisk
from vstore import Repository
from vstore.storage import local
from vstore.storage.local import LocalStore
from vstore.storage.local_batch import LocalBatch
from vstore.storage.store import Key

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

AUTHOR = vstore.Author("Writer", "writer@example.org")


def _start(repository: Repository) -> None:
    with repository.transaction("main", message="Start") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [1]})


def _extend(branch: str) -> Callable[[Repository], None]:
    def extend(repository: Repository) -> None:
        with repository.transaction(branch, message=f"Extend {branch}") as tx:
            tx["t"].extend({"n": [2]})

    return extend


WORK: list[Callable[[Repository], Any]] = [
    _start,
    _extend("main"),
    lambda repository: repository.branches.create("side", at="main"),
    _extend("side"),
    _extend("main"),
    lambda repository: repository.tags.create("v1", at="main"),
    lambda repository: repository.merge("side", into="main"),
    lambda repository: repository.tags.delete("v1"),
    lambda repository: repository.branches.delete("side"),
]


def state_of(folder: Path) -> Any:
    repository = Repository(LocalStore(folder))
    verify_all(repository)
    histories = {name: [c.message for c in repository.log(name)] for name in repository.branches}
    rows = {name: open_at(repository, "t", name)["n"][:].tolist() for name in histories}
    return histories, rows, list(repository.tags)


def work(folder: Path, disk: ForgetfulDisk) -> list[tuple[int, Any]]:
    """Do all of it; return how many changes of the disk there were when each was done."""
    with disk.watched():
        vstore.create(folder / "repository")
        repository = Repository(LocalStore(folder / "repository"), author=AUTHOR)
        done = [(disk.changes, state_of(folder / "repository"))]
        for task in WORK:
            task(repository)
            done.append((disk.changes, state_of(folder / "repository")))
    return done


@pytest.mark.parametrize("seed", range(3))
def test_acknowledged_work_survives_a_power_cut_at_any_moment(tmp_path: Path, seed: int) -> None:
    (tmp_path / "whole").mkdir()
    total = work(tmp_path / "whole", ForgetfulDisk(tmp_path / "whole"))[-1][0]
    for cut in range(seed, total, 11):
        folder, left = tmp_path / f"{cut}", tmp_path / f"{cut} after"
        folder.mkdir()
        disk = ForgetfulDisk(folder)
        disk.cut_at(cut, seed=seed, into=left)
        done = work(folder, disk)
        if not left.exists():
            continue
        before = max((i for i, (changes, _) in enumerate(done) if changes <= cut), default=None)
        if before is None:
            continue
        allowed = [state for _, state in done[before : before + 2]]
        assert state_of(left / "repository") in allowed, f"cut before change {cut}"


def test_a_commit_is_on_the_disk_though_its_first_flush_failed(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = ForgetfulDisk(folder)
    with disk.watched():
        vstore.create(folder / "repository")
        repository = Repository(LocalStore(folder / "repository"), author=AUTHOR)
        _start(repository)
        disk.fail_to_flush(folder / "repository" / "refs" / "branches", times=1)
        _extend("main")(repository)
    for seed in range(8):
        disk.survive(tmp_path / f"{seed}", seed=seed)
        histories, *_ = state_of(tmp_path / f"{seed}" / "repository")
        assert histories == {"main": ["Extend main", "Start"]}


def test_a_directory_that_another_process_made_is_on_the_disk_too(tmp_path: Path) -> None:
    disk = ForgetfulDisk(tmp_path)
    with disk.watched():
        (tmp_path / "store").parent.mkdir(exist_ok=True)
        first = LocalStore(tmp_path / "store")
        first.put(Key("packs/aa/x"), b"x")
        system: Any = local.os  # type: ignore[attr-defined]
        system.mkdir(os.path.join(tmp_path, "store", "packs", "bb"))  # and no flush yet
        LocalStore(tmp_path / "store").put(Key("packs/bb/y"), b"y")
    for seed in range(8):
        disk.survive(tmp_path.with_name(f"{tmp_path.name} {seed}"), seed=seed)
        left = LocalStore(tmp_path.with_name(f"{tmp_path.name} {seed}") / "store")
        assert left.get(Key("packs/bb/y")) == b"y"


@pytest.mark.parametrize("hard_links", [True, False], ids=["shared", "copied"])
def test_a_clone_and_a_push_survive_a_power_cut(tmp_path: Path, hard_links: bool) -> None:
    disk = ForgetfulDisk(tmp_path)
    with disk.watched():
        origin = vstore.create(tmp_path / "origin", author=AUTHOR)
        _start(origin)
        copy = vstore.clone(
            origin.url, tmp_path / "copy", hard_links=hard_links, author=str(AUTHOR)
        )
        _extend("main")(copy)
        copy.remotes["origin"].push("main")
    for seed in range(8):
        left = tmp_path.with_name(f"{tmp_path.name} {seed}")
        disk.survive(left, seed=seed)
        for name in ("origin", "copy"):
            histories, rows, _ = state_of(left / name)
            assert histories["main"] == ["Extend main", "Start"]
            assert rows["main"] == [1, 2]


def test_what_an_interrupted_transfer_left_is_flushed_by_the_next(tmp_path: Path) -> None:
    disk = ForgetfulDisk(tmp_path)
    with disk.watched():
        origin = vstore.create(tmp_path / "origin", author=AUTHOR)
        _start(origin)
        there = vstore.clone(origin.url, tmp_path / "there")
        _extend("main")(origin)
        batch = LocalBatch(LocalStore(there.url))
        for info in origin.store.list_prefix(""):
            if info.key.startswith(("packs/", "commits/", "index/")):
                batch.put(info.key, origin.store.get(info.key))  # never flushed: it was killed
        origin.remotes.open(there.url).push("main")
    for seed in range(8):
        left = tmp_path.with_name(f"{tmp_path.name} {seed}")
        disk.survive(left, seed=seed)
        assert state_of(left / "there")[1]["main"] == [1, 2]
