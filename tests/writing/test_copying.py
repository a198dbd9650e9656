"""Moving and copying tables, arrays and groups inside a repository: names only, no chunks."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.zarr import repositories
from vstore import Repository
from vstore.faces import internals
from vstore.storage.counting import CountingStore

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 20, 20), dtype="uint8")
FIELD = np.random.default_rng(1).normal(size=(400, 300))


def filled(repository: Repository) -> Repository:
    with repository.transaction(message="Fill") as tx:
        columns = {"image": vstore.ndarray((20, 20), "uint8"), "caption": vstore.text()}
        table = tx.create_table("data/train", columns, keys="int")
        table.extend({"image": IMAGES, "caption": [str(i) for i in range(300)]}, keys=range(300))
        tx.create_array("data/field", shape=FIELD.shape, dtype="f8", chunk_shape=(40, 30))[:] = (
            FIELD
        )
    return repository


@pytest.fixture
def repo() -> Repository:
    return filled(repositories.in_memory())


def counted() -> tuple[Repository, CountingStore]:
    """Return a repository that was just opened, and what counts its requests."""
    store = CountingStore(filled(repositories.in_memory()).store)
    return Repository(store), store


def packs_touched(store: CountingStore) -> list[str]:
    return [request.key for request in store.requests if request.key.startswith("packs/")]


@pytest.mark.parametrize("path", ["data", "data/train", "data/field"])
def test_no_chunk_is_touched(path: str) -> None:
    repo, store = counted()
    with repo.transaction(message="Copy") as tx:
        tx.copy(path, "copies/one")
        tx.copy_from(repo.checkout("main"), path, "copies/two")
        tx.move(path, "moved")
    assert packs_touched(store) == []
    snapshot = repo.checkout()
    where = {"data": "train", "data/train": "", "data/field": None}[path]
    for name in ("copies/one", "copies/two", "moved"):
        if where is None:
            np.testing.assert_array_equal(snapshot[name][:], FIELD)
        else:
            table = snapshot[f"{name}/{where}".strip("/")]
            np.testing.assert_array_equal(table["image"][:], IMAGES)
            assert table.loc[17]["caption"] == "17"
    assert path not in snapshot


def test_a_copy_is_cheap() -> None:
    repo, store = counted()
    before = len(store.requests)
    with repo.transaction(message="Copy") as tx:
        tx.copy("data", "copy")
    assert len(store.requests) - before <= 6


def test_what_was_deleted_is_brought_back(repo: Repository) -> None:
    with repo.transaction(message="Delete") as tx:
        tx.delete("data")
    with repo.transaction(message="Restore") as tx:
        tx.copy_from(repo.checkout("main~1"), "data/train")
    assert repo.checkout()["data/train"].loc[5]["caption"] == "5"
    assert "data/field" not in repo.checkout()


def test_a_copy_holds_what_the_transaction_holds(repo: Repository) -> None:
    with repo.transaction(message="Copy") as tx:
        tx["data/field"][0, 0] = 7
        tx["data/train"].append({"image": IMAGES[0], "caption": "new"}, key=1000)
        tx.copy("data", "copy")
        tx["data/field"][0, 0] = 8
        tx["copy/field"][0, 1] = 9
        tx["copy/train"].delete(keys=[0])
    snapshot = repo.checkout()
    assert snapshot["data/field"][0, :2].tolist() == [8, FIELD[0, 1]]
    assert snapshot["copy/field"][0, :2].tolist() == [7, 9]
    assert (len(snapshot["data/train"]), len(snapshot["copy/train"])) == (301, 300)
    assert snapshot["copy/train"].loc[1000]["caption"] == "new"
    assert repo.fsck().is_sound


def test_a_copy_of_what_was_made_in_the_transaction() -> None:
    repo = repositories.in_memory()
    with repo.transaction(message="Make and copy") as tx:
        tx.create_table("a", {"x": vstore.ndarray((), "int64")}).extend({"x": np.arange(5)})
        tx.copy("a", "b")
        tx["b"].extend({"x": np.arange(2)})
    assert [len(repo.checkout()[name]) for name in "ab"] == [5, 7]


def test_merges_do_not_take_a_copy_for_the_original(repo: Repository) -> None:
    repo.branches.create("other", at="main")
    with repo.transaction("other", message="Label") as tx:
        tx["data/train"]["caption"][3] = "three"
    with repo.transaction("main", message="Copy, and change the copy") as tx:
        tx.copy("data/train", "copy")
        tx["copy"]["caption"][3] = "drei"
        tx["copy"].delete(keys=[4])
    repo.merge("other", into="main")
    snapshot = repo.checkout()
    assert snapshot["data/train"].loc[3]["caption"] == "three"
    assert snapshot["copy"].loc[3]["caption"] == "drei"
    assert (len(snapshot["data/train"]), len(snapshot["copy"])) == (300, 299)


def test_a_table_deleted_and_brought_back_is_another(repo: Repository) -> None:
    repo.branches.create("other", at="main")
    with repo.transaction("other", message="Label") as tx:
        tx["data/train"]["caption"][3] = "three"
    old = repo.checkout("main")
    with repo.transaction("main", message="Replace") as tx:
        tx.delete("data/train")
        tx.copy_from(old, "data/train")
    with pytest.raises(vstore.ConflictError):
        repo.merge("other", into="main")


def test_equal_copies_have_equal_ids() -> None:
    ids = []
    for _ in range(2):
        repo = filled(repositories.in_memory())
        with repo.transaction(message="Copy") as tx:
            tx.copy("data/train", "a")
            tx.copy("data/train", "b")
        nodes = [internals(repo.checkout()).tree.get(name) for name in ("data/train", "a", "b")]
        ids.append([getattr(node, "table").id for node in nodes])  # noqa: B009
    assert len(set(ids[0])) == 3


def test_what_cannot_be_copied(repo: Repository, tmp_path: Path) -> None:
    elsewhere = filled(repositories.on_disk(tmp_path)).checkout()
    here = repo.checkout()
    with repo.transaction(message="Nothing") as tx:
        with pytest.raises(vstore.AlreadyExistsError):
            tx.copy_from(here, "data")
        with pytest.raises(vstore.AlreadyExistsError):
            tx.copy_from(elsewhere, "data")
        with pytest.raises(vstore.AlreadyExistsError):
            tx.copy("data/train", "data/field")
        with pytest.raises(vstore.NotFoundError, match="'nope'"):
            tx.copy("nope", "x")
        with pytest.raises(vstore.NotFoundError, match="'nope'"):
            tx.copy_from(here, "nope", "x")
        for verb in (tx.copy, tx.move):
            with pytest.raises(vstore.InvalidInputError, match="below itself"):
                verb("data", "data/inside")
            with pytest.raises(vstore.InvalidInputError, match="is a column"):
                verb("data/train/image", "image")
            with pytest.raises(vstore.InvalidInputError, match="root"):
                verb("", "x")
            with pytest.raises(vstore.InvalidInputError, match="not a plain group"):
                verb("data/field", "data/train/x")
        with pytest.raises(vstore.InvalidInputError, match="is a column"):
            tx.copy_from(here, "data/train/image", "image")
    assert len(list(repo.log())) == 1


def test_a_commit_that_garbage_collection_deleted_cannot_be_copied_from(repo: Repository) -> None:
    repo.branches.create("lost", at="main")
    with repo.transaction("lost", message="Will go") as tx:
        tx["data/field"][:] = 0
    lost = repo.checkout("lost")
    repo.branches.delete("lost", force=True)
    for _ in range(2):
        repo.gc(grace=timedelta(0), expire=timedelta(0))
    with repo.transaction(message="Copy") as tx:
        with pytest.raises(vstore.InvalidInputError, match="is not in"):
            tx.copy_from(lost, "data/field", "back")
        tx.discard()


@pytest.mark.parametrize("verb", ["copy", "move"])
@pytest.mark.parametrize("chunks", [10, 400])
@pytest.mark.parametrize("is_new", [True, False])
def test_what_was_changed_is_read_and_changed_where_it_went(
    verb: str, chunks: int, is_new: bool
) -> None:
    repository = repositories.in_memory()
    values = np.arange(chunks)
    tx = repository.transaction(message="Change")
    tx.create_array("a", shape=(chunks,), dtype="int64", chunk_shape=(1,))[:] = values
    if not is_new:
        tx.commit()
        tx = repository.transaction(message="Change")
        tx["a"][:5] = values[:5] = 7
    getattr(tx, verb)("a", "b")
    np.testing.assert_array_equal(tx["b"][:], values)
    if verb == "copy":
        tx["a"][0] = -1
        tx.copy("b", "c")
        np.testing.assert_array_equal(tx["c"][:], values)
    tx["b"][-1] = values[-1] = 99
    np.testing.assert_array_equal(tx["b"][:], values)
    tx.commit()
    np.testing.assert_array_equal(repository.checkout()["b"][:], values)
    assert repository.fsck(mode="full").is_sound
