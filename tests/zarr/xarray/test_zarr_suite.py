"""xarray's own suite for Zarr stores, on the store of a transaction."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import zarr
from xarray.tests.test_backends import ZarrBase as _ZarrBase

from tests.zarr import repositories
from vstore import Repository
from vstore.zarr_store import ZarrStore

pytestmark = pytest.mark.filterwarnings("ignore")  # xarray's tests, and what they warn of


@pytest.fixture(params=[3])
def default_zarr_format(request: pytest.FixtureRequest) -> Iterator[None]:
    """The Zarr format that vstore keeps."""
    with zarr.config.set(default_zarr_format=request.param):
        yield


@pytest.mark.slow  # the other way round takes the same steps, and commits between them
class TestTransaction(_ZarrBase):
    """What xarray writes into a transaction, read back from it."""

    @contextlib.contextmanager
    def create_zarr_target(self) -> Iterator[ZarrStore]:
        yield repositories.begin(repositories.in_memory()).store


class TestCommit(_ZarrBase):
    """What xarray writes is committed before it is opened."""

    def setup_method(self) -> None:
        self.repositories = dict[int, Repository]()

    @contextlib.contextmanager
    def create_zarr_target(self) -> Iterator[ZarrStore]:
        repository = repositories.in_memory()
        store: ZarrStore = repositories.begin(repository).store
        self.repositories[id(store)] = repository
        yield store

    @contextlib.contextmanager
    def open(self, path: ZarrStore, **kwargs: Any) -> Iterator[Any]:
        if id(path) in self.repositories:
            repositories.commit_and_go_on(self.repositories[id(path)], path)
        with super().open(path, **kwargs) as dataset:
            yield dataset
