"""The commands of repositories that hold only a part, from fetching data to dropping it."""

from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.partial.clones import clone_documents


@pytest.fixture
def clone(run: Run) -> Path:
    """A clone of documents in the current directory, next to its origin."""
    origin = vstore.create("origin", author="Ann <a@x.org>")
    with origin.transaction("main", message="Start") as tx:
        columns = {
            "image": vstore.ndarray((64,), "uint8", rows_per_chunk=64),
            "label": vstore.ndarray((), "int64"),
        }
        image = np.random.default_rng(0).integers(0, 256, (1000, 64), np.uint8)
        names = [f"k{i}" for i in range(1000)]
        names[900] = "k\u2028900"  # no end of a line
        table = tx.create_table("train", columns, keys="str")
        table.extend({"image": image, "label": np.arange(1000)}, keys=names)
    clone_documents(origin.store, Path("clone"))
    return Path("clone")


def test_data_is_fetched_listed_and_dropped(run: Run, clone: Path) -> None:
    assert run("ls", "clone", "--local").out == ""
    assert "2 chunks fetched" in run("fetch-data", "clone", "--only", "train/label").out
    assert run("ls", "clone", "--local").out.startswith("train/label  ")
    assert "here already" in run("fetch-data", "-R", "clone", "--only", "train/label").out
    shown = run("show", "clone", "train/label", "17", "--offline").out
    assert "17" in shown
    assert "here: 0 of 16 chunks" in run("whereis", "-R", "clone", "train/image").out
    run("fetch-data", "clone", "--only", "train/image", "--samples", "0:64")
    found = run("whereis", "-R", "clone", "train/image").out
    assert "here: 1 of 16 chunks" in found
    assert "origin: 16 of 16 chunks" in found
    assert "would be dropped" in run("drop", "-R", "clone", "train/image", "--dry-run").out
    assert "1 chunk dropped" in run("drop", "-R", "clone", "train/image").out
    assert "here: 0 of 16 chunks" in run("whereis", "-R", "clone", "train/image").out
    assert "at origin (listed, sizes agree)" in run("fsck", "clone").out
    assert run("fetch-data", "clone", "--quiet").out == ""


def test_what_is_not_here_names_the_command(run: Run, clone: Path) -> None:
    ended = run.any("show", "clone", "train/image", "17", "--offline")
    assert ended.code == 1
    assert "is at the remote 'origin' and not here" in ended.err
    assert "vstore fetch-data --only train/image" in ended.err


def test_samples_are_given_by_a_file_of_keys_and_bounded(run: Run, clone: Path) -> None:
    Path("keys.txt").write_text("k3\nk\u2028900\n", encoding="utf-8")
    run("fetch-data", "clone", "--only", "train/image", "--keys", "keys.txt")
    assert "here: 2 of 16 chunks" in run("whereis", "-R", "clone", "train/image").out
    out = run("fetch-data", "clone", "--only", "train/image", "--limit", "10kB").out
    assert "left out" in out
    assert "like 10GB" in run.misused("fetch-data", "clone", "--limit", "much")
    ended = run.any("fetch-data", "clone", "--only", "train", "--keys", "none.txt")
    assert (ended.code, "no file 'none.txt'" in ended.err) == (1, True)


def test_nothing_is_dropped_without_a_remote(run: Run, clone: Path) -> None:
    ended = run.any("drop", "-R", "origin", "train")
    assert ended.code == 1
    assert "no remote promises" in ended.err
