"""A repository that no test may change."""

from collections.abc import Iterator

import pytest

from tests.repositories import committed_table
from tests.writing.bad_input import COLUMNS, batch, state
from vstore import Repository


@pytest.fixture
def unchanged() -> Iterator[Repository]:
    """A repository with the int-keyed table `t` and the array `a`; unchanged in the end."""
    repository, _ = committed_table(COLUMNS, batch(4), keys="int", sample_keys=[3, 1, 4, 15])
    with repository.transaction("main", message="Add an array") as tx:
        tx.create_array("a", shape=(4, 5), dtype="float32")[:] = 1
    before = state(repository)
    yield repository
    assert state(repository) == before
