"""Random programs through the store of a transaction hold what plain Zarr holds."""

from collections.abc import Iterator

import pytest

from tests.zarr.operations import OPERATIONS
from tests.zarr.programs import VERBS, Program, run
from tests.zarr.workers import Worker

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")  # loose objects


@pytest.fixture(scope="module")
def workers() -> Iterator[tuple[Worker, ...]]:
    """Two processes."""
    made = Worker(), Worker()
    yield made
    for worker in made:
        worker.close()


@pytest.mark.parametrize("actors", [1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_in_one_process(actors: int, seed: int) -> None:
    Program(1000 * actors + seed, actors).run()


@pytest.mark.parametrize("seed", range(3))
def test_in_several_processes(workers: tuple[Worker, ...], seed: int) -> None:
    Program(seed, 3, workers).run()


@pytest.mark.slow
@pytest.mark.parametrize("actors", [1, 2, 3])
def test_many_programs(actors: int) -> None:
    done, bad = run(range(10_000, 10_300), actors)
    assert not bad
    assert done.keys() >= OPERATIONS.keys() | VERBS.keys()
