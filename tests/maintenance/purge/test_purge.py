"""Erasing samples and texts from a whole history."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from tests.maintenance.stores import Killed, MortalStore
from vstore.history.purges import list_purges
from vstore.storage.memory import MemoryStore
from vstore.storage.store import ObjectStore

COLUMNS = {
    "name": vstore.bytes_(codecs="none", rows_per_chunk=4),
    "note": vstore.text().as_optional(),
    "path": vstore.ndarray((None,), "uint8", rows_per_chunk=4),
    "label": vstore.ndarray((), "int64", rows_per_chunk=4),
}


def sample(name: str, label: int = 0) -> dict[str, Any]:
    data = np.frombuffer(name.encode(), "uint8")
    return {"name": name.encode(), "note": f"Mr. {name}", "path": data, "label": label}


def make_repo(store: ObjectStore, secret: str, *, keys: str = "str") -> vstore.Repository:
    """Return a repository in which a patient's name is in the first commit and in later ones."""
    vstore.create(store.url)
    repo = vstore.Repository(store, author=vstore.Author("Ann"))
    names: list[Any] = [("p", 1), ("p", 2), ("q", 1)] if keys == "tuple" else ["a", "h", "c"]
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", COLUMNS, keys=keys)  # type: ignore[arg-type]
        for key, name in zip(names, ["Ann", secret, "Cleo"], strict=True):
            table.append(sample(name), key=key)
        tx.create_array("z", shape=(3,), dtype="int8")[:] = 1
    repo.branches.create("side")
    for branch in ("main", "side", "main"):
        with repo.transaction(branch, message=f"On {branch}", metadata={"why": "review"}) as tx:
            tx["t"]["label"][0 if branch == "main" else 2] = secrets.randbelow(1000) + 1
    repo.merge("side", into="main")
    with repo.transaction("main", message="Elsewhere") as tx:
        tx["z"][1] = 7
    return repo


@pytest.fixture
def secret() -> str:
    return f"REAL^NAME^{secrets.token_hex(12)}"


@pytest.fixture
def repo(secret: str) -> vstore.Repository:
    return make_repo(MemoryStore(uuid4().hex), secret)


def values(repo: vstore.Repository, commit: str) -> dict[Any, Any]:
    table = repo.checkout(commit).table("t")
    return {
        key: [table.loc[key][name] for name in ("name", "note", "label")]
        for key in table.sample_keys().tolist()
    }


def require_absent(repo: vstore.Repository, *wanted: str) -> None:
    for each in wanted:
        report = repo.find_traces(each)
        assert report.is_absent, report
    found = repo.fsck(mode="full")
    assert found.is_sound, found


