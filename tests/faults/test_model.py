"""A repository against a plain dict, in whatever order Hypothesis thinks of."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import RepositoryMachine


@pytest.mark.parametrize(
    ("runs", "steps"),
    [
        (12, 20),
        pytest.param(100, 50, marks=pytest.mark.slow, id="first half of 200 x 50"),
        pytest.param(100, 50, marks=pytest.mark.slow, id="second half of 200 x 50"),
    ],
)
def test_a_repository_holds_what_a_model_of_it_does(runs: int, steps: int) -> None:
    run_state_machine_as_test(
        RepositoryMachine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=runs < 100,  # the small run is the same every time; long ones explore
            suppress_health_check=list(HealthCheck),
        ),
    )
