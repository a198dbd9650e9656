"""A repository against a plain dict, in whatever order Hypothesis thinks of."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import RepositoryMachine


def test_a_repository_holds_what_a_model_of_it_does() -> None:
    run_state_machine_as_test(
        RepositoryMachine,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
