"""Nothing outside a store's folder is read, written, swept or locked, whatever is put into it."""

import errno
import os
import random
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from vstore.errors import StorageError, UnsupportedStoreError, VstoreError
from vstore.storage import Key, LocalStore, folder, local_lock
from vstore.testing.contract import keys

OLD = (time.time() - 10 * 86400,) * 2


def state_of(root: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return what is below a directory: modes and contents."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
    }


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Path]:
    """A folder of a user's own, long unchanged, that nothing must change."""
    made = tmp_path / "documents"
    (made / "ab").mkdir(parents=True)
    for name in ("thesis.txt", "0" * 32, "lock", "ab/" + "ab" * 32, "state.json"):
        (made / name).write_text("years of work")
        os.utime(made / name, OLD)
    before = state_of(made)
    yield made
    assert state_of(made) == before


@pytest.fixture
def root(tmp_path: Path) -> Path:
    LocalStore(tmp_path / "repo").put(Key("packs/ab/1"), b"1")
    return tmp_path / "repo"


def use_all(store: LocalStore) -> None:
    """Call everything that a store can do, whatever comes of it."""
    key = Key("packs/ab/1")
    attempts: list[Callable[[], object]] = [
        lambda: store.put(key, b"2"),
        lambda: store.put(Key("packs/ab/state.json"), b"2"),
        lambda: store.put_if_absent(Key("packs/ab/new"), b"2"),
        lambda: store.compare_and_swap(key, b"3", store.get_versioned(key)[1]),
        lambda: store.delete_if_version(key, store.get_versioned(key)[1]),
        lambda: store.delete(Key("packs/ab/state.json")),
        lambda: store.delete(key),
        lambda: keys(store),
        lambda: store.get_range(key, 0, 1),
        lambda: store.open(key),
    ]
    for attempt in attempts:
        with suppress(VstoreError):
            attempt()


@pytest.mark.parametrize("place", [".vstore", ".vstore/tmp", ".vstore/lock", "packs", "packs/ab"])
@pytest.mark.parametrize("target", [".", "ab", "thesis.txt", "nothing-there"])
def test_no_link_is_followed(root: Path, documents: Path, place: str, target: str) -> None:
    found = root / place
    shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)
    found.parent.mkdir(exist_ok=True)
    found.symlink_to(documents / target)
    use_all(LocalStore(root))


@pytest.mark.parametrize("place", [".vstore", ".vstore/tmp", ".vstore/lock"])
def test_a_link_in_place_of_what_is_private_is_said(
    root: Path, documents: Path, place: str
) -> None:
    shutil.rmtree(root / ".vstore")
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(documents)
    store = LocalStore(root)
    with pytest.raises(StorageError, match="symbolic link"):
        store.compare_and_swap(Key("packs/ab/1"), b"2", store.get_versioned(Key("packs/ab/1"))[1])
    assert store.get(Key("packs/ab/1")) == b"1"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_locked(root: Path, make: Callable[[Path], None]) -> None:
    (root / ".vstore/lock").unlink(missing_ok=True)
    make(root / ".vstore/lock")
    with pytest.raises(StorageError, match="in the way"):
        LocalStore(root).delete(Key("packs/ab/1"))


def test_a_link_put_in_between_is_not_followed(root: Path, documents: Path) -> None:
    """One thread swaps each directory for a link and back, while others use the store."""
    ends = time.monotonic() + 1.5
    places = [root / "packs/ab", root / "packs", root / ".vstore/tmp", root / ".vstore"]

    def swap() -> None:
        chance = random.Random(0)
        while time.monotonic() < ends:
            place = chance.choice(places)
            with suppress(OSError):
                os.rename(place, root.parent / "aside")
                place.symlink_to(documents)
                time.sleep(chance.random() / 5000)
                place.unlink()
                os.rename(root.parent / "aside", place)

    def use() -> None:
        while time.monotonic() < ends:
            use_all(LocalStore(root))

    threads = [threading.Thread(target=each) for each in (swap, use, use)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_folders_that_nest_deeper_than_any_object_are_passed_over(root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert keys(LocalStore(root)) == ["packs/ab/1"]


def test_only_writers_can_take_the_lock(root: Path) -> None:
    store = LocalStore(root)
    for folder_mode, lock_mode in ((0o755, 0o600), (0o775, 0o660), (0o777, 0o666)):
        (root / ".vstore").chmod(folder_mode)
        store.delete_if_version(Key("packs/ab/1"), store.get_versioned(Key("packs/ab/1"))[1])
        assert stat.S_IMODE((root / ".vstore/lock").stat().st_mode) == lock_mode
        store.put(Key("packs/ab/1"), b"1")


@contextmanager
def held(root: Path) -> Iterator[None]:
    with folder.Folder.open(str(root / ".vstore")) as private:
        descriptor = private.open_lock("lock")
    local_lock.hold_lock(descriptor, "")
    yield
    os.close(descriptor)


def test_a_lock_that_cannot_be_had_says_who_holds_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_lock, "LOCK_SECONDS", 0.2)
    began = time.monotonic()
    with held(root), pytest.raises(StorageError, match=r"locked for .* seconds by") as caught:
        LocalStore(root).delete(Key("packs/ab/1"))
    assert caught.value.code == "locked"
    assert time.monotonic() - began < 10
    if os.path.exists("/proc/locks"):
        assert f"process {os.getpid()} (" in str(caught.value)
    LocalStore(root).delete(Key("packs/ab/1"))
    assert keys(LocalStore(root)) == []


def test_a_system_that_cannot_go_down_by_descriptors_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_IS_SUPPORTED", False)
    with pytest.raises(UnsupportedStoreError):
        LocalStore(root).get(Key("packs/ab/1"))


def test_a_file_that_cannot_be_opened_is_said_with_its_whole_path(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def deny(name: str, *args: int, dir_fd: int | None = None) -> int:
        if name == "1":
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return real(name, *args, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(StorageError, match=rf"{root}/packs/ab/1.*Permission denied"):
        LocalStore(root).get(Key("packs/ab/1"))
