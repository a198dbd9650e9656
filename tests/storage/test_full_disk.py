"""On a disk without room what is there can be read, and room can be made."""

import errno
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import vstore
from vstore import Repository
from vstore.storage import local, local_reserve

NOW: dict[str, Any] = {"grace": timedelta(0), "expire": timedelta(0)}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = vstore.create(tmp_path / "repo", author="Ann")
    for branch in ("main", "dev"):
        if branch != "main":
            made.branches.create(branch)
        with made.transaction(branch, message="Write") as tx:
            if "x" not in tx:
                tx.create_array("x", shape=(4,), dtype="int64")
            tx["x"][:] = len(branch)
    made.tags.create("v1")
    return made


@dataclass
class Disk:
    """A disk that has no more room than what is set aside, as long as it is disk.reserve."""

    reserve: Path
    is_full: bool = True


@pytest.fixture
def disk(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(Path(repo.url, ".vstore", local_reserve.NAME))
    write = local._write_temporary

    def write_if_there_is_room(*arguments: Any) -> str:
        if made.is_full and made.reserve.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*arguments)

    monkeypatch.setattr(local, "_write_temporary", write_if_there_is_room)
    return made


def write(repo: Repository) -> None:
    with repo.transaction("main", message="Again") as tx:
        tx["x"][0] = 5


def test_room_is_set_aside_once(repo: Repository) -> None:
    reserve = Path(repo.url, ".vstore", local_reserve.NAME)
    assert reserve.stat().st_size == local_reserve.RESERVE_NBYTES
    before = reserve.stat().st_ino
    write(vstore.open(repo.url, author="Ann"))
    assert reserve.stat().st_ino == before


def test_a_commit_is_refused_and_leaves_the_room_that_is_set_aside(
    repo: Repository, disk: Disk
) -> None:
    before = dict.fromkeys(repo.branches)
    with pytest.raises(vstore.StorageError, match="cannot write") as caught:
        write(repo)
    assert caught.value.code == "disk-full"
    assert disk.reserve.exists()
    assert dict.fromkeys(repo.branches) == before
    assert repo.checkout("main")["x"][:].tolist() == [4] * 4


def test_names_are_deleted_and_garbage_is_collected(repo: Repository, disk: Disk) -> None:
    repo.branches.delete("dev", force=True)
    repo.tags.delete("v1")
    assert not disk.reserve.exists()
    assert repo.gc(**NOW).freed.objects > 0
    disk.is_full = False
    write(vstore.open(repo.url, author="Ann"))
    assert disk.reserve.exists()  # for the next time
    assert vstore.open(repo.url).fsck(mode="full").is_sound


def test_a_collection_alone_makes_room(repo: Repository, disk: Disk) -> None:
    repo.gc(**NOW)
    assert not disk.reserve.exists()


def test_a_disk_with_little_room_has_none_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_reserve, "RESERVE_NBYTES", 2**60)
    made = vstore.create(tmp_path / "repo")
    assert not Path(made.url, ".vstore", local_reserve.NAME).exists()


def test_a_link_in_its_place_is_removed_and_never_followed(
    repo: Repository, disk: Disk, tmp_path: Path
) -> None:
    document = tmp_path / "document"
    document.write_text("mine")
    disk.reserve.unlink()
    disk.reserve.symlink_to(document)
    repo.branches.delete("dev", force=True)
    assert not disk.reserve.is_symlink()
    assert document.read_text() == "mine"
