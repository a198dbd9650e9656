"""The examples that train run, with every process that they start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vstore

pytest.importorskip("torch")
pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.s3
def test_training_from_s3_survives_a_kill_on_another_number_of_processes() -> None:
    done = subprocess.run(
        [sys.executable, "examples/train_distributed.py", "--quick"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "the losses of all 50 steps agree" in done.stdout
    assert done.stdout.count("validation accuracy") == 4


PROGRAM = """
import sys
from pathlib import Path
import vstore
from vstore.torch import Loader
{guide}
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(10))
model(torch.zeros(1, 4, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
url, folder, epochs = sys.argv[1:]
loss_of = torch.nn.functional.cross_entropy
train(url, "main", model, loss_of, optimizer, Path(folder, "checkpoint"), int(epochs))
"""


@pytest.mark.slow
def test_the_guide_trains_validates_and_resumes_on_two_ranks(tmp_path: Path) -> None:
    page = (ROOT / "docs/guides/training.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (guide,) = (block for block in blocks if "def train(url, commit" in block)
    guide = guide.replace("/local/vstore-cache", str(tmp_path / "cache")).replace("% 500", "% 2")
    (tmp_path / "train.py").write_text(PROGRAM.format(guide=guide))
    repo = vstore.create(tmp_path / "repo")
    labels = np.arange(20_000) % 10
    with repo.transaction("main", message="Add") as tx:
        columns = {"image": vstore.ndarray((4, 4), "float32"), "label": vstore.ndarray((), "int64")}
        images = np.eye(10, 16, dtype="float32")[labels].reshape(-1, 4, 4)
        tx.create_table("train", columns).extend({"image": images, "label": labels})

    def run(epochs: int) -> str:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node=2", "train.py", str(repo.url), ".", str(epochs)]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    first = run(1)
    assert "epoch 0" in first
    rest = run(3)
    assert [line.split(":")[0] for line in rest.splitlines()] == ["epoch 0", "epoch 1", "epoch 2"]
    assert "100.0% right" in rest
