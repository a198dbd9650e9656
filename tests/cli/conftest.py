"""Running the command line in this process, on local disk."""

from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.importers.idx_files import images, write_idx


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands in an empty directory, with an environment that says nothing."""
    for name in ("VSTORE_URL", "VSTORE_AUTHOR_NAME", "VSTORE_AUTHOR_EMAIL", "VSTORE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("FORCE_COLOR", "COLUMNS", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VSTORE_AUTHOR", "Ann Lee <ann@example.org>")
    monkeypatch.setenv("VSTORE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)
    return Run()


@pytest.fixture
def files(run: Run) -> None:
    """Ten images and their labels in the current directory, as IDX and as npy."""
    write_idx(Path("train-images-idx3-ubyte.gz"), images(10))
    write_idx(Path("train-labels-idx1-ubyte.gz"), np.arange(10, dtype=np.uint8))
    np.save("image.npy", images(10, seed=1))
    np.save("label.npy", np.arange(10, 20, dtype=np.uint8))


@pytest.fixture
def repo(run: Run) -> vstore.Repository:
    """A repository at `repo` with two commits, the branches main and dev, and the tag v1."""
    repo = vstore.create("repo", author="Bob <bob@example.org>")
    with repo.transaction("main", message="Add the training set\n\nAll of it.") as tx:
        table = tx.create_table(
            "train",
            {
                "image": vstore.ndarray((5, 4), "uint8"),
                "label": vstore.ndarray((), "int64"),
                "caption": vstore.text(),
            },
            keys="str",
            attributes={"source": "made"},
        )
        table.extend(
            {
                "image": images(10),
                "label": np.arange(10),
                "caption": [f"number {i}" for i in range(10)],
            },
            keys=[f"k{i}" for i in range(10)],
        )
        grid = tx.create_array("climate/temperature", shape=(3, 4), dtype="float32")
        grid[:] = np.array([[0, 1, 2, np.nan]] * 3, "float32")
    with repo.transaction("main", message="Fix a label") as tx:
        tx["train"]["label"][7] = 70
    repo.branches.create("dev", at="main~1")
    repo.tags.create("v1", at="main~1", message="First")
    return repo
