"""`vstore export-refs`."""

import json
from pathlib import Path

import fsspec
import numpy as np

import vstore
from tests.cli.terminal import Run


def test_writes_what_other_tools_read(run: Run, repo: vstore.Repository) -> None:
    shown = run("export-refs", "repo@main", "--output", "refs.json").out
    count = len(json.loads(Path("refs.json").read_text())["refs"])
    assert shown == f"{count} keys of {repo.checkout().commit.id} in refs.json\n"
    files = fsspec.filesystem("reference", fo="refs.json")
    metadata = json.loads(files.cat("climate/temperature/zarr.json"))
    assert metadata["shape"] == [3, 4]
    assert files.find("train/label/c") == ["train/label/c/0"]


def test_one_table_of_an_older_commit(run: Run, repo: vstore.Repository) -> None:
    found = run("export-refs", "repo@v1", "-o", "refs.json", "-g", "train", "--json").json
    assert found["commit"] == repo.tags["v1"]
    assert found["notes"] == []
    assert "label/zarr.json" in json.loads(Path("refs.json").read_text())["refs"]


def test_says_what_readers_see_otherwise(run: Run, repo: vstore.Repository) -> None:
    with repo.transaction("main", message="Delete, and add sounds") as tx:
        tx["train"].delete(keys=["k3"])
        table = tx.create_table("more", {"sound": vstore.ndarray((None,), "int16")})
        table.append({"sound": np.arange(3, dtype="int16")})
    ended = run.any("export-refs", "repo", "-o", "refs.json")
    assert ended.code == 0
    assert "'train' has 1 deleted rows, which readers see" in ended.err
    assert "'more/sound' is read as bytes" in ended.err


def test_errors(run: Run, repo: vstore.Repository) -> None:
    assert "'nope'" in run.fails("export-refs", "repo", "-o", "refs.json", "-g", "nope")
    assert "give the path of the group" in run.fails(
        "export-refs", "repo", "-o", "r.json", "-g", "train/label"
    )
    assert "there is no folder" in run.fails("export-refs", "repo", "-o", "missing/refs.json")
    assert "let the name end in .json" in run.fails("export-refs", "repo", "-o", "refs")
    assert not Path("refs.json").exists()
