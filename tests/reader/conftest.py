"""A table with every kind of column, in small chunks."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import vstore

SAMPLES = 300


def write(repo: vstore.Repository, samples: int = SAMPLES) -> None:
    numbers = np.arange(samples)
    with repo.transaction("main", message="Add samples") as tx:
        table = tx.create_table(
            "train",
            {
                "image": vstore.ndarray((4, 3), "uint16", rows_per_chunk=8),
                "label": vstore.ndarray((), "int64", rows_per_chunk=64),
                "flag": vstore.ndarray((), "bool", rows_per_chunk=16),
                "text": vstore.text(rows_per_chunk=16),
                "raw": vstore.bytes_(rows_per_chunk=32),
                "points": vstore.ndarray((None, 2), "float32", rows_per_chunk=16),
                "photo": vstore.image(rows_per_chunk=8),
            },
            keys="str",
        )
        table.extend(
            {
                "image": np.arange(samples * 12, dtype="uint16").reshape(-1, 4, 3),
                "label": numbers,
                "flag": numbers % 3 == 0,
                "text": [f"sample {i}" for i in numbers],
                "raw": [bytes([i % 256]) * (i % 5) for i in numbers],
                "points": [np.full((i % 4, 2), i, "float32") for i in numbers],
                "photo": [np.full((3 + i % 2, 5), i % 256, "uint8") for i in numbers],
            },
            keys=[f"key {i}" for i in numbers],
        )


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "repo"
    write(vstore.create(path))
    return path


@pytest.fixture
def repo(written: Path, tmp_path: Path) -> vstore.Repository:
    """A copy that the test may change."""
    shutil.copytree(written, tmp_path / "repo")
    return vstore.open(tmp_path / "repo")


@pytest.fixture
def table(repo: vstore.Repository) -> vstore.Table:
    found = repo.checkout("main")["train"]
    assert isinstance(found, vstore.Table)
    return found
