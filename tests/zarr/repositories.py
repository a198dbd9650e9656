"""Repositories on three kinds of storage, and stores of transactions on them."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import vstore
from tests.conftest import Bucket
from vstore import Repository, Transaction
from vstore.faces import internals
from vstore.format.page import ChunkRef
from vstore.hierarchy.nodes import StoredHierarchy
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.hierarchy.zarr_keys import Keys
from vstore.zarr_store import ZarrStore


def in_memory() -> Repository:
    """Return an empty repository in memory."""
    return vstore.create(f"memory://{uuid4().hex}", author="Ann Lee <ann@example.org>")


def on_disk(folder: Path) -> Repository:
    """Return an empty repository on local disk."""
    return vstore.create(str(folder / uuid4().hex), author="Ann Lee <ann@example.org>")


def on_s3(bucket: Bucket) -> Repository:
    """Return an empty repository in an S3 bucket."""
    return vstore.create(
        bucket.fresh_url(),
        author="Ann Lee <ann@example.org>",
        storage_options=dict(bucket.storage_options),
    )


@pytest.fixture(
    params=[
        "memory",
        "local",
        pytest.param("s3", marks=pytest.mark.s3),
    ]
)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    """An empty repository on each kind of storage."""
    if request.param == "memory":
        yield in_memory()
    elif request.param == "local":
        yield on_disk(tmp_path)
    else:
        yield on_s3(request.getfixturevalue("s3_bucket"))


def begin(repository: Repository) -> Transaction:
    """Begin a transaction on the default branch."""
    return repository.transaction(message="Write through Zarr")


def commit_and_go_on(repository: Repository, store: ZarrStore) -> None:
    """Commit what was written to a store, and let it show a new transaction on top."""
    assert isinstance(store.source, Transaction)
    store.source.commit()
    show(store, begin(repository))


def show(store: ZarrStore, transaction: Transaction) -> None:
    """Let a store show another transaction."""
    ZarrStore.__init__(store, transaction, read_only=store.read_only)


def put(repository: Repository, store: ZarrStore, key: str, data: bytes) -> None:
    """Store bytes under a key by a commit of their own, around the store's methods."""
    assert isinstance(store.source, Transaction)
    StagedKeys(internals(store.source).staged).set(key, data)
    commit_and_go_on(repository, store)


def committed(repository: Repository, store: ZarrStore, key: str) -> bytes | None:
    """Commit what was written to a store; return what the commit holds under a key."""
    commit_and_go_on(repository, store)
    return stored(repository, key)


def stored(repository: Repository, key: str) -> bytes | None:
    """Return what the head of the default branch holds under a key."""
    snapshot = repository.checkout()
    found = Keys(StoredHierarchy(snapshot)).find(key)
    if isinstance(found, ChunkRef):
        return bytes(internals(snapshot).fetcher.chunk(found))
    return found