class TestSamples:
    def test_values_are_gone_from_every_commit(self, repo: vstore.Repository, secret: str) -> None:
        old = list(repo.log())
        before = {commit.id: values(repo, commit.id) for commit in old}
        assert not repo.find_traces(secret).is_absent
        report = repo.purge("t", ["h"], columns=["name", "note", "path"], reason="asked to")
        require_absent(repo, secret)
        assert (report.holding, report.commits, report.left) == (6, 6, ())
        new = list(repo.log())
        assert [(c.message, c.author, c.time, dict(c.metadata)) for c in new] == [
            (c.message, c.author, c.time, dict(c.metadata)) for c in old
        ]
        for one, other in zip(old, new, strict=True):
            assert report.rewritten[one.id] == other.id
            expected = before[one.id]
            expected["h"] = [b"", None, expected["h"][2]]
            assert values(repo, other.id) == expected
            assert [report.rewritten[parent] for parent in one.parents] == list(other.parents)

    def test_a_whole_sample_goes_with_its_key(self, repo: vstore.Repository, secret: str) -> None:
        with repo.transaction("main", message="Name it") as tx:
            tx["t"].append(sample("x"), key=secret)
        repo.purge("t", ["h", secret], whole=True)
        require_absent(repo, secret)
        for commit in repo.log():
            assert repo.checkout(commit.id).table("t").sample_keys().tolist() == ["a", "c"]
        with repo.transaction("main", message="Again") as tx:
            tx["t"].append(sample("new"), key="h")
        assert repo.checkout().table("t").loc["h"]["name"] == b"new"

    def test_a_second_time_there_is_nothing_to_do(self, repo: vstore.Repository) -> None:
        repo.purge("t", ["h"])
        head = repo.resolve("main")
        again = repo.purge("t", ["h"])
        assert (again.commits, again.holding, repo.resolve("main")) == (0, 0, head)
        repo.purge("t", ["a"], whole=True)
        with pytest.raises(vstore.NotFoundError, match="no sample 'a'"):
            repo.purge("t", ["a"], whole=True)

    def test_beginnings_of_tuples(self, secret: str) -> None:
        repo = make_repo(MemoryStore(uuid4().hex), secret, keys="tuple")
        repo.purge("t", ["p"], whole=True)
        require_absent(repo, secret)
        assert repo.checkout().table("t").sample_keys().tolist() == [("q", 1)]

    def test_where_keys_have_an_index(self, secret: str) -> None:
        repo = vstore.create(f"memory://{uuid4()}")
        rows = 16_400
        with repo.transaction("main", message="Start") as tx:
            begun = tx.create_table("t", {"x": vstore.text()}, keys="str")
            keys = [f"k{i}" for i in range(rows)]
            keys[7] = secret
            begun.extend({"x": ["x"] * rows}, keys=keys)
        repo.purge("t", [secret], whole=True)
        assert repo.fsck(mode="full").is_sound
        table = repo.checkout().table("t")
        assert len(table) == rows - 1
        assert not table.has_key(secret)
        assert table.loc["k16000"]["x"] == "x"
        require_absent(repo, secret)

    def test_a_table_is_followed_wherever_it_was(
        self, repo: vstore.Repository, secret: str
    ) -> None:
        with repo.transaction("main", message="Move") as tx:
            tx.move("t", "trial/t")
        with repo.transaction("main", message="Delete") as tx:
            tx["trial/t"].delete(1)
        with repo.transaction("main", message="Compact") as tx:
            tx["trial/t"].compact()
        repo.purge("trial/t", ["h"])
        require_absent(repo, secret)

    def test_what_patches_cover_goes_too(self, secret: str) -> None:
        repo = vstore.create(f"memory://{uuid4()}")
        with repo.transaction("main", message="Start") as tx:
            column = vstore.ndarray((64,), "uint8", rows_per_chunk=256)
            rng = np.random.default_rng(0)
            data = rng.integers(0, 255, (256, 64)).astype("uint8")
            data[3, : len(secret)] = np.frombuffer(secret.encode(), "uint8")
            keys = [f"k{i}" for i in range(256)]
            tx.create_table("t", {"x": column}, keys="str").extend({"x": data}, keys=keys)
        for row in range(5):
            with repo.transaction("main", message="One row") as tx:
                tx["t"]["x"][row] = np.zeros(64, "uint8")
        assert not repo.find_traces(secret).is_absent
        repo.purge("t", ["k3"])
        require_absent(repo, secret)


class TestTexts:
    def test_are_replaced_wherever_users_write(self, repo: vstore.Repository, secret: str) -> None:
        with repo.transaction("main", message=f"About {secret}", metadata={secret: [secret]}) as tx:
            tx["t"].set_attributes({"patient": {"name": secret}})
            tx["t"]["label"][0] = 9
        repo.tags.create("v1", at="main", message=f"For {secret}")
        repo.branches.create("gone")
        repo.branches.delete("gone")
        repo.purge(texts=[secret], move_tags=True)
        found = repo.find_traces(secret)
        assert {trace.key.split("/")[0] for trace in found.found} == {"packs"}
        repo.purge("t", ["h"], move_tags=True)
        require_absent(repo, secret)
        head = repo.commit("v1")
        assert (head.message, head.metadata) == ("About [erased]", {"[erased]": ["[erased]"]})
        assert repo.checkout()["t"].attributes == {"patient": {"name": "[erased]"}}
        assert repo.undo("gone").id == head.id
        assert repo.undo("main").message == "Elsewhere"

    def test_a_replacement_does_not_bring_them_back(self, repo: vstore.Repository) -> None:
        with pytest.raises(vstore.InvalidInputError, match="contains a text"):
            repo.purge(texts=["an"], replacement="another")


