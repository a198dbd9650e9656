"""The most memory a reader takes: its budget, and what stands in the guide beside it."""

from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.peak_memory import peak_nbytes

MIB = 2**20
SAMPLES = 16_384
BUDGET = 16 * MIB
BESIDE = 40 * MIB
"""Batches made ahead (3 of 2 MiB), requests under way (2 of 2 MiB), memory kept for more such
(8 MiB), a window that does not fit (4 MiB), and what the allocator holds back."""

READ = """
import sys
import numpy as np
import vstore
from vstore.reader import Reader

path, table, shuffle, epochs = sys.argv[1:]
for batch in Reader(vstore.checkout(path)[table], batch_size=8, rows=slice(8), threads=2):
    del batch  # what is imported and set up then is not what counts
reader = Reader(
    vstore.checkout(path)[table],
    batch_size=64,
    shuffle={"False": False}.get(shuffle, shuffle),
    window_nbytes=4 * 2**20,
    memory_nbytes=16 * 2**20,
    threads=2,
    requests=2,
)
for _ in range(int(epochs)):
    assert sum(len(batch["label"]) for batch in reader) == 16_384
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four times as much data as the budget, as arrays and as objects."""
    path = tmp_path_factory.mktemp("peak") / "repo"
    generator = np.random.default_rng(0)
    labels = np.arange(SAMPLES)
    with vstore.create(path).transaction("main", message="Add samples") as tx:
        spec = {"label": vstore.ndarray((), "int64"), "x": vstore.ndarray((64, 84), "uint8")}
        images = generator.integers(0, 3, (SAMPLES, 64, 84), dtype="uint8")
        tx.create_table("arrays", spec).extend({"label": labels, "x": images})
        spec = {
            "label": vstore.ndarray((), "int64"),
            "x": vstore.ndarray((None,), "uint8"),
            "text": vstore.text(),
        }
        tx.create_table("objects", spec).extend(
            {
                "label": labels,
                "x": [image[: 20 + i % 40].ravel() for i, image in enumerate(images)],
                "text": [
                    bytes(image[: i % 20].ravel() + 65).decode() for i, image in enumerate(images)
                ],
            }
        )
    return path


@pytest.fixture(scope="module")
def nothing(path: Path) -> int:
    """What a process takes that reads next to nothing."""
    return peak_nbytes(READ, str(path), "arrays", "False", "0")


@pytest.mark.parametrize(
    ("table", "shuffle"),
    [("arrays", "False"), ("arrays", "window"), ("arrays", "full"), ("objects", "window")],
)
def test_memory_stays_within_the_budget(path: Path, nothing: int, table: str, shuffle: str) -> None:
    peak = peak_nbytes(READ, str(path), table, shuffle, "1")
    assert peak - nothing < BUDGET + BESIDE
