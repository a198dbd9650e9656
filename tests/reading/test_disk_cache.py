"""Chunks on local disk: verified, bounded, shared, and never in the way."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import vstore
from vstore.format.digest import raw_digest
from vstore.reader import Reader
from vstore.reading.disk_cache import DiskCache
from vstore.storage.counting import CountingStore


def kept(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_what_was_put_is_found(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    digest = raw_digest(b"chunk")
    assert cache.find(digest, 5) is None
    cache.put(digest, b"chunk")
    assert cache.find(digest, 5) == b"chunk"
    assert DiskCache(tmp_path, 10_000).find(digest, 5) == b"chunk"
    assert (cache.hits, cache.misses) == (1, 1)


def test_damage_counts_as_absent_and_is_removed(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    digest = raw_digest(b"chunk")
    cache.put(digest, b"chunk")
    (file,) = (tmp_path / "chunks").rglob("*/*")
    file.write_bytes(b"chu")
    assert cache.find(digest, 5) is None
    assert not file.exists()


def test_it_stays_within_its_limit_and_what_was_used_longest_ago_goes(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100_000)
    chunks = [bytes([i]) * 5000 for i in range(60)]
    for age, chunk in enumerate(chunks):
        cache.put(raw_digest(chunk), chunk)
        file = next((tmp_path / "chunks").rglob(raw_digest(chunk).hex()))
        os.utime(file, (time.time() - 1000 + age,) * 2)
        assert kept(tmp_path) <= 110_000
    found = [cache.find(raw_digest(chunk), len(chunk)) is not None for chunk in chunks]
    assert found[-1]
    assert found == sorted(found)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    cache.put(raw_digest(b"x"), b"x")
    stale, fresh, other = (tmp_path / "tmp" / name for name in ("0" * 32, "1" * 32, "not-ours"))
    stale.write_bytes(b"half")
    fresh.write_bytes(b"half")
    other.write_bytes(b"a document")
    for path in (stale, other):
        os.utime(path, (time.time() - 10_000,) * 2)
    cache.tidy()
    assert not stale.exists()
    assert fresh.exists()
    assert other.exists()


def test_a_disk_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file", 10_000)
    cache.put(raw_digest(b"x"), b"x")
    assert cache.find(raw_digest(b"x"), 1) is None


def test_a_disk_that_is_full_for_a_while_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DiskCache(tmp_path, 10_000)
    now = time.monotonic()
    monkeypatch.setattr("vstore.reading.disk_cache.time.monotonic", lambda: now)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        cache.put(raw_digest(b"x"), b"x")
    assert not list((tmp_path / "tmp").iterdir())
    cache.put(raw_digest(b"x"), b"x")
    assert cache.find(raw_digest(b"x"), 1) is None
    now += 60
    cache.put(raw_digest(b"x"), b"x")
    assert cache.find(raw_digest(b"x"), 1) == b"x"


@pytest.mark.parametrize("blocked", ["lock", "tmp", "chunks"])
def test_a_directory_that_others_broke_is_no_error(tmp_path: Path, blocked: str) -> None:
    """A directory where a file belongs, or the other way round; removed meanwhile, or a link."""
    chunk = bytes(3000)
    if blocked == "lock":
        (tmp_path / "lock").mkdir()
    else:
        (tmp_path / blocked).write_text("in the way")
    cache = DiskCache(tmp_path, 10_000)
    cache.put(raw_digest(chunk), chunk)
    assert cache.find(raw_digest(chunk), len(chunk)) in (None, chunk)


def test_a_directory_may_vanish(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache", 10_000)
    cache.put(raw_digest(b"x"), b"x")
    shutil.rmtree(tmp_path / "cache")
    assert cache.find(raw_digest(b"x"), 1) is None
    cache.put(raw_digest(b"y"), b"y")
    assert cache.find(raw_digest(b"y"), 1) == b"y"


WRITER = """
import sys
from pathlib import Path
from vstore.format.digest import raw_digest
from vstore.reading.disk_cache import DiskCache
cache = DiskCache(Path(sys.argv[1]), 4_000_000)
i = 0
while True:
    chunk = (i % 97).to_bytes(2, "big") * 50_000
    found = cache.find(raw_digest(chunk), len(chunk))
    assert found in (None, chunk)
    cache.put(raw_digest(chunk), chunk)
    print(i, flush=True)
    i += 1
