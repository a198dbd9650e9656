"""Keys of samples, from arrays and from text."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.importers.idx_files import write_idx
from vstore.errors import InvalidInputError, NotFoundError
from vstore.importers.sample_keys import read_keys


@pytest.mark.parametrize("dtype", ["int64", "uint8", ">i4"])
def test_integers(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "keys.npy", np.array([3, 1, 2], dtype))
    assert read_keys(tmp_path / "keys.npy").tolist() == [3, 1, 2]


def test_integers_of_idx(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "keys.gz", np.array([3, 1, 2], "i4"))
    assert read_keys(path).tolist() == [3, 1, 2]


def test_strings(tmp_path: Path) -> None:
    np.save(tmp_path / "keys.npy", np.array(["shoe-1", "größe"]))
    assert read_keys(tmp_path / "keys.npy").tolist() == ["shoe-1", "größe"]


@pytest.mark.parametrize("text", ["a\nb c\nö", "a\nb c\nö\n", "a\r\nb c\r\nö\r\n"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_lines_of_text(tmp_path: Path, text: str, wrapped: bool) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(gzip.compress(text.encode()) if wrapped else text.encode())
    assert read_keys(path).tolist() == ["a", "b c", "ö"]


def test_no_keys(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").touch()
    assert len(read_keys(tmp_path / "keys.txt")) == 0


def test_an_empty_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("a\n\nb\n")
    with pytest.raises(InvalidInputError, match="an empty line, 2"):
        read_keys(tmp_path / "keys.txt")


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_bytes(b"a\n\xff\n")
    with pytest.raises(InvalidInputError, match="neither an array of keys nor UTF-8 text"):
        read_keys(tmp_path / "keys.txt")


@pytest.mark.parametrize("keys", [np.array([1.5]), np.array([[1, 2]]), np.array([b"a"])])
def test_keys_of_another_kind_are_refused(tmp_path: Path, keys: NDArray[Any]) -> None:
    np.save(tmp_path / "keys.npy", keys)
    with pytest.raises(InvalidInputError, match="keys are integers or strings"):
        read_keys(tmp_path / "keys.npy")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file"):
        read_keys(tmp_path / "keys.txt")
