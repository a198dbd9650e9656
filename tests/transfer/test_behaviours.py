"""What users of older tools expect of remotes and of clones that hold only a part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.transfer.places import AUTHOR, append, copy_of, fresh_url, is_sound, keys, new_repository
from vstore import Repository


def offline(repository: Repository) -> Repository:
    """Return a handle that asks no remote."""
    return vstore.open(repository.url, offline=True, author=AUTHOR)


def large() -> Repository:
    """A repository of a table whose column is several packs, and a small one with tuple keys."""
    repository = vstore.create(fresh_url(), author=AUTHOR)
    rng = np.random.default_rng(0)
    with repository.transaction("main", message="Start") as tx:
        spec = {
            "image": vstore.ndarray((64, 64), "uint8", rows_per_chunk=16, codecs="none"),
            "label": vstore.ndarray((), "int64"),
        }
        images = rng.integers(0, 256, (512, 64, 64), dtype="uint8")
        names = [f"k{i}" for i in range(512)]
        train = tx.create_table("train", spec, keys="str")
        train.extend({"image": images, "label": np.arange(512)}, keys=names)
        nested = tx.create_table("nested", {"x": vstore.ndarray((), "int64")}, keys="tuple")
        nested.extend({"x": [1, 2, 3]}, keys=[("a", 1), ("a", 2), ("b", 1)])
    return repository


def test_a_name_is_refused_twice_and_where_it_is_not_allowed() -> None:
    repository = new_repository()
    repository.remotes.add("origin", fresh_url())
    with pytest.raises(vstore.AlreadyExistsError):
        repository.remotes.add("origin", fresh_url())
    for name in ("", "a b", "a/b", "-a", ".a", "a..b", "a" * 101):
        with pytest.raises(vstore.InvalidInputError):
            repository.remotes.add(name, fresh_url())
    assert list(repository.remotes) == ["origin"]
    assert "origin" in repository.remotes
    assert len(repository.remotes) == 1


def test_a_ping_says_how_long_each_answer_took() -> None:
    copy = copy_of(new_repository())
    assert set(copy.remotes["origin"].ping()) == {"read", "list"}


def test_a_clone_without_data_has_the_whole_history() -> None:
    origin = large()
    for i in range(3):
        with origin.transaction("main", message=f"Relabel {i}") as tx:
            tx["train"]["label"][i] = -1
    copy = offline(copy_of(origin, metadata_only=True))
    assert [str(commit) for commit in copy.log()] == [str(commit) for commit in origin.log()]
    assert copy.resolve("origin/main") == origin.resolve("main")
    assert sum(info.nbytes for info in copy.store.list_prefix("packs/")) == 0
    assert copy.checkout().summary().tables


def test_branches_and_merges_are_pushed_and_branches_made_there() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(copy, "linear")
    copy.branches.create("side", at="main~1")
    append(copy, "side", "side")
    copy.merge("side", into="main")
    copy.remotes["origin"].push("main", "side")
    assert keys(origin, "side") == keys(copy, "side")
    assert [c.id for c in origin.log()] == [c.id for c in copy.log()]
    assert len(origin.commit("main").parents) == 2


def test_a_fetch_where_here_is_newer_loses_nothing() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    head = append(copy, "new")
    report = copy.remotes["origin"].fetch()
    assert report.is_up_to_date
    assert copy.resolve("main") == head


def test_a_branch_that_is_not_there_is_named() -> None:
    copy = copy_of(new_repository())
    with pytest.raises(vstore.NotFoundError, match="'nope'"):
        copy.remotes["origin"].fetch("nope")
    with pytest.raises(vstore.NotFoundError, match="'nope'"):
        copy.remotes["origin"].push("nope")


def test_data_is_fetched_by_commit_column_samples_and_keys() -> None:
    origin = large()
    with origin.transaction("main", message="Change") as tx:
        tx["train"]["image"][:16] = 0
    copy = copy_of(origin, metadata_only=True)
    copy.fetch_data("train", columns=["label"])
    assert offline(copy).checkout()["train"]["label"][7] == 7
    with pytest.raises(vstore.NotHereError) as caught:
        offline(copy).checkout()["train"]["image"][100]
    assert "fetch_data" in str(caught.value.hint) or "fetch-data" in str(caught.value)
    copy.fetch_data("train/image", samples=slice(96, 112))
    assert offline(copy).checkout()["train"]["image"][100].shape == (64, 64)
    copy.fetch_data("train", keys=["k200"])
    assert offline(copy).checkout()["train"].loc["k200"]["label"] == 200
    copy.fetch_data("nested", keys=[("a", 2)])
    assert offline(copy).checkout()["nested"].loc["a", 2]["x"] == 2
    with pytest.raises(vstore.NotHereError):
        offline(copy).checkout("main~1")["train"]["image"][0]
    copy.fetch_data(revision="main", all_history=True)
    assert offline(copy).checkout("main~1")["train"]["image"][0].any()
    assert is_sound(copy)


def test_what_is_not_there_cannot_be_fetched() -> None:
    copy = copy_of(large(), metadata_only=True)
    wanted: list[dict[str, Any]] = [
        {"path": "nope"},
        {"path": "train", "columns": ["nope"]},
        {"path": "train", "keys": ["nope"]},
        {"revision": "nope"},
    ]
    for options in wanted:
        with pytest.raises(vstore.NotFoundError):
            copy.fetch_data(**options)
    with pytest.raises(vstore.InvalidInputError):
        copy.fetch_data("train", samples=slice(0, 2), keys=["k1"])


def test_merging_and_pushing_without_the_data() -> None:
    origin = large()
    copy = copy_of(origin, metadata_only=True)
    with origin.transaction("main", message="Theirs") as tx:
        tx["train"].loc["k1"] = {"label": 100}
    with copy.transaction("main", message="Ours") as tx:
        tx["train"].loc["k2"] = {"label": 200}
    assert copy.pull().kind == "merge"
    copy.remotes["origin"].push()
    images = [info for info in copy.store.list_prefix("packs/") if info.nbytes > 2**18]
    assert not images
    labels = origin.checkout()["train"]["label"]
    assert (labels[1], labels[2]) == (100, 200)
    assert is_sound(origin)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_in_a_clone_without_data(workers: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("vstore.torch")
    origin = vstore.clone(new_repository().url, tmp_path / "origin")
    part = vstore.clone(origin.url, tmp_path / "part", metadata_only=True)
    loader = torch.Loader(
        part.checkout()["t"], ["n"], batch_size=16, shuffle=True, num_workers=workers
    )
    seen = [int(row[0]) for batch in loader for row in batch["n"]]
    assert sorted(seen) == [4 * i for i in range(100)]


def test_a_table_is_copied_from_another_repository_with_its_values() -> None:
    origin, other = large(), new_repository()
    with origin.transaction("main", message="Delete some") as tx:
        tx["train"].delete(keys=["k3"])
        tx.create_array("group/a", shape=(4,), dtype="int64")[:] = 7
    there = origin.checkout()
    with other.transaction("main", message="Copy") as tx:
        tx.copy_from(there, "train", "clothes")
        tx.copy_from(there, "group")
        assert tx["clothes"].loc["k5"]["label"] == 5
    copied = other.checkout()["clothes"]
    assert copied["image"][:].tobytes() == there["train"]["image"][:].tobytes()
    assert "k3" not in copied.loc
    assert other.checkout()["group/a"][:].tolist() == [7] * 4
    assert is_sound(other)


def test_a_copy_out_of_a_damaged_repository_changes_nothing(tmp_path: Path) -> None:
    origin = vstore.clone(new_repository().url, tmp_path / "origin", mirror=True)
    for path in (tmp_path / "origin" / "packs").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    other = vstore.create(fresh_url(), author=AUTHOR)
    with pytest.raises(vstore.CorruptionError), other.transaction(message="Copy") as tx:
        tx.copy_from(origin.checkout(), "t")
    assert not list(other.branches)
