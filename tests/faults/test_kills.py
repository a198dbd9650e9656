"""Killed at any moment, an operation has happened or has not, and work goes on."""

from pathlib import Path

import pytest

from tests.faults.kills import OPERATIONS, kill

STRIDES = {
    "commit": 13,
    "commit with index objects": 23,
    "merge": 13,
    "gc": 17,
    "import": 17,
    "push": 37,
    "fetch": 37,
}
"""Every how many points a process is killed here; benchmarks/reliability.py kills at each."""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_killed_operation_leaves_the_old_state_or_the_new(operation: str, tmp_path: Path) -> None:
    stride = STRIDES.get(operation, 1 if operation.startswith("delete") else 7)
    found = kill(operation, tmp_path, stride=stride, first=min(3, stride - 1))
    assert found.old
