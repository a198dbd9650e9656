"""The remotes that a repository knows: listed, stored, replaced, renamed and removed."""

from pathlib import Path

import pytest
from msgspec.structs import replace

import vstore
from vstore.errors import (
    AlreadyExistsError,
    ConflictError,
    CorruptionError,
    InvalidUrlError,
    NotFoundError,
)
from vstore.format import object_keys
from vstore.format.commit import FORMAT
from vstore.format.remote import Remote
from vstore.history.remotes import (
    delete_remote,
    put_remote,
    read_remote,
    read_remotes,
    rename_remote,
    storable_url,
)
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key

ORIGIN = Remote(FORMAT, "origin", "/srv/stamps", promises=True)


def test_remotes_are_listed_by_name() -> None:
    store = MemoryStore()
    assert read_remotes(store) == {}
    for name in ("b", "a", "größe"):
        put_remote(store, Remote(FORMAT, name, "/srv/stamps"))
    store.put(Key("remotes/.DS_Store"), b"not a remote")
    assert list(read_remotes(store)) == ["a", "b", "größe"]


def test_a_repository_without_remotes_is_asked_once() -> None:
    counting = CountingStore(MemoryStore())
    read_remotes(counting)
    assert counting.count("list_prefix") == len(counting.requests) == 1


def test_a_name_is_given_once() -> None:
    store = MemoryStore()
    version = put_remote(store, ORIGIN)
    assert put_remote(store, ORIGIN) == version
    with pytest.raises(AlreadyExistsError, match="origin"):
        put_remote(store, replace(ORIGIN, url="/srv/other"))
    assert read_remote(store, "origin") == (ORIGIN, version)


def test_a_remote_is_replaced_where_nobody_changed_it_meanwhile() -> None:
    store = MemoryStore()
    first = put_remote(store, ORIGIN)
    moved = replace(ORIGIN, url="/srv/moved")
    put_remote(store, moved, expected=first)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        put_remote(store, replace(ORIGIN, url="/srv/late"), expected=first)
    assert read_remotes(store) == {"origin": moved}
    put_remote(store, moved, expected=first)  # that is what it says already


def test_a_remote_is_renamed_and_removed() -> None:
    store = MemoryStore()
    put_remote(store, ORIGIN)
    rename_remote(store, "origin", "upstream")
    assert read_remotes(store) == {"upstream": replace(ORIGIN, name="upstream")}
    delete_remote(store, "upstream")
    assert read_remotes(store) == {}
    with pytest.raises(NotFoundError, match="no remote 'x'"):
        delete_remote(store, "x")
    with pytest.raises(NotFoundError, match="no remote 'x'"):
        rename_remote(store, "x", "y")


def test_renaming_leaves_another_remote_alone() -> None:
    store = MemoryStore()
    other = Remote(FORMAT, "b", "/srv/other")
    put_remote(store, ORIGIN)
    put_remote(store, other)
    with pytest.raises(AlreadyExistsError):
        rename_remote(store, "origin", "b")
    assert read_remotes(store) == {"b": other, "origin": ORIGIN}


def test_a_damaged_remote_is_an_error() -> None:
    store = MemoryStore()
    put_remote(store, ORIGIN)
    key = object_keys.remote("origin")
    store.put(key, store.get(key).replace(b"true", b"false"))
    with pytest.raises(CorruptionError):
        read_remotes(store)


def test_a_path_is_stored_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert storable_url("stamps") == str(tmp_path / "stamps")
    assert storable_url(tmp_path / "x") == str(tmp_path / "x")
    assert storable_url("s3://bucket/stamps") == "s3://bucket/stamps"
    with pytest.raises(InvalidUrlError):
        storable_url("https://ann:secret@host/x")


def test_a_repository_with_a_remote_reads_as_before() -> None:
    store = MemoryStore()
    repo = vstore.create(store, author="Ann Lee <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("x", shape=(3,), dtype="int64")[:] = [1, 2, 3]
    put_remote(store, ORIGIN)
    assert repo.checkout()["x"][1] == 2
    report = repo.fsck(mode="full")
    assert report.is_sound
    assert not report.foreign
    repo.gc()
    assert read_remotes(store) == {"origin": ORIGIN}
