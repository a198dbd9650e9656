import gc
import pickle
import subprocess
import sys
from uuid import uuid4

import pytest

from vstore.storage import Key, MemoryStore, ObjectStore, open_store
from vstore.testing.contract import ObjectStoreContract


class TestMemoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()


def test_stores_of_one_name_are_one() -> None:
    name = uuid4().hex
    MemoryStore(name).put(Key("k"), b"1")
    gc.collect()
    assert MemoryStore(name).get(Key("k")) == b"1"
    assert open_store(f"memory://{name}").get(Key("k")) == b"1"
    assert open_store(f"memory://{name}/").url == f"memory://{name}"


def test_anonymous_stores_are_private_but_can_be_found_by_url() -> None:
    store = MemoryStore()
    store.put(Key("k"), b"1")
    assert list(MemoryStore().list_prefix("")) == []
    assert open_store(store.url).get(Key("k")) == b"1"


def test_another_process_does_not_see_an_empty_store() -> None:
    store = MemoryStore(uuid4().hex)
    script = "import pickle, sys; pickle.load(sys.stdin.buffer)"
    child = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(store), capture_output=True, check=False
    )
    assert b"belongs to another process" in child.stderr


def test_versions_tell_equal_content_apart() -> None:
    store = MemoryStore()
    first = store.put_if_absent(Key("k"), b"same")
    store.delete(Key("k"))
    second = store.put_if_absent(Key("k"), b"same")
    assert first != second
