"""How much memory the keys take that one transaction adds."""

from pathlib import Path

import pytest

import vstore
from tests.peak_memory import peak_nbytes

WRITE = """
import sys
import numpy as np
import vstore
import vstore.writing.packs, vstore.writing.staged_array

vstore.writing.packs.PACK_NBYTES = 2 * 2**20
vstore.writing.packs.OPEN_NBYTES = 4 * 2**20
vstore.writing.packs.RAW_NBYTES = 4 * 2**20
vstore.writing.staged_array.DIRTY_NBYTES = 4 * 2**20

repository, count = vstore.open(sys.argv[1]), int(sys.argv[2])
with repository.transaction("main", message="Add") as tx:
    spec = vstore.ndarray((), "uint8")
    table = tx.create_table("t", {"x": spec}, keys="str")
    for start in range(0, count, 20_000):
        keys = [f"{7919 * i % 2**32:08x}-{i:07}" for i in range(start, start + 20_000)]
        table.extend({"x": np.zeros(20_000, "uint8")}, keys=keys)
"""


@pytest.mark.parametrize(
    ("few", "many"), [(100_000, 300_000), pytest.param(500_000, 2_000_000, marks=pytest.mark.slow)]
)
def test_an_imported_key_takes_less_than_150_bytes(tmp_path: Path, few: int, many: int) -> None:
    peaks = []
    for count in (few, many):
        url = str(tmp_path / str(count))
        vstore.create(url)
        peaks.append(peak_nbytes(WRITE, url, str(count)))
    assert (peaks[1] - peaks[0]) / (many - few) < 150, peaks
