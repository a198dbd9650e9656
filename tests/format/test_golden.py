"""Repositories that earlier versions wrote read as they did, and today's writer writes the same."""

from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.format.golden import archives
from tests.format.golden.reading import with_second_reader, with_vstore
from tests.format.golden.writers import REPOSITORIES
from tests.partial.clones import promise
from vstore.format import object_keys
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.storage.local import LocalStore

COMPRESSED = {"codecs"}
"""Those whose bytes depend on the release of a library that compresses."""


@pytest.mark.parametrize("name", REPOSITORIES)
def test_both_readers_find_what_was_written(name: str, tmp_path: Path) -> None:
    root, expected = archives.unpack(name, tmp_path / "repo"), archives.expected(name)
    del expected["about"]
    assert with_second_reader(root) == expected
    assert with_vstore(root) == expected


@pytest.mark.parametrize("name", REPOSITORIES)
def test_the_writer_of_today_writes_the_same(name: str, tmp_path: Path) -> None:
    root = archives.unpack(name, tmp_path / "repo")
    archives.make(name, tmp_path / "made")
    if name not in COMPRESSED:
        assert archives.stored(tmp_path / "made") == archives.stored(root)
        return
    old, new = archives.expected(name), with_second_reader(tmp_path / "made")
    assert list(old["states"].values()) == list(new["states"].values())


@pytest.mark.parametrize("name", [name for name in REPOSITORIES if name != "partial"])
def test_golden_repositories_are_sound(name: str, tmp_path: Path) -> None:
    repo = vstore.open(archives.unpack(name, tmp_path / "repo"))
    assert fsck(repo.store, FsckOptions(mode="full", decode=True)).is_sound


def test_there_is_an_archive_of_each_and_no_other() -> None:
    kept = [path for path in archives.FOLDER.iterdir() if path.suffix in (".gz", ".json")]
    assert {path.name.partition(".")[0] for path in kept} == set(REPOSITORIES)
    assert sum(path.stat().st_size for path in kept) < 10**6


def test_what_is_promised_is_read_from_a_copy_of_the_whole(tmp_path: Path) -> None:
    root = archives.unpack("partial", tmp_path / "partial")
    archives.unpack("merges", tmp_path / "merges")
    with pytest.raises(vstore.NotHereError):
        vstore.open(root, offline=True).checkout()["x"][:]
    (root / "remotes/origin.json").unlink()
    promise(LocalStore(root), str(tmp_path / "merges"))
    found, whole = (vstore.open(each).checkout()["x"][:] for each in (root, tmp_path / "merges"))
    np.testing.assert_array_equal(found, whole)


def test_the_repacked_repository_leads_to_where_chunks_went(tmp_path: Path) -> None:
    repo = vstore.open(archives.unpack("repacked", tmp_path / "repo"))
    assert len(list(repo.store.list_prefix(object_keys.MOVED))) == 1
    assert repo.checkout()["x"][::10].tolist() == [1000, *range(1020, 1110, 10)]
