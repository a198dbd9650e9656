"""`vstore summary`."""

import vstore
from tests.cli.terminal import Run


def test_shows_what_the_library_does(run: Run, repo: vstore.Repository) -> None:
    assert run("summary", "repo").out == f"{repo.checkout().summary()}\n"


def test_tells_machines(run: Run, repo: vstore.Repository) -> None:
    found = run("summary", "repo@v1", "--json").json
    assert found["commit"] == repo.tags["v1"]
    assert found["tables"][0]["samples"] == 10
    assert [column["path"] for column in found["tables"][0]["columns"]] == [
        "train/caption",
        "train/image",
        "train/label",
    ]
    assert found["stored_nbytes"] == repo.checkout("v1").summary().stored_nbytes


def test_fits_a_terminal(run: Run, repo: vstore.Repository) -> None:
    shown = run("summary", "repo", FORCE_COLOR="1", COLUMNS="72").out
    assert "\x1b[" in shown
    plain = run("summary", "repo", FORCE_COLOR="1", COLUMNS="72", NO_COLOR="1", TERM="xterm").out
    assert all(name in plain for name in ("train", "image", "caption", "climate/temperature"))
    assert "10 samples, keyed by str" in plain
    grid = [line for line in plain.splitlines() if line.startswith(" ")]
    assert all(len(line) <= 72 for line in grid)


def test_an_empty_commit(run: Run) -> None:
    repo = vstore.create("repo")
    with repo.transaction("main", message="Nothing", allow_empty=True):
        pass
    assert "empty" in run("summary", "repo").out
    assert "empty" in run("summary", "repo", FORCE_COLOR="1").out
