"""Copies from other repositories, brought up to date with where they came from."""

import pytest

import vstore
from tests.transfer.places import AUTHOR, append, fresh_url, keys, new_repository
from vstore.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError


@pytest.fixture
def source() -> vstore.Repository:
    return new_repository()


@pytest.fixture
def mine() -> vstore.Repository:
    return vstore.create(fresh_url(), author=AUTHOR)


def copied_keys(repo: vstore.Repository, path: str) -> set[str]:
    table = repo.checkout()[path]
    assert isinstance(table, vstore.Table)
    return set(table.sample_keys().tolist())


def test_a_copy_follows_the_branch_that_it_was_copied_from(
    source: vstore.Repository, mine: vstore.Repository
) -> None:
    made = mine.copy(source.url, "t", "data/t")
    assert made.metadata["copy"] == {
        "url": source.url,
        "commit": source.resolve(),
        "path": "t",
        "to": "data/t",
    }
    assert mine.update("data/t") is None
    append(source, "new")
    updated = mine.update("/data/t/", message="Newer")
    assert updated is not None
    assert (updated.message, updated.parents) == ("Newer", (made.id,))
    assert updated.metadata["copy"]["commit"] == source.resolve()
    assert copied_keys(mine, "data/t") == keys(source)
    assert mine.update("data/t") is None
    assert mine.fsck(mode="full").is_sound


def test_one_of_a_tag_stays_until_another_revision_is_named(
    source: vstore.Repository, mine: vstore.Repository
) -> None:
    source.tags.create("v1")
    mine.copy(source.url, "t", revision="v1")
    append(source, "new")
    assert mine.update("t") is None
    assert mine.update("t", revision="main") is not None
    assert "new" in copied_keys(mine, "t")
    append(source, "newer")
    assert mine.update("t") is not None, "it follows the revision that was named last"


def test_changes_of_ones_own_are_discarded_only_on_purpose(
    source: vstore.Repository, mine: vstore.Repository
) -> None:
    mine.copy(source.url, "t")
    mine.copy(source.url, "grid")
    append(mine, "own")
    append(source, "new")
    head = mine.resolve()
    with pytest.raises(ConflictError, match="was changed since") as raised:
        mine.update("t")
    assert raised.value.code == "changed-since-copied"
    assert mine.resolve() == head
    assert mine.update("grid") is not None
    assert mine.update("t", discard_changes=True) is not None
    assert copied_keys(mine, "t") == keys(source)
    # Changes that were taken back again are none.
    append(mine, "own")
    mine.revert("main")
    append(source, "newer")
    mine.update("t", discard_changes=True)
    assert copied_keys(mine, "t") == keys(source)


def test_copies_on_other_branches_and_after_merges_are_found(
    source: vstore.Repository, mine: vstore.Repository
) -> None:
    with mine.transaction(message="Start") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")
    mine.branches.create("dev")
    mine.copy(source.url, "t", branch="dev")
    with mine.transaction(message="More") as tx:
        tx["x"][0] = 1
    mine.merge("dev")
    append(source, "new")
    assert mine.update("t") is not None
    assert mine.update("t", branch="dev") is not None
    assert copied_keys(mine, "t") == keys(source)


def test_what_was_not_copied_has_no_source(
    source: vstore.Repository, mine: vstore.Repository
) -> None:
    mine.copy(source.url, "t")
    with mine.transaction(message="Mine", metadata={"copy": {"url": 5}}) as tx:
        tx.create_array("x", shape=(1,), dtype="int8")
    for path in ("x", "t/n", "t/text"):
        with pytest.raises(NotFoundError) as raised:
            mine.update(path)
        assert raised.value.code == "not-copied"
    with pytest.raises(NotFoundError):
        mine.update("nowhere")
    with pytest.raises(AlreadyExistsError):
        mine.copy(source.url, "t")
    mine.copy(source.url, "t", replace=True)


def test_an_address_that_may_be_secret_or_none_is_not_followed(
    source: vstore.Repository, mine: vstore.Repository
) -> None:
    for url in ("s3://key:secret@bucket/x", "relative", ""):
        origin = {"url": url, "commit": "ab" * 32, "path": "t", "to": "t"}
        with mine.transaction(message="Forged", metadata={"copy": origin}) as tx:
            if "t" not in tx:
                tx.create_array("t", shape=(1,), dtype="int64")
            tx["t"][0] = len(url)
        with pytest.raises(InvalidInputError):
            mine.update("t")


def test_a_clone_may_hold_some_samples_of_some_columns(source: vstore.Repository) -> None:
    with source.transaction(message="Add more") as tx:
        tx.create_array("big", shape=(100,), dtype="int64")[:] = 1
    url = fresh_url()
    copy = vstore.clone(source.url, url, only=["t/n"], samples=slice(0, 10))
    assert copy.whereis("t/n", samples=slice(0, 10)).is_here
    assert not copy.whereis("big").is_here
    offline = vstore.open(url, offline=True)
    assert offline.checkout()["t"]["n"][3].tolist() == [12, 13, 14, 15]
    assert copy.fsck().is_sound
    append(source, "new")
    copy.remotes["origin"].fetch()
    assert "new" in keys(vstore.open(url), "origin/main")
    with pytest.raises(InvalidInputError, match="only="):
        vstore.clone(source.url, fresh_url(), samples=[1])
