import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from vstore.errors import InvalidInputError, InvalidUrlError, MissingExtraError
from vstore.storage import LocalStore, MemoryStore, engines, obstore_client, open_store
from vstore.storage.location import Location, parse_bucket_url, parse_other_url, secrets_of
from vstore.storage.obstore_config import configure
from vstore.version import DISTRIBUTION

if TYPE_CHECKING:
    from vstore.storage.engines import BucketOpening
    from vstore.storage.remote import RemoteStore

KEYS = {"key": "id", "secret": "hidden-secret", "client_kwargs": {"region_name": "eu-west-1"}}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def _engine(url: str, **options: Any) -> str:
    store = cast("RemoteStore", open_store(url, storage_options=options))
    return cast("BucketOpening", store._opening).engine


class TestLocalPaths:
    def test_paths_and_file_urls(self, tmp_path: Path) -> None:
        for url in (tmp_path, str(tmp_path), f"file://{tmp_path}", f"local://{tmp_path}"):
            store = open_store(url)
            assert isinstance(store, LocalStore)
            assert store.url == str(tmp_path)

    def test_relative_paths_stay_where_they_were_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = open_store("data")
        monkeypatch.chdir("/")
        assert store.url == str(tmp_path / "data")

    def test_home_is_expanded(self, tmp_path: Path) -> None:
        assert open_store("~/data").url == str(tmp_path / "data")

    @pytest.mark.parametrize("url", ["", "file://"])
    def test_no_path_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidUrlError, match="names no directory"):
            open_store(url)


class TestUrls:
    @pytest.mark.parametrize("url", ["s3:/bucket/x", "S3:bucket", "memory:x", "file:/tmp/x"])
    def test_a_lost_slash_makes_no_folder(self, url: str) -> None:
        with pytest.raises(InvalidUrlError, match=r"is not a URL\nHint: write"):
            open_store(url)

    def test_a_folder_may_be_called_so(self, tmp_path: Path) -> None:
        assert open_store(f"{tmp_path}/s3:/x").url == f"{tmp_path}/s3:/x"
        assert open_store("./s3:/x").url.endswith("/s3:/x")

    def test_a_kind_of_url_that_nothing_opens_is_named(self) -> None:
        with pytest.raises(InvalidUrlError, match="s4://bucket/x: no installed package"):
            open_store("s4://bucket/x")

    @pytest.mark.parametrize("options", ["hidden-secret", 5, [("key", "hidden-secret")]])
    @pytest.mark.parametrize("url", ["x", "memory://x", "s3://bucket/x"])
    def test_options_that_are_no_mapping_are_refused(self, url: str, options: Any) -> None:
        with pytest.raises(InvalidInputError, match="storage_options must be a mapping") as caught:
            open_store(url, storage_options=options)
        assert "hidden" not in str(caught.value)

    def test_names_of_options_are_strings(self) -> None:
        with pytest.raises(InvalidInputError, match="names in storage_options"):
            open_store("s3://bucket/x", storage_options=cast("Any", {1: "hidden-secret"}))

    def test_memory(self) -> None:
        assert isinstance(open_store("memory://x"), MemoryStore)

    def test_only_memory_and_files_wait_for_no_network(self, tmp_path: Path) -> None:
        assert open_store("memory://x").is_local
        assert open_store(tmp_path).is_local
        for url in ("simplecache::s3://bucket/a", "http://example.org/a", "abfss://box@a/b"):
            assert not open_store(url, storage_options={}).is_local

    @pytest.mark.parametrize(
        ("scheme", "options"),
        [
            ("s3", KEYS),
            ("s3a", KEYS),
            ("gs", {"token": "anon"}),
            ("gcs", {"token": "anon"}),
            ("az", {"account_name": "a", "account_key": "aGlkZGVu"}),
            ("abfs", {"account_name": "a", "account_key": "aGlkZGVu"}),
        ],
    )
    def test_buckets(self, scheme: str, options: dict[str, Any]) -> None:
        store = open_store(f"{scheme}://bucket/a/b/", storage_options=options)
        assert store.url == f"{scheme}://bucket/a/b"
        assert not store.is_local

    @pytest.mark.parametrize(
        "url", ["s3://", "s3:///x", "gs://", "s3://bucket/a//b", "s3://b/../x"]
    )
    def test_no_bucket_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidUrlError):
            open_store(url, storage_options=KEYS)

    def test_an_azure_url_may_name_the_account(self) -> None:
        store = open_store(
            "abfss://container@account.dfs.core.windows.net/x",
            storage_options={"account_key": "aGlkZGVu"},
        )
        opening = cast("BucketOpening", cast("RemoteStore", store)._opening)
        assert opening.location.bucket == "container"
        assert opening.options["account_name"] == "account"

    def test_an_unknown_engine_is_refused(self) -> None:
        with pytest.raises(InvalidInputError, match="rust"):
            open_store("s3://bucket", engine=cast("Any", "rust"))

    def test_obstore_opens_buckets_only(self) -> None:
        with pytest.raises(InvalidInputError, match="obstore"):
            open_store("ftp://host/x", engine="obstore")