"""


def test_processes_killed_while_they_write_leave_nothing_wrong(tmp_path: Path) -> None:
    for steps in (1, 5, 60):
        running = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        for process in running:
            assert process.stdout is not None
            for _ in range(steps):
                assert process.stdout.readline()
            process.kill()
        for process in running:
            assert process.stdout is not None
            process.stdout.close()
            process.wait()
    cache = DiskCache(tmp_path, 4_000_000)
    chunks = [i.to_bytes(2, "big") * 50_000 for i in range(97)]
    found = [cache.find(raw_digest(chunk), len(chunk)) for chunk in chunks]
    assert all(data in (None, chunk) for data, chunk in zip(found, chunks, strict=True))
    assert sum(data is not None for data in found) > 20
    halves = list((tmp_path / "tmp").iterdir())
    assert len(halves) <= 2 * 3
    for half in halves:
        os.utime(half, (0, 0))
    cache.tidy()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert kept(tmp_path) <= 4_000_000


def test_processes_share_one_directory(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from vstore.format.digest import raw_digest
from vstore.reading.disk_cache import DiskCache
cache = DiskCache(Path(sys.argv[1]), 50_000)
for i in range(200):
    chunk = bytes([i % 100]) * 2000
    found = cache.find(raw_digest(chunk), len(chunk))
    assert found in (None, chunk)
    cache.put(raw_digest(chunk), chunk)
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    DiskCache(tmp_path, 50_000).tidy()
    assert kept(tmp_path) <= 50_000


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> CountingStore:
    made = vstore.create(f"memory://{request.node.name}")
    with made.transaction("main", message="x") as tx:
        spec = {
            "x": vstore.ndarray((16,), "uint8", rows_per_chunk=32),
            "s": vstore.text(rows_per_chunk=64),
            "r": vstore.ndarray((None,), "int32", rows_per_chunk=64),
        }
        tx.create_table("t", spec).extend(
            {
                "x": np.random.default_rng(0).integers(0, 256, (512, 16), dtype="uint8"),
                "s": [str(i) for i in range(512)],
                "r": [np.arange(i % 5, dtype="int32") for i in range(512)],
            }
        )
    return CountingStore(made.store)


def test_a_second_process_reads_from_disk_only(counted: CountingStore, tmp_path: Path) -> None:
    def reader() -> Reader:
        table = vstore.Repository(counted).checkout("main")["t"]
        return Reader(table, batch_size=32, shuffle=True, cache_dir=tmp_path)

    first = reader()
    expected = [batch["s"] for batch in first]
    second = reader()
    counted.reset()
    assert [batch["s"] for batch in second] == expected
    assert counted.count("get_range") == 0
    assert second.statistics.disk_hits == second.statistics.chunks_loaded == 16 + 3 * 8
    assert "from the cache on disk" in str(second.statistics)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "folder"])
def test_damaged_files_are_fetched_again(
    counted: CountingStore, tmp_path: Path, damage: str
) -> None:
    def batches() -> list[list[str]]:
        table = vstore.Repository(counted).checkout("main")["t"]
        reader = Reader(table, batch_size=32, shuffle=True, cache_dir=tmp_path)
        return [batch["s"] for batch in reader]

    expected = batches()
    for file in (tmp_path / "chunks").rglob("*/*"):
        data = bytearray(file.read_bytes())
        if damage == "flipped":
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        elif damage == "folder":
            file.unlink()
            file.mkdir()
        else:
            file.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    counted.reset()
    assert batches() == expected
    assert counted.count("get_range") > 0
    if damage != "folder":
        counted.reset()
        assert batches() == expected
        assert counted.count("get_range") == 0


def test_prefetch_brings_everything_once(counted: CountingStore, tmp_path: Path) -> None:
    table = vstore.Repository(counted).checkout("main")["t"]
    reader = Reader(table, batch_size=32, shuffle=True, cache_dir=tmp_path)
    assert reader.prefetch() > 512 * 16
    assert reader.prefetch(progress=False) == 0
    counted.reset()
    assert sum(len(batch["s"]) for batch in reader) == 512
    assert counted.count("get_range") == 0
    with pytest.raises(vstore.InvalidInputError, match="cache_dir"):
        Reader(table, batch_size=32).prefetch()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder of a user's own, with files like those of a cache, long unchanged."""
    made = tmp_path / "documents"
    made.mkdir()
    for name in ("thesis.txt", "0" * 32, "ab" * 32):
        (made / name).write_bytes(bytes(20_000))
        os.utime(made / name, (1e9, 1e9))
    return made


