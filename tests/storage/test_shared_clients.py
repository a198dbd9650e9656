"""A process has one client of obstore for each bucket, set of options and environment."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from vstore.storage.open import open_store

pytest.importorskip("obstore")
obstore_client = pytest.importorskip("vstore.storage.obstore_client")

OPTIONS = {"key": "someone", "secret": "a secret", "endpoint_url": "http://localhost:9"}


def client_of(url: str = "s3://bucket/a", **options: Any) -> object:
    store: Any = open_store(url, storage_options={**OPTIONS, **options}, engine="obstore")
    return store._client


def test_openings_of_one_bucket_share_a_client() -> None:
    assert client_of() is client_of()
    assert client_of("s3://bucket/a") is client_of("s3://bucket/b/c")
    store: Any = open_store("s3://bucket/a", storage_options=OPTIONS, engine="obstore")
    assert pickle.loads(pickle.dumps(store))._client is store._client


def test_what_tells_clients_apart() -> None:
    found = [
        client_of(),
        client_of("s3://other/a"),
        client_of(secret="another secret"),
        client_of(key="another"),
        client_of(endpoint_url="http://localhost:10"),
        client_of(read_timeout=7),
    ]
    assert len(set(map(id, found))) == len(found)


@pytest.mark.parametrize("name", ["AWS_SESSION_TOKEN", "AWS_REGION", "HTTPS_PROXY", "no_proxy"])
def test_environments_tell_clients_apart(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = client_of()
    monkeypatch.setenv(name, "http://localhost:11")
    assert client_of() is not before
    monkeypatch.delenv(name)
    assert client_of() is before


def test_files_of_credentials_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    before = client_of()
    assert client_of() is before
    token.unlink()
    assert client_of() is not before


def test_few_clients_are_kept() -> None:
    first = client_of()
    for i in range(20):
        client_of(f"s3://bucket-{i}/a")
    assert client_of() is not first


def test_nothing_secret_is_in_the_names_of_clients() -> None:
    client_of()
    assert not any("secret" in name for name in obstore_client._clients)
