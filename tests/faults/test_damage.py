"""Stored objects damaged in every way: reading says so, and never gives other data."""

from pathlib import Path

from tests.faults.damage import Trial
from tests.faults.samples import build, read_folder
from vstore import VstoreError


def test_no_damaged_object_is_read_as_something_else(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    build(folder)
    trial = Trial(
        folder, lambda: read_folder(folder), (VstoreError,), flips=4, private=(".vstore",)
    )
    tally = trial.run()
    assert tally.examples == []
    assert tally.total("refused") > 100
