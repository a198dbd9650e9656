"""The documents of remotes: what is stored, and what is refused when written and when read."""

from typing import Any

import pytest

from vstore.errors import CorruptionError, FormatError, InvalidInputError, InvalidUrlError
from vstore.format import document, object_keys, remote
from vstore.format.commit import FORMAT
from vstore.format.digest import digest_of
from vstore.format.remote import Remote
from vstore.storage.store import Key

ORIGIN = Remote(
    FORMAT, "origin", "s3://bucket/stamps", id="ab" * 16, promises=True, only=("train/label",)
)


def test_a_remote_is_a_sealed_document_with_what_differs_from_defaults() -> None:
    data = remote.encode(ORIGIN)
    members = document.parse(data, what="remote")
    check = members.pop("check")
    assert check == digest_of(document.dumps(members))
    assert data == document.dumps(members | {"check": check})
    assert members == {
        "format": 1,
        "id": "ab" * 16,
        "name": "origin",
        "only": ["train/label"],
        "promises": True,
        "url": "s3://bucket/stamps",
    }
    assert remote.decode(data, "origin") == ORIGIN


def test_a_damaged_one_and_one_of_another_name_are_refused() -> None:
    data = remote.encode(ORIGIN)
    with pytest.raises(CorruptionError, match="check"):
        remote.decode(data.replace(b"stamps", b"stomps"), "origin")
    with pytest.raises(FormatError, match="called 'origin'"):
        remote.decode(data, "Origin")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"promises": 1},
        {"promises": None},
        {"id": "AB" * 16},
        {"id": "abc"},
        {"name": "a/b"},
        {"url": ""},
        {"url": "relative/path"},
        {"url": "s3://key:secret@bucket/x"},
        {"only": ["train//label"]},
        {"only": ["x", "x"]},
        {"only": [f"t{i}" for i in range(remote.MOST_PATHS + 1)]},
        {"only": [""]},
        {"unknown": 1},
    ],
)
def test_a_malformed_one_is_refused(change: dict[str, Any]) -> None:
    members = document.parse(remote.encode(ORIGIN), what="remote")
    del members["check"]
    members |= change
    data = document.dumps(members | {"check": digest_of(document.dumps(members))})
    with pytest.raises(FormatError):
        remote.decode(data, members["name"])


def test_a_document_that_is_no_object_or_lacks_a_member_is_refused() -> None:
    with pytest.raises(FormatError):
        remote.decode(b"[]", "origin")
    members = {"format": 1, "name": "origin"}
    data = document.dumps(members | {"check": digest_of(document.dumps(members))})
    with pytest.raises(FormatError, match="url"):
        remote.decode(data, "origin")


@pytest.mark.parametrize("name", ["", "a/b", "-x", "a b", "@", "x.json", "a" * 101, "a" * 64])
def test_a_remote_is_called_what_a_branch_may_begin_with(name: str) -> None:
    with pytest.raises(InvalidInputError):
        Remote(FORMAT, name, "/srv/stamps")


@pytest.mark.parametrize("name", ["origin", "größe", "a.b", "a" * 100])
def test_the_key_of_a_remote_says_its_name(name: str) -> None:
    key = object_keys.remote(name)
    assert object_keys.remote_at(key) == name
    assert key.isascii()


@pytest.mark.parametrize(
    "key", ["remotes/.json", "remotes/a/b.json", "remotes/gr%c3%b6.json", "remotes/x", "refs/x"]
)
def test_what_is_not_the_key_of_a_remote_names_none(key: str) -> None:
    assert object_keys.remote_at(Key(key)) is None


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/stamps",
        "abfss://container@account.dfs.core.windows.net/x",
        "sftp://ann@host/srv/x",
        "memory://stamps",
        "/srv/what?is=this",
        "C:\\data\\stamps",
        "simplecache::s3://bucket/x",
    ],
)
def test_addresses_without_secrets_are_stored(url: str) -> None:
    assert Remote(FORMAT, "origin", url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:hunter2hunter2@host/x",
        "https://hunter2hunter2@host/x",
        "sftp://ann:hunter2hunter2@host/x",
        "https://host/x?sig=hunter2hunter2",
        "simplecache::https://ann:hunter2hunter2@host/x",
        "s3://bucket/x?token=hunter2hunter2",
    ],
)
def test_addresses_that_may_hold_a_secret_are_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidUrlError) as caught:
        Remote(FORMAT, "origin", url)
    assert caught.value.code == "secret-in-url"
    assert "hunter2" not in f"{caught.value!s}{caught.value!r}{caught.value.hint}"


@pytest.mark.parametrize("url", ["", "x", "./x", "s3:/x", "/a\nb", "/" + "a" * 4096])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidUrlError):
        Remote(FORMAT, "origin", url)
