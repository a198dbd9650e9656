"""Files that stay open: one budget for all users in a process."""

import gc
import resource
from pathlib import Path

import pytest

from vstore.storage import Key, LocalStore, open_files
from vstore.storage.open_files import OpenFiles

KEYS = [Key(f"packs/{i}") for i in range(12)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    store = LocalStore(tmp_path)
    for key in KEYS:
        store.put(key, b"1")
    gc.collect()
    open_files._order.clear()
    monkeypatch.setattr(open_files, "_MOST_FILES", 8)
    return store


def test_all_users_share_one_budget(store: LocalStore) -> None:
    users = [OpenFiles(store.open) for _ in range(3)]
    for key in KEYS:
        for i in range(3):
            target = bytearray(1)
            users[i].get(key).read_into(0, memoryview(target))
            assert target == b"1"
            assert sum(len(each._files) for each in users) <= 8
    users.clear()
    gc.collect()
    assert not open_files._order


def test_what_was_not_used_for_longest_is_closed(store: LocalStore) -> None:
    files = OpenFiles(store.open)
    first = files.get(KEYS[0])
    for key in KEYS[1:]:
        files.get(key)
        assert files.get(KEYS[0]) is first
    assert set(files._files) == {KEYS[0], *KEYS[-7:]}


def test_the_budget_follows_what_the_system_allows(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (16, 16))
    files = OpenFiles(store.open)
    for key in KEYS:
        files.get(key)
    assert len(files._files) == 4
