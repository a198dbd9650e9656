"""Reading in a repository that holds only a part: from a remote, once, verified."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import vstore
from tests.partial.clones import clone_documents, packs_in, promise
from vstore import NotHereError, Repository
from vstore.errors import CorruptionError, NotFoundError
from vstore.history.remotes import read_remotes
from vstore.reading import elsewhere
from vstore.storage.counting import CountingStore
from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.open import open_store

KEYS = [f"img-{i:05}.jpg" for i in range(20_000)]
"""More than 16,384, so that the table has a key index."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A keyed table of two columns whose chunks take several packs."""
    repo = vstore.create(tmp_path_factory.mktemp("origin") / "repo", author="Ann <a@x.org>")
    noise = np.random.default_rng(0)
    with repo.transaction("main", message="Start") as tx:
        columns = {
            "image": vstore.ndarray((64,), "uint8", rows_per_chunk=64),
            "label": vstore.ndarray((), "int64"),
        }
        table = tx.create_table("train", columns, keys="str")
        image = noise.integers(0, 256, (len(KEYS), 64), np.uint8)
        table.extend({"image": image, "label": np.arange(len(KEYS))}, keys=KEYS)
    return repo


@pytest.fixture
def counting(origin: Repository) -> Iterator[list[CountingStore]]:
    """The stores of remotes that are opened, which count requests."""
    opened: list[CountingStore] = []

    def counted(url: str, **options: object) -> CountingStore:
        opened.append(CountingStore(open_store(url, **options)))  # type: ignore[arg-type]
        return opened[-1]

    with mock.patch.object(elsewhere, "open_store", counted):
        yield opened


def requests(stores: list[CountingStore]) -> int:
    return sum(len(store.requests) for store in stores)


@pytest.fixture
def clone(origin: Repository, tmp_path: Path) -> LocalStore:
    """All documents of the origin, and no data."""
    return clone_documents(origin.store, tmp_path / "clone")


def test_a_sample_by_key_costs_five_requests_and_then_none(
    clone: LocalStore, origin: Repository, counting: list[CountingStore]
) -> None:
    expected = origin.checkout()["train"].loc[KEYS[17]]
    sample = Repository(clone).checkout()["train"].loc[KEYS[17]]
    assert np.array_equal(sample["image"], expected["image"])
    assert sample["label"] == expected["label"] == 17
    assert 0 < requests(counting) <= 5
    counting.clear()
    again = Repository(clone).checkout()["train"].loc[KEYS[17]]
    assert np.array_equal(again["image"], expected["image"])
    assert requests(counting) == 0
    assert not packs_in(clone)


def test_documents_that_were_read_stay_in_the_clone(
    origin: Repository, tmp_path: Path, counting: list[CountingStore]
) -> None:
    clone = clone_documents(origin.store, tmp_path / "clone", without=("packs/", "index/"))
    assert not list(clone.list_prefix("index/"))
    assert Repository(clone).checkout()["train"].loc[KEYS[5]]["label"] == 5
    read = {info.key for info in clone.list_prefix("index/")}
    assert read
    counting.clear()
    assert Repository(clone).checkout()["train"].loc[KEYS[5]]["label"] == 5
    assert requests(counting) == 0


def test_everything_reads_as_at_the_origin(clone: LocalStore, origin: Repository) -> None:
    here, there = Repository(clone).checkout()["train"], origin.checkout()["train"]
    assert np.array_equal(here["image"][:], there["image"][:])
    assert np.array_equal(here["label"][::-1], there["label"][::-1])
    assert list(here.sample_keys()[:3]) == KEYS[:3]


def test_nothing_is_asked_before_something_is_missing(origin: Repository) -> None:
    store = CountingStore(origin.store)
    repo = Repository(store)
    assert repo.checkout()["train"].loc[KEYS[17]]["label"] == 17
    assert not [each for each in store.requests if each.key.startswith("remotes/")]


def test_offline_names_what_is_where(clone: LocalStore, counting: list[CountingStore]) -> None:
    repo = vstore.open(clone, offline=True)
    table = repo.checkout()["train"]
    assert table["image"].shape == (len(KEYS), 64)
    with pytest.raises(NotHereError, match="sample 17 of 'train/image' is at the remote") as caught:
        table["image"][17]
    error = caught.value
    assert (error.fields["remote"], error.fields["path"]) == ("origin", "train/image")
    assert error.fields["sample"] == 17
    assert "repo.fetch_data('train/image', samples=[17])" in str(error.hint)
    assert pickle.loads(pickle.dumps(error)).fields == error.fields
    with pytest.raises(NotHereError, match="'train/image' is at the remote"):
        table["image"][:]
    with pytest.raises(NotHereError):
        table.loc.get(KEYS[17])
    with pytest.raises(NotHereError):
        repo.blame("train", KEYS[17])
    assert requests(counting) == 0


