"""Stores as they are met: containers without a home, object lock, silent servers, odd options."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Bucket
from tests.storage.relay import Fault, Relay
from vstore.errors import InvalidInputError, InvalidUrlError, StorageError
from vstore.storage import Key, engines, open_store
from vstore.storage.backoff import Backoff
from vstore.storage.client import Engine
from vstore.storage.remote import RemoteStore

KEYS = {"key": "a", "secret": "b", "client_kwargs": {"region_name": "us-east-1"}}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing, not even where a home is."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_")) or name == "HOME":
            monkeypatch.delenv(name)


def test_no_home_is_needed(bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert open_store("s3://bucket/x", storage_options={"anon": True}).url == "s3://bucket/x"
    assert open_store("s3://bucket/x", storage_options=KEYS).url == "s3://bucket/x"


@pytest.mark.parametrize("kind", ["a directory", "not readable"])
def test_profile_files_that_cannot_be_read_are_as_if_they_were_not_there(
    bare: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    (tmp_path / ".aws/config").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    if kind == "not readable":

        def deny(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", deny)
    assert open_store("s3://bucket/x", storage_options=KEYS).url == "s3://bucket/x"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / ".aws"))
    assert engines._content(str(tmp_path / ".aws")) is None


@pytest.mark.s3
def test_a_bucket_that_wants_checksums_gets_them(s3_bucket: Bucket) -> None:
    body = b"<Error><Code>InvalidRequest</Code><Message>Content-MD5 or checksum</Message></Error>"
    with Relay(s3_bucket.storage_options["endpoint_url"]) as relay:
        options = {**s3_bucket.storage_options, "endpoint_url": relay.url}
        store = open_store(s3_bucket.fresh_url(), storage_options=options, engine="obstore")
        relay.fail_next(Fault(status=400, body=body))
        store.put(Key("packs/ab/1"), b"1")
        version = store.put_if_absent(Key("refs/a"), b"1")
        assert version is not None
        assert store.compare_and_swap(Key("refs/a"), b"2", version) is not None
        assert store.get(Key("packs/ab/1")) == b"1"


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []
    is_over = threading.Event()

    def take() -> None:
        listener.settimeout(0.1)
        while not is_over.is_set():
            try:
                taken.append(listener.accept()[0])
            except OSError:
                continue

    thread = threading.Thread(target=take)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    is_over.set()
    thread.join()
    for each in [*taken, listener]:
        each.close()


@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
def test_a_silent_server_ends_in_the_seconds_that_were_set(silent: str, engine: Engine) -> None:
    options = {**KEYS, "endpoint_url": silent, "read_timeout": 0.5, "connect_timeout": 1}
    opened = open_store("s3://bucket/x", storage_options=options, engine=engine)
    assert isinstance(opened, RemoteStore)
    store = RemoteStore(opened._opening, backoff=Backoff(attempts=2, first_seconds=0.01))
    began = time.monotonic()
    with pytest.raises(StorageError):
        store.get(Key("refs/branches/main.json"))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("value", [0, -1, True, "soon", None])
def test_timeouts_are_seconds(value: object) -> None:
    with pytest.raises(InvalidInputError, match="read_timeout is a number of seconds"):
        open_store("s3://b/x", storage_options={**KEYS, "read_timeout": value}, engine="obstore")


@pytest.mark.parametrize(
    "options",
    [
        {**KEYS, "endpoint_url": "http://user:hunter2pass@127.0.0.1:9"},
        {**KEYS, "endpoint_url": "http://127.0.0.1:9/?sig=hunter2pass"},
        {**KEYS, "client_kwargs": {"endpoint_url": "http://u:hunter2pass@127.0.0.1:9"}},
    ],
)
def test_secrets_in_any_option_that_is_a_url_are_not_shown(options: dict[str, object]) -> None:
    with pytest.raises(StorageError) as caught:
        open_store("s3://b/x", storage_options=options).get(Key("vstore.json"))
    assert "hunter2pass" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_a_url_without_its_scheme_is_not_taken_for_a_folder() -> None:
    with pytest.raises(InvalidUrlError) as caught:
        open_store("user:hunter2pass@host/path")
    assert "hunter2pass" not in str(caught.value)
    assert open_store("./user:pass@host/path").url.endswith("user:pass@host/path")
