"""Imports that are killed, at any point, commit nothing; and one bad file among a thousand."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import vstore
from tests.importers.test_folders import png
from tests.repositories import new_repository
from vstore.importers import import_into, open_rows

FILES = 120
CHILD = """
import os, signal, sys
from vstore.importers import import_into, open_rows, resuming
import vstore

folder, repo, journal, point = sys.argv[1:]
resuming.NOTED_NBYTES = 20_000
left = int(point)

def kill_at_its_point(event, given):
    global left
    if event == "open" or event.startswith(("os.", "vstore.")):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

opened = vstore.open(repo)
sys.addaudithook(kill_at_its_point)
with opened.transaction("main", message="Import") as tx:
    import_into(tx, "t", open_rows(folder, with_="files"), batch_nbytes=8000,
                resume=journal or None)
print(int(point) - left)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for i in range(FILES):
        (folder / f"{i:03}").write_bytes(os.urandom(1000) + bytes([i]))
    return folder


def run(folder: Path, repo: Path, journal: Path | str, point: int) -> tuple[int, str]:
    """Import in a process that kills itself when it opens, renames or deletes for the nth time."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(repo), str(journal), str(point)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_an_import_is_killed_at_fifty_points(folder: Path, tmp_path: Path) -> None:
    vstore.create(tmp_path / "counted")
    code, out = run(folder, tmp_path / "counted", tmp_path / "journal", 10**9)
    points = int(out)
    assert code == 0
    assert points > FILES
    for i in range(50):
        repo = vstore.create(tmp_path / f"repo{i}")
        journal = tmp_path / f"journal{i}" if i % 2 else ""
        code, _ = run(folder, tmp_path / f"repo{i}", journal, 1 + i * points // 50)
        if "main" in repo.branches:
            assert i > 40, "only the last points are behind the commit"
        else:
            assert run(folder, tmp_path / f"repo{i}", journal, 10**9)[0] == 0
        table = repo.checkout("main").table("t")
        assert table.sample_keys().tolist() == [f"{i:03}" for i in range(FILES)]
        assert all(each["data"][-1] == i for i, each in enumerate(table))
        assert repo.fsck(mode="full", decode=True).is_sound


def test_one_corrupt_file_among_a_thousand(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for i in range(1000):
        path = folder / "abcd"[i % 4] / f"{i:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(i % 200))
    bad = folder / "c" / "0602.png"
    bad.write_bytes(bad.read_bytes()[:50])
    repo = new_repository()
    with (
        pytest.raises(vstore.InvalidInputError, match=r"c/0602\.png"),
        repo.transaction("main", message="Import") as tx,
    ):
        import_into(tx, "t", open_rows(folder))
    assert "main" not in repo.branches
    with repo.transaction("main", message="Import") as tx:
        found = import_into(tx, "t", open_rows(folder), on_error="skip")
    assert (found.added, [Path(each.item).name for each in found.skipped]) == (999, ["0602.png"])
    keys = repo.checkout("main").table("t").sample_keys().tolist()
    assert "c/0602.png" not in keys
    assert len(keys) == 999
