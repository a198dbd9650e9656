"""Killed at any moment, fetching and dropping of data leave a sound repository."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.faults.kills import PARTIAL, killed

NOW = timedelta(0)


def check_kills(operation: str, folder: Path, *, stride: int) -> int:
    """Kill an operation at every `stride`-th point, check what is left, and return how often."""
    work = PARTIAL[operation]
    (folder / "before").mkdir()
    work.prepare(folder / "before")
    expected = vstore.open(folder / "before" / "origin").checkout()["t"]["x"][:]
    count = 0
    for place in killed(operation, folder, stride, min(3, stride - 1)):
        count += 1
        repo = vstore.open(place / "repository")
        assert repo.fsck(mode="full").is_sound
        work.run(place)
        assert repo.fsck(mode="full").is_sound
        for _ in range(2):
            repo.gc(grace=NOW, expire=NOW)
        table = vstore.open(place / "repository").checkout()["t"]
        assert np.array_equal(table["x"][:], expected)
        assert np.array_equal(table["y"][:], expected + 1)
        assert repo.fsck(mode="full").is_sound
        if operation == "fetch-data":
            assert repo.whereis("t/x", samples=slice(0, 200)).is_here
            assert repo.whereis("t/y", samples=slice(300, 500)).is_here
        else:
            assert not repo.whereis("t/x", samples=slice(0, 64)).here.objects
        shutil.rmtree(place)
    return count


@pytest.mark.parametrize("operation", PARTIAL)
def test_a_killed_command_goes_on_where_it_was(operation: str, tmp_path: Path) -> None:
    assert check_kills(operation, tmp_path, stride=23)


@pytest.mark.slow
@pytest.mark.parametrize("operation", PARTIAL)
def test_a_command_killed_at_every_point(operation: str, tmp_path: Path) -> None:
    assert check_kills(operation, tmp_path, stride=1) >= 20