@pytest.mark.parametrize("place", ["tmp", "chunks", "chunks/ab", "lock"])
def test_no_link_in_the_cache_is_followed(tmp_path: Path, documents: Path, place: str) -> None:
    root = tmp_path / "cache"
    (root / place).parent.mkdir(parents=True)
    (root / place).symlink_to(documents)
    cache = DiskCache(root, 10_000)
    for i in range(20):
        chunk = bytes([i]) * 3000
        cache.put(raw_digest(chunk), chunk)
        cache.find(raw_digest(chunk), len(chunk))
    with contextlib.suppress(vstore.StorageError):
        cache.tidy()
    assert sorted(path.name for path in documents.iterdir()) == ["0" * 32, "ab" * 32, "thesis.txt"]


def test_what_is_no_file_of_the_right_size_is_absent(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    digest = raw_digest(b"chunk")
    cache.put(digest, b"chunk")
    (file,) = (tmp_path / "chunks").rglob("*/*")
    os.truncate(file, 2**40)  # sparse: more than any memory
    assert cache.find(digest, 5) is None
    os.mkfifo(file)
    assert cache.find(digest, 5) is None
    assert not cache.has(digest)


def test_what_is_kept_is_private_unless_it_is_shared(tmp_path: Path) -> None:
    def modes(root: Path) -> set[int]:
        return {path.stat().st_mode & 0o077 for path in (root, *root.rglob("*"))}

    before = os.umask(0o022)
    try:
        DiskCache(tmp_path / "mine", 10).put(raw_digest(b"x"), b"x")
        DiskCache(tmp_path / "ours", 10, is_shared=True).put(raw_digest(b"x"), b"x")
    finally:
        os.umask(before)
    assert modes(tmp_path / "mine") == {0}
    assert 0o044 in modes(tmp_path / "ours")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_a_folder_that_others_may_write_to_is_refused(
    counted: CountingStore, tmp_path: Path, mode: int
) -> None:
    table = vstore.Repository(counted).checkout("main")["t"]
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(vstore.InvalidInputError, match="other users may write") as caught:
        Reader(table, batch_size=256, cache_dir=folder)
    assert caught.value.code == "folder-of-others"
    reader = Reader(table, batch_size=256, cache_dir=folder, cache_shared=True)
    assert reader.prefetch() > 0


def test_a_folder_opened_to_others_later_is_left_alone(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache", 10_000)
    cache.put(raw_digest(b"x"), b"x")
    (tmp_path / "cache").chmod(0o777)
    assert cache.find(raw_digest(b"x"), 1) is None
    cache.put(raw_digest(b"y"), b"y")
    (tmp_path / "cache").chmod(0o700)
    assert cache.find(raw_digest(b"x"), 1) == b"x"
    assert cache.find(raw_digest(b"y"), 1) is None
