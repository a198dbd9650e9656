"""Bringing data here, dropping it, and saying where it is."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import vstore
from tests.partial.clones import clone_documents, packs_in
from vstore import NotHereError, Repository
from vstore.errors import InvalidInputError, NotFoundError
from vstore.reading import elsewhere
from vstore.storage.counting import CountingStore
from vstore.storage.local import LocalStore
from vstore.storage.open import open_store

ROWS = 20_000
NOW = timedelta(0)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A keyed table, a plain array, and a second commit that changes some of the labels."""
    repo = vstore.create(tmp_path_factory.mktemp("origin") / "repo", author="Ann <a@x.org>")
    noise = np.random.default_rng(0)
    with repo.transaction("main", message="Start") as tx:
        columns = {
            "image": vstore.ndarray((64,), "uint8", rows_per_chunk=64),
            "label": vstore.ndarray((), "int64", rows_per_chunk=1024),
            "name": vstore.text(),
        }
        image = noise.integers(0, 256, (ROWS, 64), np.uint8)
        names = [f"name {i}" for i in range(ROWS)]
        values = {"image": image, "label": np.arange(ROWS), "name": names}
        tx.create_table("train", columns, keys="str").extend(values, keys=keys())
        tx.create_array("mean", shape=(1000,), dtype="float64")[:] = noise.random(1000)
    with repo.transaction("main", message="Relabel") as tx:
        tx["train"]["label"][100] = -1
    return repo


def keys() -> list[str]:
    return [f"k{i:05}" for i in range(ROWS)]


@pytest.fixture
def clone(origin: Repository, tmp_path: Path) -> LocalStore:
    return clone_documents(origin.store, tmp_path / "clone")


@pytest.fixture
def counting() -> Iterator[list[CountingStore]]:
    opened: list[CountingStore] = []

    def counted(url: str, **options: object) -> CountingStore:
        opened.append(CountingStore(open_store(url, **options)))  # type: ignore[arg-type]
        return opened[-1]

    with mock.patch.object(elsewhere, "open_store", counted):
        yield opened


def offline(store: LocalStore) -> vstore.Snapshot:
    """The head, read from the repository alone: no remote, and nothing that was cached."""
    settings = vstore.RemoteSettings(offline=True, cache_nbytes=0)
    return vstore.open(store, remotes=settings).checkout()


def test_a_column_is_brought_and_is_here_offline(clone: LocalStore, origin: Repository) -> None:
    repo = Repository(clone)
    found = repo.fetch_data("train/label")
    assert found.fetched.objects
    assert found.here.objects == found.left.objects == 0
    table, there = offline(clone)["train"], origin.checkout()["train"]
    assert np.array_equal(table["label"][:], there["label"][:])
    assert table.position("k00017") == 17
    with pytest.raises(NotHereError):
        table["image"][0]
    assert repo.whereis("train/label").is_here
    again = repo.fetch_data("train/label")
    assert again.fetched.objects == again.nbytes == 0
    assert again.here == found.fetched


def test_some_samples_are_brought_as_parts_of_packs(clone: LocalStore, origin: Repository) -> None:
    repo = Repository(clone)
    first = repo.fetch_data("train/image", samples=slice(0, 128))
    assert first.nbytes < 200_000
    images = origin.checkout()["train"]["image"]
    assert np.array_equal(offline(clone)["train"]["image"][:128], images[:128])
    with pytest.raises(NotHereError):
        offline(clone)["train"]["image"][128]
    repo.fetch_data("train/image", samples=[5000, 19_999])
    assert np.array_equal(offline(clone)["train"]["image"][:128], images[:128])
    assert np.array_equal(offline(clone)["train"]["image"][5000], images[5000])
    repo.fetch_data("train/image", samples=7000)
    assert np.array_equal(offline(clone)["train"]["image"][7000], images[7000])
    assert repo.fsck(mode="full").is_sound
    for _ in range(2):
        repo.gc(grace=NOW, expire=NOW)
    assert np.array_equal(
        offline(clone)["train"]["image"][[5, 5000, 7000]], images[[5, 5000, 7000]]
    )
    assert np.array_equal(repo.checkout()["train"]["image"][:], images[:])


