"""A transaction that changes nothing makes no commit, whoever opened the repository."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vstore


@pytest.mark.parametrize(
    "look",
    [
        lambda table: len(table),
        lambda table: table.has_key(["a"]),
        lambda table: table.upsert({"x": [b"1"]}, keys=["a"]),
        lambda table: table.delete(keys=[]),
    ],
    ids=["length", "has_key", "upsert", "delete"],
)
def test_a_table_with_deleted_samples_is_looked_at_in_another_process(
    tmp_path: Path, look: Callable[[Any], object]
) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.bytes_()}, keys="str")
        table.extend({"x": [b"1", b"2"]}, keys=["a", "b"])
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["b"])
    before = repo.commit("main").id
    again = vstore.open(tmp_path / "repo")
    with again.transaction("main", message="Look") as tx:
        look(tx["t"])
    assert again.commit("main").id == before