class TestEngines:
    def test_known_credentials_and_region_take_obstore(self) -> None:
        assert _engine("s3://b", **KEYS) == "obstore"
        assert _engine("s3://b", anon=True, client_kwargs={"region_name": "us-east-1"}) == "obstore"
        assert _engine("s3://b", key="k", secret="s", endpoint_url="http://x:1") == "obstore"
        assert _engine("gs://b", token="anon") == "obstore"
        assert _engine("az://c", account_name="a", account_key="aGlkZGVu") == "obstore"

    def test_an_unknown_region_takes_botocore_which_finds_it(self) -> None:
        assert _engine("s3://b", key="k", secret="s") == "fsspec"

    def test_options_that_obstore_lacks_take_fsspec(self) -> None:
        assert _engine("s3://b", **KEYS, profile="mine") == "fsspec"
        assert (
            _engine("s3://b", **KEYS, config_kwargs={"s3": {"addressing_style": "virtual"}})
            == "fsspec"
        )
        assert _engine("gs://b", token="anon", requester_pays=True) == "fsspec"
        with pytest.raises(InvalidInputError, match="profile"):
            open_store("s3://b", storage_options={**KEYS, "profile": "mine"}, engine="obstore")

    def test_options_of_no_consequence_are_ignored(self) -> None:
        assert _engine("s3://b", **KEYS, use_listings_cache=True, max_concurrency=3) == "obstore"

    def test_profiles_take_botocore(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        assert _engine("s3://b") == "obstore"
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws/credentials").write_text("[default]\n")
        assert _engine("s3://b") == "fsspec"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        assert _engine("s3://b") == "obstore"
        (tmp_path / ".aws/config").write_text("[default]\nendpoint_url = http://minio\n")
        assert _engine("s3://b") == "fsspec"
        assert _engine("s3://b", endpoint_url="http://other") == "obstore"
        monkeypatch.setenv("AWS_PROFILE", "mine")
        (tmp_path / ".aws/config").write_text("[profile mine]\n")
        assert _engine("s3://b", endpoint_url="http://other") == "fsspec"

    def test_google_identities(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "adc.json"
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        found = {}
        for kind in ("service_account", "external_account"):
            path.write_text(json.dumps({"type": kind}))
            found[kind] = engines._gcs_finds_the_same({})
        assert found == {"service_account": True, "external_account": False}

    @pytest.mark.parametrize(
        ("url", "options", "package", "extra"),
        [
            ("s3://bucket", KEYS, "obstore", "s3-lite"),
            ("s3://bucket", KEYS | {"profile": "mine"}, "s3fs", "s3"),
            ("gs://bucket", {"token": "anon"}, "obstore", "gcs"),
            ("gs://bucket", {"token": "anon", "requester_pays": True}, "gcsfs", "gcs"),
            ("az://c", {"account_name": "a", "account_key": "aGlkZGVu"}, "obstore", "azure"),
            ("az://c", {"account_name": "a"}, "adlfs", "azure"),
        ],
    )
    def test_the_package_that_is_missing_is_named(
        self,
        url: str,
        options: dict[str, Any],
        package: str,
        extra: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(engines, "_is_installed", lambda _: False)
        with pytest.raises(MissingExtraError) as missing:
            open_store(url, storage_options=options)
        assert str(missing.value) == f"opening {url} needs {package}, which is not installed"
        assert missing.value.hint == f"install it with `pip install '{DISTRIBUTION}[{extra}]'`"

    def test_a_wanted_engine_that_is_missing_is_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engines, "_is_installed", lambda package: package != "obstore")
        with pytest.raises(
            MissingExtraError, match=r"obstore[^`]*`pip install .*-arrays\[s3-lite\]"
        ):
            open_store("s3://bucket", storage_options=KEYS, engine="obstore")
        monkeypatch.setattr(engines, "_is_installed", lambda package: package != "s3fs")
        with pytest.raises(MissingExtraError, match=r"s3fs[^`]*`pip install .*-arrays\[s3\]"):
            open_store("s3://bucket", storage_options=KEYS, engine="fsspec")

    def test_settings_that_obstore_alone_does_not_know(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engines, "_is_installed", lambda package: package == "obstore")
        with pytest.raises(
            MissingExtraError, match=r"settings that obstore does not know[^`]*`.*\[s3\]"
        ):
            open_store("s3://bucket", storage_options=KEYS | {"profile": "mine"})

    def test_obstore_alone_does_not_survive_a_fork(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opening = engines.BucketOpening(parse_bucket_url("s3://bucket/x", KEYS), "obstore", KEYS)
        monkeypatch.setattr(obstore_client, "is_usable", lambda: False)
        monkeypatch.setitem(sys.modules, "s3fs", None)
        monkeypatch.delitem(sys.modules, "vstore.storage.s3fs_client", raising=False)
        with pytest.raises(
            MissingExtraError, match=r"in a forked process from s3://bucket/x needs"
        ):
            opening.connect()

    def test_packages_that_no_extra_brings_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "paramiko", None)
        with pytest.raises(
            MissingExtraError, match=r"opening sftp://host/r needs .*paramiko"
        ) as no:
            open_store("sftp://host/r")
        assert no.value.extra is None
        assert "pip install" not in str(no.value.hint)

    def test_one_package_is_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engines, "_is_installed", lambda package: package == "s3fs")
        assert _engine("s3://b", **KEYS) == "fsspec"
        monkeypatch.setattr(engines, "_is_installed", lambda package: package == "obstore")
        assert _engine("s3://b", **KEYS) == "obstore"


class TestObstoreConfig:
    def test_s3(self) -> None:
        options = {
            **KEYS,
            "token": "t",
            "endpoint_url": "http://host:1/",
            "requester_pays": True,
            "s3_additional_kwargs": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"},
        }
        assert configure(Location("s3", "b", "", ""), options).values == {
            "access_key_id": "id",
            "secret_access_key": "hidden-secret",
            "session_token": "t",
            "region": "eu-west-1",
            "endpoint": "http://host:1",
            "request_payer": True,
            "server_side_encryption": "aws:kms",
            "sse_kms_key_id": "k",
        }

    def test_azure(self) -> None:
        connection = (
            "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a2V5==;"
            "EndpointSuffix=core.windows.net"
        )
        location = Location("az", "c", "", "")
        assert configure(location, {"connection_string": connection}).values == {
            "account_name": "me",
            "account_key": "a2V5==",
            "endpoint": "https://me.blob.core.windows.net",
        }
        assert configure(location, {"account_name": "me", "sas_token": "?sv=1"}).values == {
            "account_name": "me",
            "sas_key": "?sv=1",
        }

    def test_gcs_service_accounts(self, tmp_path: Path) -> None:
        account = {"type": "service_account", "client_email": "me"}
        path = tmp_path / "account.json"
        path.write_text(json.dumps(account))
        for token in (account, str(path)):
            values = configure(Location("gs", "b", "", ""), {"token": token}).values
            assert json.loads(values["service_account_key"]) == account


class TestSecrets:
    def test_are_found_in_options(self) -> None:
        options = {
            "key": "public-id",
            "secret": "hidden-1",
            "client_kwargs": {"aws_secret_access_key": "hidden-2", "region_name": "eu"},
            "token": {"private_key": "hidden-3", "type": "hidden-4"},
            "connection_string": "hidden-5",
            "anon": False,
        }
        assert secrets_of(options) == {f"hidden-{number}" for number in range(1, 6)}

    def test_are_left_out_of_urls(self) -> None:
        location = parse_other_url("simplecache::https://me:hidden@host/x?sig=hidden-2", {})
        assert location.url == "simplecache::https://host/x"
        assert location.redact("GET https://me:hidden@host/x?sig=hidden-2") == (
            "GET https://me:***@host/x?***"
        )

    @pytest.mark.parametrize("engine", ["obstore", "fsspec"])
    def test_are_not_in_repr(self, engine: Any) -> None:
        store = open_store("s3://bucket/x", storage_options=KEYS, engine=engine)
        opening = cast("RemoteStore", store)._opening
        assert "hidden-secret" not in f"{store!r} {store.url} {opening!r} {opening.location!r}"
        copy = pickle.loads(pickle.dumps(store))
        assert copy.url == store.url


def test_importing_the_floor_imports_no_cloud_library() -> None:
    script = (
        "import sys, vstore.storage as s; s.open_store('memory://x'); s.open_store('.');"
        "print([m for m in ('fsspec', 's3fs', 'botocore', 'aiohttp', 'gcsfs', 'adlfs', 'azure', "
        "'obstore', 'google.auth') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_the_number_of_attempts_is_an_option() -> None:
    options = {"key": "a", "secret": "b", "endpoint_url": "http://127.0.0.1:9", "attempts": 1}
    store = pickle.loads(pickle.dumps(open_store("s3://bucket/x", storage_options=options)))
    assert cast("RemoteStore", store)._backoff.attempts == 1
    for wrong in (0, -1, True, 1.5, "many"):
        with pytest.raises(InvalidInputError, match="attempts is a number of at least 1"):
            open_store("s3://bucket/x", storage_options=options | {"attempts": wrong})
