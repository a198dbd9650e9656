"""Documents made by an enemy: an error of vstore's own, soon and in little memory."""

import pytest

from tests.faults.mutations import survey


@pytest.mark.parametrize("seed", range(2))
def test_mutated_documents_are_refused_or_read(seed: int) -> None:
    found = survey(60, seed=seed)
    assert found.failures == []
    assert found.outcomes["FormatError"] > 20
