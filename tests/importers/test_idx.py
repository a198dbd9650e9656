"""IDX files: read as they are, in batches, or refused with the reason."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.importers.idx_files import CODES, idx_bytes, images, write_idx
from tests.importers.opened import open_array
from vstore.errors import InvalidInputError, NotFoundError
from vstore.importers import read_idx


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("name", ["x.idx", "x.gz"])
def test_reads_every_type_in_native_byte_order(tmp_path: Path, kind: str, name: str) -> None:
    array = (np.arange(24) - (0 if kind == "u1" else 7)).astype(kind).reshape(4, 3, 2)
    found = read_idx(write_idx(tmp_path / name, array))
    assert found.dtype == np.dtype(kind)
    assert found.dtype.isnative
    assert np.array_equal(found, array)


@pytest.mark.parametrize("name", ["x.idx", "x.gz"])
def test_batches_join_to_the_whole(tmp_path: Path, name: str) -> None:
    array = images(10)
    source = open_array(write_idx(tmp_path / name, array))
    batches = list(source.batches(4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert np.array_equal(np.concatenate(batches), array)
    assert source.dtype == np.uint8
    assert (source.shape, source.nbytes) == ((10, 5, 4), 200)


def test_no_samples_are_no_batches(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "x.idx", images(0))
    assert list(open_array(path).batches()) == []
    assert read_idx(path).shape == (0, 5, 4)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("train-images-idx3-ubyte.gz", "train-images"),
        ("t10k-labels.idx1-ubyte", "t10k-labels"),
        ("digits.idx", "digits"),
        ("plain", "plain"),
    ],
)
def test_suggests_a_column_name(tmp_path: Path, name: str, suggested: str) -> None:
    assert open_array(write_idx(tmp_path / name, images(1))).name == suggested


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file .*x\.idx"):
        open_array(tmp_path / "x.idx")


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    write_idx(tmp_path / "x.idx", images(3))
    assert np.array_equal(open_array(tmp_path).read(), images(3))


def test_a_truncated_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(idx_bytes(images(10))[:-1])
    with pytest.raises(InvalidInputError, match=r"truncated.*makes 216 bytes; it has 215"):
        open_array(path)


def test_bytes_behind_the_array_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(idx_bytes(images(10)) + b"!")
    with pytest.raises(InvalidInputError, match="goes on behind its array"):
        open_array(path)
    path.write_bytes(gzip.compress(idx_bytes(images(10)) + b"!"))
    with pytest.raises(InvalidInputError, match="has more data after the array"):
        read_idx(path)


def test_a_truncated_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(idx_bytes(images(10))[:9])
    with pytest.raises(InvalidInputError, match="ends inside its header"):
        open_array(path)


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx_bytes(images(1000)))[:-500])
    with pytest.raises(InvalidInputError, match="compressed data ends early"):
        read_idx(path)


def test_whole_gzip_of_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx_bytes(images(10))[:-30]))
    with pytest.raises(InvalidInputError, match="truncated: 30 bytes"):
        read_idx(path)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(idx_bytes(images(1000))))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "x.gz"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match=r"damaged|truncated"):
        read_idx(path)


@pytest.mark.parametrize("start", [b"", b"\0\0", b"\0\0\x0a\1", b"\0\1\x08\1", b"\0\0\x08\0abcd"])
def test_anything_else_is_refused(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(start)
    with pytest.raises(InvalidInputError, match="is not an IDX file"):
        read_idx(path)


def test_a_header_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    header = b"\0\0\x08\3" + (1).to_bytes(4, "big") + b"\xff\xff\xff\xff" * 2
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(header))
    with pytest.raises(InvalidInputError, match=r"bytes of memory at once|truncated"):
        read_idx(path)


@pytest.mark.parametrize("rank", [65, 255])
def test_an_impossible_rank_is_refused(tmp_path: Path, rank: int) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(bytes([0, 0, 8, rank]) + (1).to_bytes(4, "big") * rank + b"x")
    with pytest.raises(InvalidInputError, match="impossible shape"):
        open_array(path)
