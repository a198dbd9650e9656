"""`vstore export`."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vstore
from tests.cli.terminal import Run


@pytest.fixture
def photos(repo: vstore.Repository) -> vstore.Repository:
    held = io.BytesIO()
    Image.new("RGB", (2, 3)).save(held, "PNG")
    columns = {"image": vstore.image(), "name": vstore.text()}
    with repo.transaction("main", message="Add photographs") as tx:
        table = tx.create_table("photos", columns, keys="str")
        table.extend(
            {"image": [held.getvalue()] * 3, "name": ["A", "B", "C"]},
            keys=["cats/1.png", "2.png", "../3.png"],
        )
    return repo


def test_writes_what_the_suffix_says(run: Run, repo: vstore.Repository) -> None:
    shown = run("export", "repo", "train/label", "label.npy").out
    count = len(repo.checkout()["train"]["label"])
    assert shown.startswith(f"{count} samples of train/label at ")
    assert "in label.npy: 1 file" in shown
    assert len(np.load("label.npy")) == count


def test_tells_machines(run: Run, photos: vstore.Repository) -> None:
    words = ("export", "repo@main", "photos", "out", "--key", "cats/1.png", "-k", "2.png")
    found = run(*words, "--columns", "image", "--json").json
    assert found == {
        "path": "out",
        "commit": photos.checkout().commit.id,
        "files": 2,
        "samples": 2,
        "nbytes": sum(path.stat().st_size for path in Path("out").rglob("*.png")),
    }
    assert sorted(path.as_posix() for path in Path("out").rglob("*.png")) == [
        "out/2.png",
        "out/cats/1.png",
    ]


def test_standard_output_gets_nothing_else(run: Run, photos: vstore.Repository) -> None:
    words = ("export", "repo", "photos", "-", "--with", "csv", "-c", "name")
    assert run(*words, "--samples", "1:").out == "sample,name\n2.png,B\n../3.png,C\n"
    assert "standard output" in run.fails(*words, "--json")
    assert photos.default_branch == "main"


def test_hostile_keys_need_an_option(run: Run, photos: vstore.Repository) -> None:
    said = run.fails("export", "repo", "photos", "out")
    assert "'../3.png' cannot be the path of a file" in said
    assert "--escape-names" in said
    assert not Path("out").exists()
    run("export", "repo", "photos", "out", "--escape-names")
    assert Path("out", "%2E%2E", "3.png").exists()
    assert "already" in run.fails("export", "repo", "photos", "out", "--escape-names")
    run("export", "repo", "photos", "out", "--escape-names", "--force")
    assert photos.default_branch == "main"


def test_mistakes_are_explained(run: Run, photos: vstore.Repository) -> None:
    assert "where to export it" in run.misused("export", "train")
    said = run.misused("export", "repo", "train", "x.csv", "--nope", "1")
    assert "no exporter has option --nope" in said
    assert "no exporter" in run.fails("export", "repo", "train", "x.docx")
    assert "is a group" in run.fails("export", "repo", "climate", "x.npy")
    assert "--force" in run.fails("export", "repo", "photos", "repo")
    assert not Path("x.csv").exists()
    assert photos.default_branch == "main"


def test_the_default_repository_needs_no_target(
    run: Run, repo: vstore.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSTORE_URL", "repo")
    run("export", "train/label", "label.npz")
    assert run("export", "train/label", "x.csv", "-R", "repo").out
    assert list(np.load("label.npz")) == ["label"]
    assert repo.default_branch == "main"