def test_samples_are_named_by_key(clone: LocalStore, origin: Repository) -> None:
    Repository(clone).fetch_data("train", keys=["k00003", "k19000"], columns=["image"])
    there = origin.checkout()["train"]["image"]
    assert np.array_equal(offline(clone)["train"]["image"][[3, 19_000]], there[[3, 19_000]])
    with pytest.raises(NotHereError):
        offline(clone)["train"]["name"][3]


def test_everything_can_be_brought(clone: LocalStore, origin: Repository) -> None:
    Repository(clone).fetch_data(all_history=True)
    assert packs_in(clone) == packs_in(origin.store)
    (info,) = clone.list_prefix("remotes/")
    clone.delete(info.key)
    report = Repository(clone).fsck(mode="full")
    assert report.is_sound
    assert not report.promised.objects


def test_the_history_of_a_column_is_brought_when_it_is_asked_for(clone: LocalStore) -> None:
    repo = Repository(clone)
    repo.fetch_data("train/label")
    settings = vstore.RemoteSettings(offline=True, cache_nbytes=0)
    old = vstore.open(clone, remotes=settings).checkout("main~1")
    repo.fetch_data("train/label", all_history=True)
    assert old["train"]["label"][100] == 100


def test_a_limit_is_kept(clone: LocalStore, origin: Repository) -> None:
    repo = Repository(clone)
    found = repo.fetch_data("", limit=100_000)
    assert found.nbytes <= 100_000
    assert found.left.nbytes
    rest = repo.fetch_data("")
    assert rest.here == found.fetched
    assert np.array_equal(offline(clone)["mean"][:], origin.checkout()["mean"][:])


def test_what_is_nowhere_cannot_be_brought(
    origin: Repository, clone: LocalStore, tmp_path: Path
) -> None:
    repo = Repository(clone)
    with pytest.raises(NotFoundError):
        repo.fetch_data("nowhere")
    with pytest.raises(NotFoundError):
        repo.fetch_data("train", columns=["nothing"])
    with pytest.raises(NotFoundError):
        repo.fetch_data("train", keys=["nobody"])
    with pytest.raises(InvalidInputError, match="no table"):
        repo.fetch_data("mean", samples=3)
    with pytest.raises(InvalidInputError, match="not both"):
        repo.fetch_data("train", samples=3, keys=["k00003"])
    with pytest.raises(NotHereError):
        vstore.open(clone, offline=True).fetch_data("train/label")
    lonely = clone_documents(origin.store, tmp_path / "lonely")
    (info,) = lonely.list_prefix("remotes/")
    lonely.delete(info.key)
    with pytest.raises(NotFoundError, match="no remote promises"):
        Repository(lonely).fetch_data("train/label")
    other = clone_documents(origin.store, tmp_path / "o", url=vstore.create(tmp_path / "empty").url)
    with pytest.raises(vstore.CorruptionError):
        Repository(other).fetch_data("train/label")


def test_a_repository_that_has_everything_brings_nothing(origin: Repository) -> None:
    found = origin.fetch_data()
    assert found.fetched.objects == 0
    assert found.here.objects


def test_nothing_is_brought_twice(clone: LocalStore, counting: list[CountingStore]) -> None:
    Repository(clone).fetch_data("train/image", samples=slice(0, 128))
    counting.clear()
    Repository(clone).fetch_data("train/image", samples=slice(0, 128))
    assert not counting


def test_dropping_deletes_what_the_origin_lists(clone: LocalStore, origin: Repository) -> None:
    repo = Repository(clone)
    repo.fetch_data()
    size = sum(info.nbytes for info in clone.list_prefix("packs/"))
    preview = repo.drop("train/image", dry_run=True)
    assert sum(info.nbytes for info in clone.list_prefix("packs/")) == size
    dropped = repo.drop("train/image")
    assert dropped == preview
    assert dropped.dropped.objects
    assert sum(info.nbytes for info in clone.list_prefix("packs/")) == size - dropped.freed
    with pytest.raises(NotHereError):
        offline(clone)["train"]["image"][0]
    assert np.array_equal(
        offline(clone)["train"]["label"][:], origin.checkout()["train"]["label"][:]
    )
    assert np.array_equal(offline(clone)["train"]["name"][:], origin.checkout()["train"]["name"][:])
    assert np.array_equal(
        repo.checkout()["train"]["image"][7], origin.checkout()["train"]["image"][7]
    )
    assert repo.fsck(mode="full").is_sound