class TestOldHashes:
    def test_are_answered_with_the_new_ones(self, repo: vstore.Repository) -> None:
        old = repo.resolve("main")
        first = repo.purge("t", ["h"]).rewritten[old]
        second = repo.purge("t", ["c"]).rewritten[first]
        for name in (old, old[:12]):
            for ask in (repo.checkout, repo.commit, lambda each: list(repo.log(each))):
                with pytest.raises(vstore.NotFoundError, match=second) as caught:
                    ask(name)
                assert caught.value.code == "commit-purged"
        with pytest.raises(vstore.NotFoundError) as caught:
            repo.checkout("f" * 64)
        assert caught.value.code == "commit-not-found"

    def test_garbage_collection_leaves_the_map(self, repo: vstore.Repository) -> None:
        old = repo.resolve("main")
        repo.purge("t", ["h"])
        repo.gc()
        with pytest.raises(vstore.NotFoundError, match="to erase data"):
            repo.checkout(old)


class TestPins:
    def test_tags_are_moved_only_if_told(self, repo: vstore.Repository, secret: str) -> None:
        repo.tags.create("paper", at="main", message="As printed")
        before = repo.tags["paper"]
        with pytest.raises(vstore.ConflictError, match="'paper'") as caught:
            repo.purge("t", ["h"])
        assert caught.value.code == "purge-pinned"
        assert repo.tags["paper"] == before
        report = repo.purge("t", ["h"], move_tags=True)
        assert repo.tags["paper"] == report.rewritten[before]
        assert repo.tags.get("paper") is not None
        require_absent(repo, secret)

    def test_branches_of_forks_likewise(self, repo: vstore.Repository, secret: str) -> None:
        repo.branches.create(f"forks/{'a' * 32}/main")
        with pytest.raises(vstore.ConflictError, match="forks"):
            repo.purge("t", ["h"])
        repo.purge("t", ["h"], despite_forks=True)
        require_absent(repo, secret)

    def test_a_dry_run_changes_nothing(self, repo: vstore.Repository) -> None:
        objects = {info.key for info in repo.store.list_prefix("")}
        report = repo.purge("t", ["h"], dry_run=True)
        assert (report.holding, report.commits, report.dry_run) == (6, 6, True)
        assert {info.key for info in repo.store.list_prefix("")} == objects


def test_what_cannot_be_erased_is_refused(repo: vstore.Repository) -> None:
    with repo.transaction("main", message="No keys") as tx:
        tx.create_table("plain", {"x": vstore.text()}).extend({"x": ["a"]})
    for arguments, message in (
        ((), "neither"),
        (("t",), "neither"),
        ((None, ["h"]), "without the path"),
        (("t", "h"), "lists"),
        (("plain", [0]), "have no keys"),
        (("z", ["h"]), "not a table"),
        (("t", ["nobody"]), "no sample 'nobody'"),
    ):
        with pytest.raises(vstore.VstoreError, match=message):
            repo.purge(*arguments)
    with pytest.raises(vstore.NotFoundError, match="column"):
        repo.purge("t", ["h"], columns=["nope"])


