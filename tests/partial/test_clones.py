"""Working in a clone without data: what it costs, and what comes back to the origin."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import vstore
from tests.partial.clones import packs_in
from vstore import Repository
from vstore.reader import Reader
from vstore.reading import elsewhere
from vstore.storage.counting import CountingStore
from vstore.storage.open import open_store

ROWS = 20_000
KEYS = [f"k{i:05}" for i in range(ROWS)]


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """A keyed table of several packs, and a branch that changed other samples than `main`."""
    repo = vstore.create(tmp_path / "origin", author="Ann <a@x.org>")
    noise = np.random.default_rng(0)
    with repo.transaction("main", message="Start") as tx:
        columns = {
            "image": vstore.ndarray((64,), "uint8", rows_per_chunk=64),
            "label": vstore.ndarray((), "int64"),
        }
        image = noise.integers(0, 256, (ROWS, 64), np.uint8)
        table = tx.create_table("train", columns, keys="str")
        table.extend({"image": image, "label": np.arange(ROWS)}, keys=KEYS)
    repo.branches.create("side")
    with repo.transaction("side", message="Aside") as tx:
        tx["train"].loc[KEYS[9000]] = {"label": -9}
    return repo


@pytest.fixture
def clone(origin: Repository, tmp_path: Path) -> Repository:
    """A clone of all documents and no data."""
    repo = vstore.clone(origin.url, tmp_path / "clone", metadata_only=True)
    assert not packs_in(repo.store)
    return vstore.open(repo.url, author="Bo <b@x.org>")


@pytest.fixture
def counting() -> Iterator[list[CountingStore]]:
    opened: list[CountingStore] = []

    def counted(url: str, **options: object) -> CountingStore:
        opened.append(CountingStore(open_store(url, **options)))  # type: ignore[arg-type]
        return opened[-1]

    with mock.patch.object(elsewhere, "open_store", counted):
        yield opened


def requests(stores: list[CountingStore]) -> int:
    return sum(len(store.requests) for store in stores)


def test_a_sample_is_relabelled_cold_with_five_requests(
    clone: Repository, counting: list[CountingStore]
) -> None:
    with clone.transaction("main", message="Relabel") as tx:
        tx["train"].loc[KEYS[17]] = {"label": -1}
    assert requests(counting) <= 5
    counting.clear()
    assert Repository(clone.store).checkout()["train"].loc[KEYS[17]]["label"] == -1
    assert requests(counting) <= 2  # the image of the sample


def test_history_needs_no_remote(clone: Repository) -> None:
    alone = vstore.open(clone.url, offline=True)
    assert [commit.message for commit in alone.log()] == ["Start"]
    assert "train" in str(alone.checkout().summary())
    with pytest.raises(vstore.NotHereError, match="train/label"):
        str(alone.diff("main", "origin/side"))
    assert "1 sample changed" in str(clone.diff("main", "origin/side"))


def test_merging_diffing_and_blaming_read_little(
    clone: Repository, origin: Repository, counting: list[CountingStore]
) -> None:
    with clone.transaction("main", message="Relabel") as tx:
        tx["train"].loc[KEYS[17]] = {"label": -1}
    counting.clear()
    clone.merge("origin/side")
    found = clone.checkout()["train"]
    assert (found["label"][17], found["label"][9000]) == (-1, -9)
    assert requests(counting) <= 5
    counting.clear()
    again = vstore.open(clone.url)
    assert again.blame("train/label", KEYS[9000]).message == "Aside"
    assert requests(counting) <= 5
    assert clone.fsck().is_sound


def test_what_was_made_here_goes_back(clone: Repository, origin: Repository) -> None:
    with clone.transaction("main", message="Relabel") as tx:
        tx["train"].loc[KEYS[17]] = {"label": -1}
    clone.remotes["origin"].push("main")
    assert origin.checkout()["train"].loc[KEYS[17]]["label"] == -1
    assert origin.fsck(mode="full").is_sound
    assert clone.drop("train/label").kept.objects == 0


def test_rebasing_works(clone: Repository) -> None:
    with clone.transaction("main", message="Relabel") as tx:
        tx["train"].loc[KEYS[17]] = {"label": -1}
    clone.rebase("main", onto="origin/side")
    assert clone.checkout()["train"].loc[KEYS[9000]]["label"] == -9
    assert clone.fsck().is_sound


def test_training_reads_through(clone: Repository, origin: Repository) -> None:
    def labels(repo: Repository) -> list[int]:
        table = repo.checkout()["train"]
        reader = Reader(table, columns=["label"], batch_size=1000, shuffle=True, seed=1)
        return [int(label) for batch in reader for label in batch["label"]]

    assert labels(clone) == labels(origin)
    assert not packs_in(clone.store)
