"""Credentials never show: not in reprs, not in errors, not in what is stored."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

import vstore
from vstore.storage.location import parse_other_url, secrets_of
from vstore.storage.open import open_store

SECRET = "SECRETSECRETSECRET"
CLOSED = "localhost:1"


def shown(url: str, options: dict[str, Any]) -> str:
    """Return all that people may come to see of opening a store there."""
    seen: list[str] = []
    try:
        store = open_store(url, storage_options=options)
        seen += [repr(store), store.url]
        repository = vstore.open(url, storage_options=options)
        seen += [repr(repository), str(repository), repository.url, repr(repository.branches)]
    except Exception as error:  # noqa: BLE001 - whatever is raised is shown
        seen += [repr(error), *traceback.format_exception(error)]
    return "\n".join(seen)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        (f"s3://bucket/p?X-Amz-Signature={SECRET}", {}),
        (f"s3://bucket?X-Amz-Signature={SECRET}", {}),
        (f"az://container/p?sv=1&sig={SECRET}", {"account_name": "a"}),
        (f"s3://user:{SECRET}@bucket/p", {}),
        (f"s3://user:{SECRET}@/p", {}),
        (f"gs://user:{SECRET}@/p", {}),
        (f"nosuch://user:{SECRET}@{CLOSED}/p", {}),
        (f"nosuch://{SECRET}@{CLOSED}/p?sig={SECRET}", {}),
        (f"simplecache::nosuch://user:{SECRET}@{CLOSED}/p", {}),
        ("s3://", {"secret": SECRET}),
        ("s3://b//x", {"secret": SECRET}),
        ("memory://x", {"password": SECRET}),
        ("/somewhere", {"token": SECRET}),
    ],
)
def test_an_address_that_cannot_be_opened_shows_no_secret(
    url: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert SECRET not in shown(url, options)
    assert SECRET not in caplog.text


def test_the_parts_of_a_secret_are_hidden_too() -> None:
    """Libraries quote the part that they did not like, decoded or in another order."""
    connection = f"AccountName=me;AccountKey={SECRET};EndpointSuffix=core.windows.net"
    sas = f"?sv=2026-01-01&sig={SECRET}"
    for options in ({"connection_string": connection}, {"sas_token": sas}):
        assert SECRET in secrets_of(options)
    location = parse_other_url(f"https://me:pass%40{SECRET}@host/x?sig={SECRET}&v=1", {})
    assert SECRET not in location.redact(f"bad signature {SECRET}")
    assert SECRET not in location.redact(f"cannot log in with pass@{SECRET}")
    assert SECRET not in repr(location)


def test_nothing_of_the_options_or_the_environment_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN", "VSTORE_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    repository = vstore.create(tmp_path / "repository")
    with repository.transaction(message="Start") as tx:
        tx.create_array("a", shape=(4,), dtype="int8")[:] = 1
    repository.tags.create("v1")
    repository.gc()
    for path in (tmp_path / "repository").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes()
