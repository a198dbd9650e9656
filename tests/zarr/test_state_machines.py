"""zarr's own state machines; both commit now and then and go on from the commit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from zarr.testing.stateful import ZarrHierarchyStateMachine, ZarrStoreStateMachine

from tests.conftest import Bucket
from tests.zarr import repositories
from vstore import Repository
from vstore.zarr_store import ZarrStore

pytestmark = pytest.mark.filterwarnings(
    "ignore::zarr.core.dtype.common.UnstableSpecificationWarning"
)


class HierarchyMachine(ZarrHierarchyStateMachine):
    """Groups and arrays are made, changed, resized and deleted."""

    store: ZarrStore

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        super().__init__(ZarrStore(repositories.begin(repository)))

    @rule()
    def commit(self) -> None:
        note("committing")
        repositories.commit_and_go_on(self.repository, self.store)


class KeyMachine(ZarrStoreStateMachine):
    """Bytes are stored and deleted under any keys."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.committing = ZarrStore(repositories.begin(repository))
        super().__init__(self.committing)

    @rule()
    def commit(self) -> None:
        note("committing")
        repositories.commit_and_go_on(self.repository, self.committing)


Machine = Callable[[Repository], RuleBasedStateMachine]
MACHINES: list[Machine] = [HierarchyMachine, KeyMachine]


def run(machine: Machine, repository: Repository, examples: int) -> None:
    """Run a machine; every example goes on where the one before left the repository."""
    made = cast("Any", lambda: machine(repository))  # a type is asked for, any callable taken
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


LENGTHS = [12, pytest.param(60, marks=pytest.mark.slow)]


@pytest.mark.parametrize("examples", LENGTHS)
@pytest.mark.parametrize("machine", MACHINES)
def test_in_memory(machine: Machine, examples: int) -> None:
    run(machine, repositories.in_memory(), examples)


@pytest.mark.parametrize("examples", LENGTHS)
@pytest.mark.parametrize("machine", MACHINES)
def test_on_disk(machine: Machine, examples: int, tmp_path: Path) -> None:
    run(machine, repositories.on_disk(tmp_path), examples // 2)


@pytest.mark.s3
@pytest.mark.parametrize("examples", LENGTHS)
@pytest.mark.parametrize("machine", MACHINES)
def test_on_s3(machine: Machine, examples: int, s3_bucket: Bucket) -> None:
    run(machine, repositories.on_s3(s3_bucket), examples // 2)