def test_only_what_held_it_is_written_again(secret: str) -> None:
    repo = vstore.create(f"memory://{uuid4()}")
    with repo.transaction("main", message="Start") as tx:
        column = vstore.ndarray((1024,), "uint8", codecs="none", rows_per_chunk=16)
        data = np.random.default_rng(0).integers(0, 255, (512, 1024)).astype("uint8")
        table = tx.create_table("t", {"x": column, "y": vstore.ndarray((), "int64")}, keys="int")
        table.extend({"x": data, "y": np.arange(512)}, keys=list(range(512)))
    for number in range(20):
        with repo.transaction("main", message=f"{number}") as tx:
            tx["t"]["y"][number] = 1000 + number
    report = repo.purge("t", [300], columns=["x"])
    assert report.commits == 21
    assert report.nbytes_written == 16 * 1024  # one chunk, however many commits have it


def crashes(secret: str, every: int) -> Iterator[tuple[MemoryStore, int]]:
    """Yield stores in which a purge died before a change, at one of `every` of them."""
    template = MemoryStore(uuid4().hex)
    make_repo(template, secret)
    for after in count(secrets.randbelow(every), every):
        store = MemoryStore(uuid4().hex)
        for info in template.list_prefix(""):
            store.put(info.key, template.get(info.key))
        try:
            vstore.Repository(MortalStore(store, after)).purge("t", ["h"])
        except Killed:
            yield store, after
        else:
            return


def require_whole(secret: str, every: int) -> None:
    """Check that a purge that died at any change is finished by the next."""
    for store, after in crashes(secret, every):
        repo = vstore.Repository(store)
        for branch in ("main", "side"):
            assert values(repo, branch).keys() == {"a", "h", "c"}, after
        assert len(list(repo.log())) == 6
        repo.purge("t", ["h"], take_over=True)
        require_absent(repo, secret)
        assert len(list(repo.log())) == 6
        assert [purge.done for purge, _ in list_purges(store)] == [True]


def test_a_purge_that_died_is_finished_by_the_next(secret: str) -> None:
    require_whole(secret, every=6)


@pytest.mark.slow
def test_a_purge_that_died_anywhere_is_finished_by_the_next(secret: str) -> None:
    require_whole(secret, every=1)


def test_another_purge_in_place_of_one_that_died_does_both(secret: str) -> None:
    now = timedelta(0)
    for store, _ in crashes(secret, every=12):
        repo = vstore.Repository(store)
        repo.purge(texts=["On main"], take_over=True)
        assert "On main" not in {commit.message for commit in repo.log()}
        repo.purge("t", ["h"], take_over=True)
        repo.gc(grace=now, expire=now)  # what the dead one left, on no branch
        require_absent(repo, secret, "On main")


def test_beside_a_writer_nothing_is_lost(repo: vstore.Repository, secret: str) -> None:
    other = vstore.Repository(repo.store)
    tx = other.transaction("main", message="Meanwhile")
    tx["t"]["label"][2] = 4242
    repo.purge("t", ["h"], columns=["name", "note", "path"])
    tx.commit()
    table = repo.checkout("main").table("t")
    assert table.loc["c"]["label"] == 4242
    assert table.loc["h"]["name"] == b""
    assert len(list(repo.log())) == 7
    repo.gc(grace=timedelta(0), expire=timedelta(0))
    require_absent(repo, secret)


def test_a_clone_is_told_by_its_next_fetch(repo: vstore.Repository, secret: str) -> None:
    clone = vstore.clone(repo.store.url, f"memory://{uuid4()}")
    old = clone.resolve("main")
    report = repo.purge("t", ["h"], reason="Consent withdrawn")
    fetched = clone.remotes["origin"].fetch()
    (notice,) = fetched.notices
    assert "Ann erased data on" in notice
    assert "Consent withdrawn (6 commits rewritten)" in notice
    assert "still hold it: main" in notice
    assert clone.remotes["origin"].fetch().notices == ()
    clone.reset("main", to="origin/main")
    assert clone.resolve("main") == report.rewritten[old]
    clone.gc(grace=timedelta(0), expire=timedelta(0), repack=0.0001)
    require_absent(clone, secret)
    with pytest.raises(vstore.NotFoundError, match=report.rewritten[old]):
        vstore.Repository(clone.store).checkout(old)
