"""The real frameworks, on one rank and on two: every sample comes once an epoch."""

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

import vstore

pytest.importorskip("torch")

SAMPLES = 200
SCRIPT = Path(__file__).with_name("framework_ranks.py")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("frameworks") / "repo")
    repo = vstore.create(folder)
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((), "int64", rows_per_chunk=16)})
        made.extend({"i": np.arange(SAMPLES)})
    return folder


def given(ranks: int, *arguments: str, folder: Path) -> list[list[int]]:
    """Run the program on so many ranks; return what each was given."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    command = [
        sys.executable,
        *(launcher if ranks > 1 else []),
        str(SCRIPT),
        *arguments,
        str(folder),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(ranks)]


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["batches", "samples", "shards", "loader"])
def test_accelerate(url: str, kind: str, workers: int, ranks: int, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    found = given(ranks, "accelerate", url, kind, str(workers), folder=tmp_path)
    assert sorted(chain.from_iterable(found)) == list(range(SAMPLES))
    assert len({len(each) for each in found}) == 1


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_trainer_of_transformers(url: str, workers: int, ranks: int, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    found = given(ranks, "trainer", url, "samples", str(workers), folder=tmp_path)
    epochs = [[each[: len(each) // 2], each[len(each) // 2 :]] for each in found]
    for epoch in zip(*epochs, strict=True):
        assert sorted(chain.from_iterable(epoch)) == list(range(SAMPLES))
    assert epochs[0][0] != epochs[0][1]
