from dataclasses import replace
from typing import cast

import pytest

from tests.conftest import Bucket
from tests.storage.relay import LOST_REQUEST, LOST_RESPONSE, Fault, Relay
from vstore.errors import StorageError
from vstore.storage import Engine, Key, ObjectStore, open_store
from vstore.storage.backoff import Backoff
from vstore.storage.remote import RemoteStore
from vstore.testing.contract import SharedStoreContract

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the SDK's

ENGINES: tuple[Engine, ...] = ("obstore", "fsspec")


class TestAzureWithObstore(SharedStoreContract):
    @pytest.fixture
    def store(self, azure_container: Bucket) -> ObjectStore:
        return open_store(
            azure_container.fresh_url(),
            storage_options=azure_container.storage_options,
            engine="obstore",
        )


class TestAzureWithFsspec(SharedStoreContract):
    @pytest.fixture
    def store(self, azure_container: Bucket) -> ObjectStore:
        return open_store(
            azure_container.fresh_url(),
            storage_options=azure_container.storage_options,
            engine="fsspec",
        )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "fault",
    [LOST_RESPONSE, LOST_REQUEST, Fault(status=503), Fault(status=500, is_after=True)],
    ids=["response lost", "request lost", "unavailable", "broken after writing"],
)
def test_a_swap_is_known_to_have_won(azure_container: Bucket, fault: Fault, engine: Engine) -> None:
    options = azure_container.storage_options
    url = azure_container.fresh_url()
    direct = open_store(url, storage_options=options)
    version = direct.put_if_absent(Key("ref"), b"old")
    assert version is not None
    connection = options["connection_string"]
    endpoint = connection.partition("BlobEndpoint=")[2].partition("/devstore")[0]
    with Relay(endpoint, fault) as relay:
        through = {"connection_string": connection.replace(endpoint, relay.url)}
        opened = cast("RemoteStore", open_store(url, storage_options=through, engine=engine))
        store = RemoteStore(opened._opening, backoff=Backoff(attempts=4, first_seconds=0.001))
        swapped = store.compare_and_swap(Key("ref"), b"mine", version)
        assert swapped is not None
        relay.fail_next(replace(LOST_REQUEST, method="GET"))
        assert store.get_versioned(Key("ref")) == (b"mine", swapped)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_container_is_said(azure_container: Bucket, engine: Engine) -> None:
    store = open_store(
        "az://nothing-here/x", storage_options=azure_container.storage_options, engine=engine
    )
    with pytest.raises(StorageError, match="bucket does not exist"):
        store.put(Key("k"), b"")
