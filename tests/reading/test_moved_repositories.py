"""A repository that was moved away is not found; one that lacks an object is damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from vstore import CorruptionError, NotFoundError
from vstore.reader import Reader


@pytest.fixture
def table(tmp_path: Path) -> Any:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((256,), "int64", rows_per_chunk=8)})
        made.extend({"i": np.arange(200 * 256).reshape(200, 256)})
    return vstore.checkout(tmp_path / "repo")["t"]


def read_column(table: Any) -> Any:
    return table["i"][:]


def train(table: Any) -> Any:
    return list(Reader(table, ["i"], batch_size=8, shuffle=True, window=16))


@pytest.mark.parametrize("read", [read_column, train])
def test_a_repository_that_was_moved_is_not_found(table: Any, tmp_path: Path, read: Any) -> None:
    table["i"]
    (tmp_path / "repo").rename(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError) as caught:
        read(table)
    assert caught.value.code == "repository-not-found"


@pytest.mark.parametrize("read", [read_column, train])
def test_a_repository_without_a_pack_is_damaged(table: Any, tmp_path: Path, read: Any) -> None:
    table["i"]
    for pack in (tmp_path / "repo" / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    with pytest.raises(CorruptionError) as caught:
        read(table)
    assert caught.value.code == "damaged-object"
