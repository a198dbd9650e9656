"""Killed at any moment, a push, fetch or clone leaves a sound repository and goes on later."""

import shutil
from pathlib import Path

import pytest

import vstore
from tests.faults.kills import CLONING, OPERATIONS, killed, state_of

TRANSFERS = {name: OPERATIONS[name] for name in ("push", "fetch")} | CLONING


def objects(folder: Path) -> dict[str, int]:
    """Return the file of each object, which another write of the same would replace."""
    root = folder / "repository"
    kinds = ("commits", "index", "packs")
    paths = [path for kind in kinds for path in (root / kind).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.stat().st_ino for path in paths}


def check_kills(operation: str, folder: Path, *, stride: int) -> int:
    """Kill a transfer at every `stride`-th point; return how often it was."""
    work, count = TRANSFERS[operation], 0
    (folder / "before").mkdir()
    work.prepare(folder / "before")
    shutil.copytree(folder / "before", folder / "after")
    work.run(folder / "after")
    expected = state_of(folder / "after")
    for place in killed(operation, folder, stride, min(3, stride - 1)):
        count += 1
        there = objects(place)
        if operation != "clone":
            assert vstore.open(place / "repository").fsck(mode="full").is_sound
        try:
            work.run(place)
        except vstore.AlreadyExistsError:  # the clone was finished when its process was killed
            assert operation == "clone"
        assert state_of(place) == expected
        assert vstore.open(place / "repository").fsck(mode="full", decode=True).is_sound
        left = objects(place)
        assert {name: left[name] for name in there} == there, "an object was sent twice"
        shutil.rmtree(place)
    return count


@pytest.mark.parametrize("operation", TRANSFERS)
def test_a_killed_transfer_goes_on_where_it_was(operation: str, tmp_path: Path) -> None:
    assert check_kills(operation, tmp_path, stride=61)


@pytest.mark.slow
@pytest.mark.parametrize("operation", TRANSFERS)
def test_a_transfer_killed_at_every_point(operation: str, tmp_path: Path) -> None:
    assert check_kills(operation, tmp_path, stride=2) >= 50
