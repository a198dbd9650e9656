"""A repository against a plain dict, in whatever order Hypothesis thinks of."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import RepositoryMachine


@pytest.mark.parametrize(
    ("runs", "steps"),
    [(12, 20), pytest.param(200, 50, marks=pytest.mark.slow)],
)
def test_a_repository_holds_what_a_model_of_it_does(runs: int, steps: int) -> None:
    run_state_machine_as_test(
        RepositoryMachine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,  # the same every time; `benchmarks.reliability model` explores
            suppress_health_check=list(HealthCheck),
        ),
    )
