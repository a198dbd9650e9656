"""zarr's own suite for stores, every value read back from a commit."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from zarr.abc.store import Store
from zarr.core.buffer import Buffer, cpu
from zarr.testing.store import StoreTests

from tests.conftest import Bucket
from tests.zarr import repositories
from vstore import Repository
from vstore.zarr_store import ZarrStore


class Conformance(StoreTests[ZarrStore, cpu.Buffer]):
    """The suite, run on the store of a transaction."""

    store_cls = ZarrStore
    buffer_cls = cpu.Buffer
    repository: Repository

    @pytest.fixture
    def store_kwargs(self, empty: Repository) -> dict[str, Any]:
        self.repository = empty
        return {"source": repositories.begin(empty)}

    @pytest.fixture
    async def store(self, open_kwargs: dict[str, Any]) -> Store:
        return await self.store_cls.open(**open_kwargs)

    async def set(self, store: ZarrStore, key: str, value: Buffer) -> None:
        await asyncio.to_thread(repositories.put, self.repository, store, key, value.to_bytes())

    async def get(self, store: ZarrStore, key: str) -> Buffer:
        data = await asyncio.to_thread(repositories.committed, self.repository, store, key)
        assert data is not None
        return self.buffer_cls.from_bytes(data)

    def test_store_repr(self, store: ZarrStore) -> None:
        assert repr(store) == f"ZarrStore('{self.repository.url}@main (transaction)')"

    def test_store_supports_writes(self, store: ZarrStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: ZarrStore) -> None:
        assert store.supports_listing


class TestMemory(Conformance):
    @pytest.fixture
    def empty(self) -> Repository:
        return repositories.in_memory()


class TestLocal(Conformance):
    @pytest.fixture
    def empty(self, tmp_path: Path) -> Repository:
        return repositories.on_disk(tmp_path)


@pytest.mark.s3
class TestS3(Conformance):
    @pytest.fixture
    def empty(self, s3_bucket: Bucket) -> Repository:
        return repositories.on_s3(s3_bucket)
