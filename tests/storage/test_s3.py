import os
from pathlib import Path

import pytest

from tests.conftest import Bucket
from tests.storage.relay import Relay
from vstore.errors import NotFoundError, StorageError
from vstore.storage import Engine, Key, ObjectStore, open_store
from vstore.testing.contract import SharedStoreContract, in_forked_child, keys

ENGINES: tuple[Engine, ...] = ("obstore", "fsspec")

pytestmark = pytest.mark.s3


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


class TestS3WithObstore(SharedStoreContract):
    @pytest.fixture
    def store(self, s3_bucket: Bucket) -> ObjectStore:
        return open_store(
            s3_bucket.fresh_url(), storage_options=s3_bucket.storage_options, engine="obstore"
        )


class TestS3WithFsspec(SharedStoreContract):
    @pytest.fixture
    def store(self, s3_bucket: Bucket) -> ObjectStore:
        return open_store(
            s3_bucket.fresh_url(), storage_options=s3_bucket.storage_options, engine="fsspec"
        )


def test_both_engines_share_objects_and_versions(s3_bucket: Bucket) -> None:
    url, options = s3_bucket.fresh_url(), s3_bucket.storage_options
    fast = open_store(url, storage_options=options, engine="obstore")
    plain = open_store(url, storage_options=options, engine="fsspec")
    key = Key("refs/100%25 ünïcode {x}.json")
    version = fast.put_if_absent(key, b"1")
    assert version is not None
    assert plain.get_versioned(key) == (b"1", version)
    version = plain.compare_and_swap(key, b"2", version)
    assert version is not None
    assert fast.compare_and_swap(key, b"3", version) is not None
    assert keys(fast) == keys(plain) == [key]


def test_a_version_survives_a_fork(s3_bucket: Bucket) -> None:
    store = open_store(s3_bucket.fresh_url(), storage_options=s3_bucket.storage_options)
    version = store.put_if_absent(Key("ref"), b"1")
    assert version is not None

    def swap() -> None:
        assert store.compare_and_swap(Key("ref"), b"2", version) is not None

    in_forked_child(swap)
    assert store.get(Key("ref")) == b"2"


def test_a_store_opened_in_a_forked_child_works(s3_bucket: Bucket) -> None:
    url, options = s3_bucket.fresh_url(), s3_bucket.storage_options
    open_store(url, storage_options=options).put(Key("k"), b"1")

    def read() -> None:
        assert open_store(url, storage_options=options).get(Key("k")) == b"1"

    in_forked_child(read)


def test_a_missing_bucket_is_said(s3_bucket: Bucket, engine: Engine) -> None:
    store = open_store(
        "s3://vstore-there-is-no-such-bucket/x",
        storage_options=s3_bucket.storage_options,
        engine=engine,
    )
    for act in (
        lambda: store.get(Key("k")),
        lambda: store.put(Key("k"), b""),
        lambda: store.put_if_absent(Key("k"), b""),
        lambda: list(store.list_prefix("")),
    ):
        with pytest.raises(StorageError, match="bucket does not exist"):
            act()


def test_a_refused_connection_is_said(engine: Engine) -> None:
    store = open_store(
        "s3://bucket/x",
        storage_options={
            "key": "key",
            "secret": "hidden-secret",
            "endpoint_url": "http://127.0.0.1:9",
            "client_kwargs": {"region_name": "us-east-1"},
        },
        engine=engine,
    )
    for act in (
        lambda: store.get(Key("k")),
        lambda: store.put(Key("k"), b""),
        lambda: store.put_if_absent(Key("k"), b""),
    ):
        with pytest.raises(StorageError, match="cannot be reached") as caught:
            act()
        assert not isinstance(caught.value, NotFoundError)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("no_credentials")
def test_missing_credentials_are_said(s3_bucket: Bucket, engine: Engine) -> None:
    store = open_store(
        s3_bucket.fresh_url(),
        storage_options={"endpoint_url": s3_bucket.storage_options["endpoint_url"]},
        engine=engine,
    )
    with pytest.raises(StorageError, match=r"(?s)no credentials were found.*storage_options"):
        store.get(Key("k"))


@pytest.mark.usefixtures("no_credentials")
def test_credentials_and_endpoint_come_from_the_environment(
    s3_bucket: Bucket, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = s3_bucket.storage_options
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", options["client_kwargs"]["region_name"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint_url"])
    store = open_store(s3_bucket.fresh_url(), engine=engine)
    assert store.put_if_absent(Key("k"), b"1") is not None
    assert store.get(Key("k")) == b"1"


@pytest.mark.usefixtures("no_credentials")
def test_an_option_overrules_the_environment(
    s3_bucket: Bucket, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    store = open_store(
        s3_bucket.fresh_url(), storage_options=s3_bucket.storage_options, engine=engine
    )
    store.put(Key("k"), b"1")


@pytest.mark.usefixtures("no_credentials")
def test_a_profile_is_honoured(
    s3_bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = s3_bucket.storage_options
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(
        f"[profile here]\nendpoint_url = {options['endpoint_url']}\n"
        f"region = {options['client_kwargs']['region_name']}\n"
        f"aws_access_key_id = {options['key']}\naws_secret_access_key = {options['secret']}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "here")
    store = open_store(s3_bucket.fresh_url())
    store.put(Key("k"), b"1")
    assert store.get(Key("k")) == b"1"


def test_secrets_are_not_shown(s3_bucket: Bucket, engine: Engine) -> None:
    options = {**s3_bucket.storage_options, "secret": "hidden-secret"}
    store = open_store("s3://nobody-has-this-bucket/x", storage_options=options, engine=engine)
    assert "hidden-secret" not in f"{store.url}{store!r}"
    with pytest.raises(StorageError) as caught:
        store.put(Key("k"), b"")
    assert "hidden-secret" not in str(caught.value)


def test_every_read_is_one_request(s3_bucket: Bucket, engine: Engine) -> None:
    """Counted where the requests are sent, below the engine."""
    url, options = s3_bucket.fresh_url(), s3_bucket.storage_options
    open_store(url, storage_options=options, engine=engine).put(Key("k"), b"123456")
    with Relay(options["endpoint_url"]) as relay:
        store = open_store(
            url,
            storage_options={**options, "endpoint_url": relay.url, "read_timeout": 300},
            engine=engine,
        )
        assert store.get(Key("k")) == b"123456"
        assert store.get_versioned(Key("k"))[0] == b"123456"
        assert store.get_range(Key("k"), 1, 2) == b"23"
        assert store.put_if_absent(Key("l"), b"1") is not None
        store.put(Key("m"), b"1" * (20 << 20))
        assert [method for method, _ in relay.requests] == ["GET", "GET", "GET", "PUT", "PUT"]
