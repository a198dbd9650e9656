"""Clones on one disk share the files of packs with their origins, unless they are backups."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from vstore.errors import CorruptionError
from vstore.format.digest import digest_of
from vstore.storage.folder import Folder
from vstore.storage.local import LocalStore
from vstore.storage.local_batch import LocalBatch
from vstore.storage.store import Key


@pytest.fixture
def origin(tmp_path: Path) -> vstore.Repository:
    repo = vstore.create(tmp_path / "origin", author="Ann Lee <ann@example.org>")
    for number in range(2):
        with repo.transaction(message=f"Write {number}") as tx:
            if not number:
                tx.create_array("x", shape=(1000,), dtype="int64")
            tx["x"][:] = np.arange(1000) + number
    return repo


def packs(repo: vstore.Repository) -> dict[str, Path]:
    root = Path(repo.url)
    return {path.name: path for path in (root / "packs").rglob("*") if path.is_file()}


def shared(one: vstore.Repository, other: vstore.Repository) -> int:
    """Return how many packs of two repositories are one file."""
    there = packs(other)
    return sum(path.samefile(there[name]) for name, path in packs(one).items() if name in there)


def test_a_clone_shares_the_files_of_packs(origin: vstore.Repository, tmp_path: Path) -> None:
    copy = vstore.clone(origin.url, tmp_path / "copy")
    assert shared(copy, origin) == len(packs(origin)) == len(packs(copy)) == 2
    assert copy.fsck(mode="full").is_sound
    assert np.array_equal(copy.checkout()["x"][:], origin.checkout()["x"][:])


def test_a_copy_that_is_to_be_its_own_shares_none(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    apart = vstore.clone(origin.url, tmp_path / "apart", hard_links=False)
    mirror = vstore.clone(origin.url, tmp_path / "mirror", mirror=True)
    pushed = vstore.create(tmp_path / "pushed")
    origin.remotes.open(pushed.url).push("main", unrelated=True)
    for copy in (apart, mirror, pushed):
        assert len(packs(copy)) == 2
        assert shared(copy, origin) == 0


def test_each_goes_on_without_the_other(origin: vstore.Repository, tmp_path: Path) -> None:
    copy = vstore.clone(origin.url, tmp_path / "copy", author="Bo <bo@example.org>")
    with copy.transaction(message="Mine") as tx:
        tx["x"][0] = -1
    origin.squash("main", since="main~1", message="One")
    for path in Path(origin.url).rglob("*"):
        os.utime(path, (0, 0))
    origin.gc(expire=timedelta(0))
    origin.gc(grace=timedelta(0), expire=timedelta(0))
    assert copy.fsck(mode="full").is_sound
    copy.gc(grace=timedelta(0), expire=timedelta(0))
    assert copy.fsck(mode="full").is_sound
    assert origin.fsck(mode="full").is_sound
    assert origin.checkout()["x"][0] == 1


def test_a_pack_that_is_damaged_is_not_shared(origin: vstore.Repository, tmp_path: Path) -> None:
    path = next(iter(packs(origin).values()))
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptionError):
        vstore.clone(origin.url, tmp_path / "copy")


def test_restoring_a_shared_file_from_a_backup_leaves_the_other_alone(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    backup = vstore.clone(origin.url, tmp_path / "backup", mirror=True)
    copy = vstore.clone(origin.url, tmp_path / "copy")
    path = next(iter(packs(origin).values()))
    path.write_bytes(b"x" * path.stat().st_size)
    assert not copy.fsck(mode="full").is_sound
    assert copy.fsck(mode="full", repair_from=backup).is_sound
    assert copy.fsck(mode="full").is_sound
    assert not origin.fsck(mode="full").is_sound


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES])
def test_where_files_cannot_be_shared_they_are_copied(
    origin: vstore.Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    link = Folder.link

    def refused(folder: Folder, name: str, there: Folder, new_name: str) -> None:
        if "packs" in folder.path:
            raise OSError(code, "no")
        link(folder, name, there, new_name)

    monkeypatch.setattr(Folder, "link", refused)
    copy = vstore.clone(origin.url, tmp_path / "copy")
    assert shared(copy, origin) == 0
    assert copy.fsck(mode="full").is_sound


def test_only_a_file_of_the_right_content_is_taken(tmp_path: Path) -> None:
    one, other = LocalStore(tmp_path / "one"), LocalStore(tmp_path / "other")
    batch, key, digest = LocalBatch(other), Key("packs/x"), digest_of(b"data")
    one.put(key, b"data")
    assert not batch.share(one, key, 5, digest)
    assert not batch.share(one, key, 4, digest_of(b"else"))
    assert not batch.share(one, Key("packs/none"), 4, digest)
    assert not list(other.list_prefix(""))
    assert batch.share(one, key, 4, digest)
    batch.flush()
    assert other.get(key) == b"data"
    assert not batch.share(one, key, 4, digest)
    (tmp_path / "one" / "packs" / "link").symlink_to(tmp_path / "one" / "packs" / "x")
    assert not batch.share(one, Key("packs/link"), 4, digest)
    assert [info.key for info in other.list_prefix("")] == ["packs/x"]
