"""Where not all chunks fit in memory, those that do are not decoded again."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Reader
from vstore.reader.random_access import RandomAccess
from vstore.reader.source import Source

CHUNKS, ROWS, WIDTH = 32, 16, 8
CHUNK_NBYTES = ROWS * WIDTH * 8


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Any:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="Add rows") as tx:
        spec = {"x": vstore.ndarray((WIDTH,), "int64", rows_per_chunk=ROWS)}
        values = np.arange(CHUNKS * ROWS * WIDTH).reshape(-1, WIDTH)
        tx.create_table("t", spec).extend({"x": values})
    return repo.checkout("main")["t"]


def test_a_full_shuffle_decodes_only_what_does_not_fit(table: Any) -> None:
    room = 3 * CHUNKS // 4
    reader = Reader(
        table, batch_size=64, shuffle="full", window=128, memory_nbytes=room * CHUNK_NBYTES
    )
    windows = CHUNKS * ROWS // 128
    for epoch in range(3):
        before = reader.statistics.chunks_loaded
        values = np.concatenate([batch["x"] for batch in reader])
        assert (values[:, 0] == reader.order(epoch) * WIDTH).all()
        assert (values - values[:, :1] == np.arange(WIDTH)).all()
        first = room if epoch == 0 else 0
        assert reader.statistics.chunks_loaded - before <= first + windows * (CHUNKS - room)


def test_samples_by_position_decode_only_what_does_not_fit(table: Any) -> None:
    room = CHUNKS // 2
    access = RandomAccess(Source.of(table), memory_nbytes=room * CHUNK_NBYTES)
    generator = np.random.default_rng(0)
    for _ in range(4):
        positions = generator.permutation(CHUNKS * ROWS)
        assert (access.take(positions)["x"][:, 0] == positions * WIDTH).all()
    assert access.statistics().chunks_loaded == room + 4 * (CHUNKS - room)


def test_batches_smaller_than_the_memory_find_what_fits_there(table: Any) -> None:
    """Of chunks asked for evenly at random, as many are found as the share that fits."""
    room = CHUNKS // 2
    access = RandomAccess(Source.of(table), memory_nbytes=room * CHUNK_NBYTES)
    generator = np.random.default_rng(0)
    for _ in range(300):
        access.take(generator.integers(0, CHUNKS * ROWS, 8))
    statistics = access.statistics()
    share = statistics.chunks_found / (statistics.chunks_found + statistics.chunks_loaded)
    assert share > 0.44
