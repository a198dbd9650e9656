import errno
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from vstore.errors import (
    InvalidInputError,
    NotFoundError,
    ReadOnlyError,
    StorageError,
    UnknownOutcomeError,
)
from vstore.storage import Key, LocalStore, ObjectStore, Version
from vstore.testing.contract import SharedStoreContract, keys

PROCESSES = 4
ROUNDS = 40


class TestLocalStore(SharedStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return LocalStore(tmp_path / "repo")


class TestLocalStoreWithoutLinks(SharedStoreContract):
    """Filesystems without hard links create under the lock."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

        monkeypatch.setattr(os, "link", refuse)
        return LocalStore(tmp_path / "repo")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "repo")


def test_reading_what_does_not_exist_creates_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "repo")
    with pytest.raises(NotFoundError):
        store.get(Key("k"))
    assert keys(store) == []
    store.delete(Key("k"))
    assert not store.delete_if_version(Key("k"), Version("x"))
    assert store.compare_and_swap(Key("k"), b"", Version("x")) is None
    assert os.listdir(tmp_path) == []


def test_the_version_is_the_content(store: LocalStore, tmp_path: Path) -> None:
    version = store.put_if_absent(Key("refs/a"), b"1")
    assert version is not None
    path = tmp_path / "repo/refs/a"
    os.utime(path, ns=(0, 0))
    assert store.get_versioned(Key("refs/a")) == (b"1", version)
    before = path.stat()
    path.write_bytes(b"2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.compare_and_swap(Key("refs/a"), b"3", version) is None


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/x", "", "a//b", "a/", ".", ".vstore/x"])
def test_keys_that_leave_the_store_are_refused(store: LocalStore, key: str) -> None:
    for act in (store.get, store.delete, lambda key: store.put(key, b"")):
        with pytest.raises(InvalidInputError, match="cannot name"):
            act(Key(key))


def test_links_out_of_the_store_are_not_followed(store: LocalStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_bytes(b"secret")
    store.put(Key("packs/1"), b"1")
    root = tmp_path / "repo"
    (root / "commits").symlink_to(secret)
    (root / "packs/file").symlink_to(secret / "file")
    for key in ("commits/file", "packs/file"):
        with pytest.raises(StorageError, match="symbolic link"):
            store.get(Key(key))
        with pytest.raises(StorageError, match="symbolic link"):
            store.get_range(Key(key), 0, 1)
    with pytest.raises(StorageError, match="symbolic link"):
        store.put(Key("commits/new"), b"")
    with pytest.raises(StorageError, match="symbolic link"):
        store.delete(Key("commits/file"))
    assert keys(store) == ["packs/1"]
    assert os.listdir(secret) == ["file"]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "repo").symlink_to(tmp_path / "disk")
    store = LocalStore(tmp_path / "repo")
    store.put(Key("a/b"), b"1")
    assert store.get(Key("a/b")) == b"1"
    assert keys(store) == ["a/b"]


def test_what_is_not_a_file_is_not_an_object(store: LocalStore, tmp_path: Path) -> None:
    store.put(Key("a/b"), b"1")
    os.mkfifo(tmp_path / "repo/a/pipe")
    with pytest.raises(NotFoundError):
        store.get(Key("a/pipe"))
    assert keys(store) == ["a/b"]


def test_temporary_files_are_not_listed_and_old_ones_are_swept(
    store: LocalStore, tmp_path: Path
) -> None:
    store.put(Key("k"), b"1")
    temporary = tmp_path / "repo/.vstore/tmp"
    assert os.listdir(temporary) == []
    young, old, other = "0" * 32, "1" * 32, "not-ours"
    for name in (young, old, other):
        (temporary / name).write_bytes(b"")
    for name in (old, other):
        os.utime(temporary / name, (0, 0))
    assert keys(store) == ["k"]
    LocalStore(tmp_path / "repo").put(Key("k"), b"2")
    assert set(os.listdir(temporary)) == {young, other}


def test_file_permissions_follow_the_umask(store: LocalStore, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        store.put(Key("a/b"), b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "repo/a/b").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "repo/a").stat().st_mode) == 0o750


def test_a_file_in_the_way_is_said(store: LocalStore) -> None:
    store.put(Key("a"), b"1")
    with pytest.raises(StorageError, match="in the way"):
        store.put(Key("a/b"), b"2")
    assert store.get(Key("a")) == b"1"


def test_a_directory_in_the_way_is_said(store: LocalStore) -> None:
    store.put(Key("a/b"), b"1")
    with pytest.raises(StorageError, match="'a'"):
        store.put(Key("a"), b"2")


def test_too_long_a_name_is_said(store: LocalStore) -> None:
    with pytest.raises(StorageError, match="too long"):
        store.put(Key("a" * 300), b"")


def test_a_read_only_directory_is_said(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "packs")

    store.put(Key("packs/1"), b"1")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ReadOnlyError, match="packs/2"):
        store.put(Key("packs/2"), b"2")
    assert store.get(Key("packs/1")) == b"1"


def test_a_failed_write_leaves_nothing(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.put(Key("k"), b"1")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"^cannot write 'k': No space left on device"):
        store.put(Key("k"), b"2")
    monkeypatch.undo()
    assert store.get(Key("k")) == b"1"
    assert os.listdir(tmp_path / "repo/.vstore/tmp") == []


def test_a_directory_that_cannot_be_flushed_leaves_the_outcome_unknown(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def fail_for_directories(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        flush(descriptor)

    assert store.put_if_absent(Key("ref"), b"1") is not None
    _, version = store.get_versioned(Key("ref"))
    monkeypatch.setattr(os, "fsync", fail_for_directories)
    with pytest.raises(UnknownOutcomeError, match="power cut"):
        store.compare_and_swap(Key("ref"), b"2", version)


def test_the_folders_above_an_object_are_flushed_once_in_a_process_unless_they_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, flushed, flush = tmp_path / "repo", list[str](), os.fsync

    def note(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        flush(descriptor)

    def put(name: str) -> list[str]:
        flushed.clear()
        LocalStore(root).put(Key(f"packs/ab/{name}"), b"1")
        return [str(Path(path).relative_to(root)) for path in flushed]

    LocalStore(root).put(Key("vstore.json"), b"1")
    monkeypatch.setattr(os, "fsync", note)
    assert put("1") == [".", "packs", "packs/ab"]
    assert put("2") == ["packs/ab"]
    os.rename(root / "packs", root / "old")
    shutil.copytree(root / "old", root / "packs")
    assert put("3") == [".", "packs", "packs/ab"]


MEETING: list[Any] = []
"""Where the processes of a pool meet: set in each of them."""


def _meet_at(barrier: Any) -> None:
    MEETING[:] = [barrier]


def _create(root: Path, number: int) -> list[int]:
    store = LocalStore(root)
    MEETING[0].wait(PATIENCE_SECONDS)
    return [
        turn for turn in range(ROUNDS) if store.put_if_absent(Key(f"refs/{turn}"), b"%d" % number)
    ]


def test_one_of_several_processes_creates(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    with context.Pool(PROCESSES, _meet_at, [barrier]) as pool:
        roots = [(tmp_path / "repo", number) for number in range(PROCESSES)]
        wins = pool.starmap(_create, roots, chunksize=1)
    assert sorted(turn for won in wins for turn in won) == list(range(ROUNDS))
    store = LocalStore(tmp_path / "repo")
    for number, won in enumerate(wins):
        assert all(store.get(Key(f"refs/{turn}")) == b"%d" % number for turn in won)


def _increment(root: Path, number: int) -> None:
    store = LocalStore(root)
    for turn in range(ROUNDS):
        while True:
            body, version = store.get_versioned(Key("count"))
            changed = b"%d %d.%d" % (int(body.split()[0]) + 1, number, turn)
            if store.compare_and_swap(Key("count"), changed, version):
                break


def test_no_increment_of_several_processes_is_lost(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "repo")
    store.put(Key("count"), b"0 -")
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.starmap(_increment, [(tmp_path / "repo", n) for n in range(PROCESSES)])
    assert store.get(Key("count")).split()[0] == b"%d" % (PROCESSES * ROUNDS)


WRITE_FOR_EVER = """
import sys
from vstore.storage import LocalStore
store = LocalStore(sys.argv[1])
version = store.get_versioned("ref")[1]
number = 0
while True:
    number += 1
    body = b"%d " % number + b"x" * 200_000 + b" %d" % number
    store.put(f"packs/{number % 20}", body)
    version = store.compare_and_swap("ref", body, version)
    assert version
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_objects_and_no_lock(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "repo")
    store.put(Key("ref"), b"0 0")
    acknowledged = 0
    for turn in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path / "repo")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline()
        time.sleep(0.05 + 0.03 * turn)
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        acknowledged = int(lines[-1]) if lines else 1
        body, version = store.get_versioned(Key("ref"))
        numbers = body.split()
        assert numbers[0] == numbers[-1]
        assert int(numbers[0]) >= acknowledged
        for key in keys(store, "packs/"):
            parts = store.get(Key(key)).split()
            assert parts[0] == parts[-1]
        assert store.compare_and_swap(Key("ref"), b"0 after %d 0" % turn, version) is not None
    assert set(keys(store)) == {"ref", *keys(store, "packs/")}
