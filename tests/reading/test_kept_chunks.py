"""Reading sample by sample decodes a chunk once; what is kept is bounded and never given away."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from vstore.format.zarr.codecs import ChunkCodec
from vstore.reading import caches
from vstore.reading.decoded import DecodedChunks

SAMPLES = 400


@pytest.fixture
def repo(request: pytest.FixtureRequest) -> vstore.Repository:
    repo = vstore.create(f"memory://{request.node.name}")
    columns = {
        "x": vstore.ndarray((3,), "int32", rows_per_chunk=64),
        "y": vstore.ndarray((), "float64", rows_per_chunk=64),
        "t": vstore.text(rows_per_chunk=64),
    }
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("train", columns).extend(
            {
                "x": np.arange(SAMPLES * 3, dtype="int32").reshape(-1, 3),
                "y": np.arange(SAMPLES) / 2,
                "t": [f"no. {i}" for i in range(SAMPLES)],
            }
        )
    return repo


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each chunk that is decoded."""
    found: list[int] = []
    decode = ChunkCodec.decode

    def counted(self: ChunkCodec, data: Any, out: Any = None) -> Any:
        found.append(len(data))
        return decode(self, data, out)

    monkeypatch.setattr(ChunkCodec, "decode", counted)
    return found


def test_each_chunk_is_decoded_once(repo: vstore.Repository, decodings: list[int]) -> None:
    table = repo.checkout("main")["train"]
    for i in np.random.default_rng(0).permutation(SAMPLES).tolist():
        assert table["x"][i].tolist() == [3 * i, 3 * i + 1, 3 * i + 2]
        assert table["y"][i] == i / 2
        assert table["t"][i] == f"no. {i}"
    assert len(decodings) == 3 * -(-SAMPLES // 64)
    assert table["x"][60:70].tolist() == table["x"][:].tolist()[60:70]


def test_what_is_read_belongs_to_the_reader(repo: vstore.Repository) -> None:
    column = repo.checkout("main")["train"]["x"]
    for index in (5, slice(3, 7), [1, 2], slice(None)):
        found = column[index]
        before = found.copy()
        found[...] = -1
        assert np.array_equal(column[index], before)


def test_equal_bytes_of_other_types_are_told_apart() -> None:
    repo = vstore.create("memory://kept-types")
    values = np.arange(8, dtype="int64")
    with repo.transaction("main", message="Add") as tx:
        for dtype in ("int64", "float64"):
            column = vstore.ndarray((), dtype, codecs="none", rows_per_chunk=8)
            tx.create_table(dtype, {"x": column}).extend({"x": values.view(dtype)})
    snap = repo.checkout("main")
    assert [snap["int64"]["x"][i] for i in range(8)] == list(range(8))
    assert [snap["float64"]["x"][i] for i in range(8)] == values.view("float64").tolist()


def test_single_samples_of_an_open_transaction_are_its_own(repo: vstore.Repository) -> None:
    assert repo.checkout("main")["train"]["x"][7].tolist() == [21, 22, 23]
    with repo.transaction("main", message="Change") as tx:
        tx["train"]["x"][7] = np.array([1, 2, 3], "int32")
        assert tx["train"]["x"][7].tolist() == [1, 2, 3]
    assert repo.checkout("main")["train"]["x"][7].tolist() == [1, 2, 3]


def test_no_more_is_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "DECODED_NBYTES", 4000)
    kept = DecodedChunks()
    for i in range(10):
        kept.keep(i, np.zeros(900, "u1"))
    kept.keep("large", np.zeros(2000, "u1"))
    assert [i for i in range(10) if kept.find(i) is not None] == [6, 7, 8, 9]
    assert kept.find("large") is None
    kept.find(6)
    kept.keep(10, np.zeros(900, "u1"))
    assert kept.find(6) is not None
    assert kept.find(7) is None


def test_one_read_of_many_chunks_does_not_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decodings: list[int]
) -> None:
    monkeypatch.setattr(caches, "DECODED_NBYTES", 4 * 2**20)
    values = np.random.default_rng(0).integers(0, 99, (48, 2**16), dtype="uint8")
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add") as tx:
        kind = vstore.ndarray((2**16,), "uint8", rows_per_chunk=1, codecs="balanced")
        tx.create_table("t", {"x": kind}).extend({"x": values})
    column = vstore.open(tmp_path / "repo").checkout("main")["t"]["x"]
    some, others = [*range(0, 48, 2)], [*range(1, 48, 2)]

    for picked, decoded in ((some, 24), (others, 48), (some, 72), (some, 72), ([1], 73), ([1], 73)):
        assert np.array_equal(column[picked, 1:], values[picked, 1:])
        assert len(decodings) == decoded


def test_chunks_in_one_place_are_read_apart(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    values = np.tile(np.arange(2**17, dtype="int32").reshape(16, -1), (8, 1))
    with repo.transaction("main", message="Add") as tx:
        kind = vstore.ndarray(values.shape[1:], "int32", rows_per_chunk=16, codecs="none")
        tx.create_table("t", {"x": kind}).extend({"x": values})
    for row in (3, 40):
        values[row] = -row
        with repo.transaction("main", message="Change") as tx:
            tx["t"]["x"][row] = values[row]
    column = vstore.open(tmp_path / "repo").checkout("main")["t"]["x"]
    for _ in range(3):
        assert np.array_equal(column[:], values)
        assert np.array_equal(column[::2], values[::2])
