"""Files that stay open: whole ranges or an error, and shown in memory without being copied."""

import mmap
import os
from pathlib import Path

import numpy as np
import pytest

from vstore.errors import CorruptionError, InvalidInputError, NotFoundError
from vstore.reading.buffers import allocate
from vstore.storage import Key, LocalStore

PAGE = mmap.PAGESIZE
KEY = Key("packs/one")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path)
    store.put(KEY, bytes(range(256)) * (4 * PAGE // 256))
    return store


def test_ranges_are_whole(store: LocalStore) -> None:
    file = store.open(KEY)
    target = bytearray(300)
    file.read_into(10, memoryview(target))
    assert bytes(target) == store.get_range(KEY, 10, 300)
    with pytest.raises(CorruptionError, match="truncated"):
        file.read_into(4 * PAGE - 10, memoryview(target))
    with pytest.raises(InvalidInputError, match="no range"):
        file.read_into(-1, memoryview(target))


def test_what_is_not_there_cannot_be_opened(store: LocalStore) -> None:
    with pytest.raises(NotFoundError):
        store.open(Key("packs/two"))


def test_a_file_is_closed_when_nobody_holds_it(store: LocalStore) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    files = [store.open(KEY) for _ in range(5)]
    del files
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after == before


def test_a_file_can_be_read_when_it_is_deleted(store: LocalStore) -> None:
    file = store.open(KEY)
    store.delete(KEY)
    target = bytearray(4)
    file.read_into(1, memoryview(target))
    assert target == b"\x01\x02\x03\x04"


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="shown on Linux only")
class TestShowing:
    def test_memory_shows_the_file_and_writing_does_not_change_it(self, store: LocalStore) -> None:
        memory = allocate(2**22)
        memory[: 3 * PAGE] = 7
        file = store.open(KEY)
        assert file.map_over(PAGE, memory.ctypes.data, 2 * PAGE)
        assert memory[: 2 * PAGE].tobytes() == store.get_range(KEY, PAGE, 2 * PAGE)
        assert memory[2 * PAGE] == 7
        memory[0] = 99
        assert store.get_range(KEY, PAGE, 1) == b"\x00"
        assert file.map_over(0, memory.ctypes.data, PAGE)
        assert memory[0] == 0

    def test_what_does_not_begin_and_end_with_pages_is_not_shown(self, store: LocalStore) -> None:
        memory = allocate(2**22)
        memory[:] = 7
        file = store.open(KEY)
        assert not file.map_over(1, memory.ctypes.data, PAGE)
        assert not file.map_over(0, memory.ctypes.data + 8, PAGE)
        assert not file.map_over(0, memory.ctypes.data, PAGE - 1)
        assert not file.map_over(3 * PAGE, memory.ctypes.data, 2 * PAGE)
        assert (memory == 7).all()

    def test_memory_outlives_the_file_it_shows(self, store: LocalStore) -> None:
        memory = allocate(2**22)
        assert store.open(KEY).map_over(0, memory.ctypes.data, PAGE)
        store.delete(KEY)
        assert np.array_equal(memory[:256], np.arange(256, dtype="u1"))