def test_what_was_read_before_is_there_offline(clone: LocalStore) -> None:
    first = vstore.open(clone).checkout()["train"]["image"][17]
    again = vstore.open(clone, offline=True).checkout()["train"]["image"][17]
    assert np.array_equal(first, again)


def test_a_copy_made_by_pickling_is_offline_too(clone: LocalStore) -> None:
    repo = vstore.open(clone, offline=True)
    for copied in (
        pickle.loads(pickle.dumps(repo)).checkout(),
        pickle.loads(pickle.dumps(repo.checkout())),
    ):
        with pytest.raises(NotHereError):
            copied["train"]["image"][17]


def test_a_remote_that_vanished_is_no_damage(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c", url=str(tmp_path / "gone"))
    with pytest.raises(NotHereError, match=r"sample 3 of 'train/image'.*gone") as caught:
        Repository(clone).checkout()["train"]["image"][3]
    assert caught.value.code == "remote-unreachable"


def test_what_no_remote_has_is_damage(origin: Repository, tmp_path: Path) -> None:
    other = vstore.create(tmp_path / "other")
    clone = clone_documents(origin.store, tmp_path / "c", url=other.url)
    with pytest.raises(CorruptionError, match=r"is missing from .*c and .*other"):
        Repository(clone).checkout()["train"]["image"][3]


def test_a_damaged_chunk_at_the_remote_is_refused(origin: Repository, tmp_path: Path) -> None:
    damaged = LocalStore(tmp_path / "damaged")
    for info in origin.store.list_prefix(""):
        data = origin.store.get(info.key)
        damaged.put(info.key, bytes(len(data)) if info.key.startswith("packs/") else data)
    clone = clone_documents(origin.store, tmp_path / "c", url=damaged.url)
    with pytest.raises(CorruptionError):
        Repository(clone).checkout()["train"]["image"][3]


def test_the_next_remote_is_asked_for_what_one_lacks(origin: Repository, tmp_path: Path) -> None:
    other = vstore.create(tmp_path / "other")
    clone = clone_documents(origin.store, tmp_path / "c", url=other.url)
    promise(clone, origin.url, name="second")
    assert list(read_remotes(clone)) == ["origin", "second"]
    assert Repository(clone).checkout()["train"]["label"][3] == 3
    assert np.array_equal(
        Repository(clone).checkout()["train"]["image"][:], origin.checkout()["train"]["image"][:]
    )


def test_a_remote_that_promises_nothing_is_not_asked(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    clone.delete(next(iter(clone.list_prefix("remotes/"))).key)
    with pytest.raises(CorruptionError, match="is missing from"):
        Repository(clone).checkout()["train"]["image"][3]


def test_a_promise_counts_from_when_it_is_made(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    clone.delete(next(iter(clone.list_prefix("remotes/"))).key)
    table = Repository(clone).checkout()["train"]
    with pytest.raises(CorruptionError):
        table["image"][3]
    promise(clone, origin.url)
    assert table["label"][3] == 3


def test_a_repository_elsewhere_does_not_send_its_readers_to_paths(
    origin: Repository, tmp_path: Path
) -> None:
    class FarStore(CountingStore):
        is_local = False

    clone = clone_documents(origin.store, tmp_path / "c")
    with pytest.raises(CorruptionError, match="is missing"):
        Repository(FarStore(clone)).checkout()["train"]["image"][3]


def test_a_remote_in_memory_and_a_clone_in_memory(origin: Repository) -> None:
    there, here = MemoryStore("partial-origin"), MemoryStore()
    for info in origin.store.list_prefix(""):
        there.put(info.key, origin.store.get(info.key))
        if not info.key.startswith("packs/"):
            here.put(info.key, origin.store.get(info.key))
    promise(here, there.url)
    assert Repository(here).checkout()["train"]["label"][3] == 3


def test_a_place_and_a_limit_for_what_is_read(clone: LocalStore, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    vstore.open(clone, remotes=vstore.RemoteSettings(cache_dir=cache)).checkout()["train"]["label"][
        3
    ]
    assert [path for path in cache.rglob("*") if path.is_file()]
    nothing = vstore.RemoteSettings(cache_nbytes=0)
    before = {path for path in Path(clone.url).rglob("*") if path.is_file()}
    vstore.open(clone, remotes=nothing).checkout()["train"]["image"][3]
    assert {path for path in Path(clone.url).rglob("*") if path.is_file()} == before
    with pytest.raises(ValueError, match="negative"):
        vstore.RemoteSettings(cache_nbytes=-1)


def test_a_missing_object_of_a_repository_with_a_damaged_remote(
    origin: Repository, tmp_path: Path
) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    (info,) = clone.list_prefix("remotes/")
    clone.put(info.key, clone.get(info.key)[:-1])
    with pytest.raises(vstore.FormatError, match="remote 'origin'"):
        Repository(clone).checkout()["train"]["image"][3]


def test_a_commit_that_is_nowhere_is_not_found(clone: LocalStore) -> None:
    with pytest.raises(NotFoundError, match="no commit"):
        Repository(clone).checkout("ab" * 32)
