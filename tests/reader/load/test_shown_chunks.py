"""Uncompressed chunks of a local repository are shown in place: verified, and never copied."""

import mmap
from pathlib import Path

import numpy as np
import pytest

import vstore
from vstore.errors import CorruptionError
from vstore.reader import Reader

ROWS = 32
WIDTH = 1024
"""Samples of 4 KiB, so that chunks begin and end where pages do."""

pytestmark = pytest.mark.skipif(
    not hasattr(mmap, "MADV_HUGEPAGE"), reason="chunks are shown on Linux only"
)


def made(path: Path, *, samples: int = 512, width: int = WIDTH) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 2**31, (samples, width), dtype="int32")
    repo = vstore.create(path)
    with repo.transaction("main", message="Add") as tx:
        column = vstore.ndarray((width,), "int32", codecs="none", rows_per_chunk=ROWS)
        tx.create_table("train", {"x": column}).extend({"x": values})
    return values


def shown_files(path: Path) -> int:
    """Return how many pieces of files below a path are shown in this process's memory."""
    return sum(str(path) in line for line in Path("/proc/self/maps").read_text().splitlines())


def read(reader: Reader, epoch: int = 0) -> np.ndarray:
    reader.set_epoch(epoch)
    batches = [batch["x"] for batch in reader]
    found = np.empty((sum(map(len, batches)), *batches[0].shape[1:]), batches[0].dtype)
    found[reader.order(epoch)] = np.concatenate(batches)
    return found


def reader_of(path: Path, **options: object) -> Reader:
    table = vstore.checkout(f"{path}@main")["train"]
    return Reader(table, batch_size=64, shuffle=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [WIDTH, WIDTH - 3])
@pytest.mark.parametrize("memory_nbytes", [2**30, 40 * ROWS * WIDTH * 4 // 16])
def test_samples_are_right(tmp_path: Path, width: int, memory_nbytes: int) -> None:
    values = made(tmp_path / "repo", width=width)
    reader = reader_of(tmp_path / "repo", memory_nbytes=memory_nbytes, window=128)
    for epoch in range(3):
        assert np.array_equal(read(reader, epoch), values)


def test_chunks_are_shown_and_let_go_with_the_reader(tmp_path: Path) -> None:
    values = made(tmp_path / "repo")
    reader = reader_of(tmp_path / "repo")
    assert np.array_equal(read(reader), values)
    assert shown_files(tmp_path) > 0
    del reader
    assert shown_files(tmp_path) == 0


def test_a_batch_may_be_written_to(tmp_path: Path) -> None:
    values = made(tmp_path / "repo")
    reader = reader_of(tmp_path / "repo")
    for batch in reader:
        batch["x"][:] = 0
    assert np.array_equal(read(reader, 1), values)


def test_damage_is_found(tmp_path: Path) -> None:
    made(tmp_path / "repo")
    pack = max((tmp_path / "repo").rglob("packs/**/*"), key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(10 * ROWS * WIDTH * 4 + 5)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(CorruptionError, match="damaged"):
        read(reader_of(tmp_path / "repo"))
