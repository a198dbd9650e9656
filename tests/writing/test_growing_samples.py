"""Samples that become larger than those that a column's chunks were made for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository, table_of
from vstore import Repository
from vstore.faces import internals
from vstore.writing import compacting, staged_array

KINDS: dict[str, tuple[Any, Callable[[bytes], Any]]] = {
    "ragged": (
        vstore.ndarray((None,), "uint8", codecs="none"),
        lambda data: np.frombuffer(data, np.uint8),
    ),
    "bytes": (vstore.bytes_(codecs="none"), lambda data: data),
}


def stored_nbytes(repository: Repository) -> int:
    return sum(info.nbytes for info in internals(repository).store.list_prefix(""))


def grown(kind: str, *, count: int = 10, nbytes: int = 2**20) -> tuple[Repository, list[int]]:
    """Return a table of small samples and then larger ones, and what each of these stored."""
    spec, make = KINDS[kind]
    random = np.random.default_rng(1)
    repository = new_repository()
    with repository.transaction("main", message="Add small ones") as tx:
        samples = [make(random.bytes(900)) for _ in range(1100)]
        tx.create_table("t", {"x": spec}).extend({"x": samples})
    stored = []
    for _ in range(count):
        before = stored_nbytes(repository)
        with repository.transaction("main", message="Add a large one") as tx:
            tx["t"].append({"x": make(random.bytes(nbytes))})
        stored.append(stored_nbytes(repository) - before)
    return repository, stored


def lengths(repository: Repository) -> list[int]:
    return [len(sample) for sample in table_of(repository)["x"][:]]


@pytest.mark.parametrize("kind", KINDS)
def test_each_larger_sample_stores_little_more_than_itself(kind: str) -> None:
    repository, stored = grown(kind, nbytes=3 * 2**20)
    assert max(stored) < 3 * 3 * 2**20
    assert sum(stored) < 1.7 * 10 * 3 * 2**20
    assert lengths(repository) == [900] * 1100 + [3 * 2**20] * 10


@pytest.mark.parametrize("kind", KINDS)
def test_compacting_chooses_chunks_that_fit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "HEAVY_NBYTES", 2**21)
    repository, _ = grown(kind)
    before = lengths(repository)
    assert table_of(repository)["x"].metadata.chunk_shape == (1024,)
    for _ in range(2):
        with repository.transaction("main", message="Compact", allow_empty=True) as tx:
            tx["t"].compact()
        assert table_of(repository)["x"].metadata.chunk_shape[0] <= 16
        assert lengths(repository) == before
    assert repository.fsck(mode="full", decode=True).is_sound


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_that_grows_too_heavy_is_split(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "HEAVY_NBYTES", 2**21)
    monkeypatch.setattr(staged_array, "HEAVY_NBYTES", 3 * 2**20)
    repository, _ = grown(kind)
    assert table_of(repository)["x"].metadata.chunk_shape[0] <= 64
    assert lengths(repository) == [900] * 1100 + [2**20] * 10


@pytest.mark.parametrize(
    ("spec", "fits", "more"),
    [
        (vstore.bytes_(), b"x" * 1000, b"x" * 1001),
        (vstore.text(), "é" * 500, "é" * 501),
        (vstore.ndarray((None,), "int16"), np.zeros(500, "int16"), np.zeros(501, "int16")),
    ],
    ids=["bytes", "text", "ragged"],
)
def test_a_sample_that_no_chunk_can_hold_is_refused_before_anything_is_stored(
    spec: Any, fits: Any, more: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vstore.format.table.sample_rows.MAX_SAMPLE_NBYTES", 1000)
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": spec})
        table.append({"x": fits})
        with pytest.raises(vstore.InvalidInputError, match="takes at most 1,000") as caught:
            table.extend({"x": [fits, more]})
        assert caught.value.code == "chunk-too-large"
        table.append({"x": fits})
    assert len(table_of(repository)) == 2
