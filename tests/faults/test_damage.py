"""Stored objects damaged in every way: reading says so, and never gives other data."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.repositories import new_repository
from tests.faults.damage import Trial
from tests.faults.samples import build, read_folder
from vstore import CorruptionError, Repository, VstoreError
from vstore.format import keys
from vstore.storage.store import Key


def test_no_damaged_object_is_read_as_something_else(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    build(folder)
    trial = Trial(
        folder, lambda: read_folder(folder), (VstoreError,), flips=4, private=(".vstore",)
    )
    tally = trial.run()
    assert tally.examples == []
    assert tally.total("refused") > 100


@pytest.mark.parametrize(
    ("key", "read"),
    [
        (keys.REPOSITORY, lambda repository: repository.default_branch),
        (keys.branch("main"), lambda repository: repository.branches["main"]),
        (keys.tag("v1"), lambda repository: repository.tags.get("v1")),
    ],
)
def test_a_digit_changed_in_what_no_digest_names_is_noticed(
    key: Key, read: Callable[[Repository], object]
) -> None:
    """Well-formed as before: only the check that the document carries can tell."""
    repository = new_repository()
    with repository.transaction("main", message="Start", allow_empty=True):
        pass
    repository.tags.create("v1")
    whole = repository.store.get(key)
    digits = re.findall(rb'"[0-9a-f]{32}"', whole)
    assert digits
    for found in digits:
        other = found.replace(found[1:2], b"1" if found[1:2] == b"0" else b"0", 1)
        repository.store.put(key, whole.replace(found, other))
        with pytest.raises(CorruptionError, match="check"):
            read(Repository(repository.store))