def test_what_was_made_here_is_not_dropped(clone: LocalStore) -> None:
    repo = vstore.open(clone, author="Bo <b@x.org>")
    with repo.transaction("main", message="Mine") as tx:
        tx["train"]["image"][3] = np.full(64, 7, np.uint8)
    made = packs_in(clone)
    assert made
    found = repo.drop("train/image")
    assert found.kept.objects
    assert packs_in(clone) == made
    assert (offline(clone)["train"]["image"][3] == 7).all()


def test_parts_of_packs_are_dropped_too(clone: LocalStore) -> None:
    repo = Repository(clone)
    repo.fetch_data("train/image", samples=slice(0, 64))
    repo.fetch_data("train/image", samples=slice(6400, 6464))
    repo.drop("train/image", samples=slice(0, 64))
    with pytest.raises(NotHereError):
        offline(clone)["train"]["image"][0]
    assert offline(clone)["train"]["image"][6400].shape == (64,)
    repo.drop("train")
    with pytest.raises(NotHereError):
        offline(clone)["train"]["image"][6400]
    for _ in range(2):
        repo.gc(grace=NOW, expire=NOW)
    assert not packs_in(clone)
    assert repo.fsck().is_sound


def test_what_the_origin_is_about_to_delete_is_not_dropped(tmp_path: Path) -> None:
    origin = vstore.create(tmp_path / "origin", author="Ann <a@x.org>")
    with origin.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64")})
    with origin.transaction("main", message="Fill") as tx:
        tx["t"].extend({"x": np.arange(5000)})
    clone = clone_documents(origin.store, tmp_path / "c")
    repo = Repository(clone)
    repo.fetch_data()
    origin.reset("main", to="main~1")
    origin.gc(grace=NOW + timedelta(microseconds=1), expire=NOW)
    found = repo.drop("t/x")
    assert found.dropped.objects == 0
    assert found.kept.objects
    assert offline(clone)["t"]["x"][17] == 17


def test_nothing_is_dropped_without_a_remote_that_promises(origin: Repository) -> None:
    before = packs_in(origin.store)
    with pytest.raises(NotFoundError, match="no remote promises"):
        origin.drop("train")
    assert packs_in(origin.store) == before


def test_whereis_counts_every_copy(clone: LocalStore, origin: Repository) -> None:
    repo = Repository(clone)
    found = repo.whereis("train/image")
    assert found.here.objects == 0
    assert found.remotes == {"origin": found.stored}
    assert not found.is_here
    repo.fetch_data("train/image", samples=slice(0, 64))
    found = repo.whereis("train/image", samples=slice(0, 64))
    assert found.is_here
    assert found.to_dict()["remotes"]["origin"] == found.to_dict()["stored"]
    assert origin.whereis("train").remotes == {}


def test_what_is_here_is_listed_without_the_remote(
    clone: LocalStore, counting: list[CountingStore]
) -> None:
    repo = Repository(clone)
    assert all(not each.here.objects for each in repo.local_data())
    repo.fetch_data("mean")
    counting.clear()
    found = {each.path: each for each in repo.local_data()}
    assert set(found) == {"mean", "train/image", "train/label", "train/name"}
    assert found["mean"].is_here
    assert not counting


def test_a_killed_command_leaves_what_it_stored(clone: LocalStore) -> None:
    """Each pack is stored before what leads there, so that any prefix of the writes is sound."""
    repo = Repository(clone)
    writes: list[str] = []

    class Killed(BaseException):
        pass

    class Dying(CountingStore):
        is_local = True

        def put(self, key: object, data: bytes) -> None:
            if len(writes) == limit:
                raise Killed
            writes.append(str(key))
            super().put(key, data)  # type: ignore[arg-type]

    for limit in range(2):
        writes.clear()  # the pack, then the document that leads there
        with pytest.raises(Killed):
            Repository(Dying(clone)).fetch_data(
                "train/image", samples=slice(limit * 64, None, 4096)
            )
        assert repo.fsck(mode="full").is_sound
        assert offline(clone)["train"]["image"].shape == (ROWS, 64)
