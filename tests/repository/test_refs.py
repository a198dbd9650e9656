"""Branches and tags: how they are made, found, moved and deleted."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import counted, new_repository
from vstore import FormatError, Repository
from vstore.faces import internals
from vstore.format import commit as commits
from vstore.format import document, object_keys
from vstore.format.digest import digest_of
from vstore.history import refs as refs_module
from vstore.history.refs import Refs
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key


def commit(repository: Repository, branch: str = "main", message: str = "More") -> str:
    with repository.transaction(branch, message=message, allow_empty=True) as tx:
        pass
    made_now = internals(tx).commit_made
    assert made_now is not None
    return made_now.id


@pytest.fixture
def repository() -> Repository:
    repository = new_repository()
    commit(repository, message="First")
    commit(repository, message="Second")
    return repository


def test_no_two_moves_write_the_same_bytes(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks whether a lost request of its own arrived must not find another's."""
    monkeypatch.setattr(refs_module, "now", lambda: "2026-01-01T00:00:00.000000Z")
    written = set[bytes]()
    first, second = repository.resolve("main~1"), repository.resolve("main")
    for _ in range(3):
        for target in (first, second):
            repository.reset("main", to=target)
            repository.tags.create("v1", at=target)
            for key in (object_keys.branch("main"), object_keys.tag("v1")):
                written.add(repository.store.get(key))
            repository.tags.delete("v1")
    assert len(written) == 12


def test_branches_are_made_at_any_commit(repository: Repository) -> None:
    first, second = repository.resolve("main~1"), repository.resolve("main")
    assert repository.branches.create("a") == second
    assert repository.branches.create("b", at="main~1") == first
    assert repository.branches.create("c", at=first) == first
    assert repository.branches.create("d", at="b") == first
    assert list(repository.branches) == ["a", "b", "c", "d", "main"]
    assert repository.branches["b"] == first
    assert len(repository.branches) == 5
    assert "b" in repository.branches
    assert "e" not in repository.branches


def test_a_commit_moves_only_its_branch(repository: Repository) -> None:
    repository.branches.create("dev", at="main")
    before = repository.resolve("main")
    after = commit(repository, "dev")
    assert repository.resolve("main") == before
    assert repository.resolve("dev") == after
    assert repository.resolve("dev~1") == before


@pytest.mark.parametrize(
    "name",
    ["a", "team/größe/漢字", "v1.0", "a-b_c+d=e,f", "x" * 200, "ö" * 40, "a.b/c", "main2", "dead"],
)
def test_names_of_any_alphabet(name: str, tmp_path: Path) -> None:
    for url in (tmp_path / "repository", f"memory://{tmp_path.name}"):
        repository = vstore.create(url)
        head = commit(repository)
        repository.branches.create(name, at="main")
        repository.tags.create(name, at="main")
        assert sorted(repository.branches) == sorted(["main", name])
        assert list(repository.tags) == [name]
        assert repository.resolve(name) == head
        moved = commit(repository, name)
        assert repository.resolve(name) == moved
        repository.branches.delete(name, force=True)
        repository.tags.delete(name)
        assert list(repository.branches) == ["main"]
        assert list(repository.tags) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_a_name_is_refused_or_comes_back_as_it_was(name: str) -> None:
    try:
        key = object_keys.branch(name)
    except vstore.InvalidInputError:
        return
    assert object_keys.find_ref_name(key) == name
    assert key.isascii()
    assert ".." not in key
    assert all(0 < len(part) <= 255 for part in key.split("/"))


def test_names_that_differ_only_in_case_or_normal_form_are_different(
    repository: Repository,
) -> None:
    one = repository.branches.create("Ü", at="main")
    two = repository.branches.create("U\u0308", at="main~1")
    three = repository.branches.create("ü", at="main~1")
    assert len(repository.branches) == 4
    assert (repository.branches["Ü"], repository.branches["U\u0308"]) == (one, two)
    assert repository.branches["ü"] == three


def test_what_is_there_already_is_left_as_it_was(repository: Repository) -> None:
    repository.branches.create("dev", at="main~1")
    repository.tags.create("v1", at="main~1", message="one")
    before = [(i.key, i.nbytes) for i in repository.store.list_prefix("refs/")]
    with pytest.raises(vstore.AlreadyExistsError, match="'dev'"):
        repository.branches.create("dev", at="main")
    with pytest.raises(vstore.AlreadyExistsError, match=r"'v1'.*do not move"):
        repository.tags.create("v1", at="main")
    assert [(i.key, i.nbytes) for i in repository.store.list_prefix("refs/")] == before


def test_a_tag_keeps_author_time_and_message(repository: Repository) -> None:
    repository.tags.create("v1", at="main~1", message="Für alle ✓", author="Zoë <z@example.org>")
    tag = vstore.open(repository.url).tags.get("v1")
    assert tag.message == "Für alle ✓"
    assert tag.author == vstore.Author("Zoë", "z@example.org")
    assert tag.commit == repository.resolve("main~1") == repository.tags["v1"]
    assert [document.name for document in repository.tags.documents()] == ["v1"]
    assert "v1" in repository.tags
    assert "v2" not in repository.tags


def test_a_branch_with_unmerged_work_is_not_deleted_by_accident(repository: Repository) -> None:
    repository.branches.create("dev", at="main")
    head = commit(repository, "dev")
    with pytest.raises(vstore.ConflictError, match=r"merge or tag.*force=True"):
        repository.branches.delete("dev")
    assert repository.resolve("dev") == head
    repository.tags.create("keep", at="dev")
    assert repository.branches.delete("dev") == head
    assert "dev" not in repository.branches
    assert repository.checkout(head).commit.id == head


def test_a_merged_branch_is_deleted_without_ado(repository: Repository) -> None:
    repository.branches.create("dev", at="main~1")
    assert repository.branches.delete("dev") == repository.resolve("main~1")


def test_what_is_not_there_is_not_deleted(repository: Repository) -> None:
    for refs in (repository.branches, repository.tags):
        with pytest.raises(vstore.NotFoundError, match="'nope'"):
            refs.delete("nope")
        with pytest.raises(vstore.NotFoundError, match="'nope'"):
            refs["nope"]


def test_deleting_a_branch_loses_no_commit(repository: Repository) -> None:
    repository.branches.create("dev", at="main")
    head = commit(repository, "dev")
    repository.branches.delete("dev", force=True)
    assert repository.checkout(head).commit.message == "More"
    assert repository.branches.create("again", at=head) == head
    assert repository.resolve(head[:10]) == head


def test_of_many_creators_of_one_name_one_wins(repository: Repository) -> None:
    def create(i: int) -> bool:
        mine = vstore.open(repository.url)
        try:
            mine.branches.create("contested", at=f"main~{i % 2}")
            mine.tags.create("contested", at="main", message=str(i))
        except vstore.AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(create, range(16))).count(True) <= 1
    assert "contested" in repository.branches


def test_a_branch_that_moved_meanwhile_is_neither_moved_nor_deleted(
    repository: Repository,
) -> None:
    refs = internals(repository).refs
    stale = refs.get_branch("main")
    commit(repository)
    assert refs.move_branch(stale, stale.commit, action="too late") is None
    assert refs.delete_branch(stale) is False
    assert "main" in repository.branches


def test_a_branch_moved_there_and_back_has_moved(repository: Repository) -> None:
    refs = internals(repository).refs
    stale = refs.get_branch("main")
    moved = refs.move_branch(stale, repository.resolve("main~1"), action="back")
    assert moved is not None
    again = refs.move_branch(moved, stale.commit, action="forth")
    assert again is not None
    assert again.commit == stale.commit
    assert refs.move_branch(stale, stale.commit, action="too late") is None


def test_the_log_of_a_branch_is_bounded(repository: Repository) -> None:
    for i in range(60):
        commit(repository, message=f"{i}\n" + "x" * 1000)
    log = internals(repository).refs.get_branch("main").document.log
    assert len(log) == 50
    assert log[0].commit == repository.resolve("main")
    assert [entry.action for entry in log[:2]] == ["commit: 59", "commit: 58"]
    assert repository.commit(log[49].commit).message.startswith("10\n")


def test_a_long_message_does_not_swell_the_branch(repository: Repository) -> None:
    for _ in range(3):
        commit(repository, message="x" * 100_000)
    assert len(repository.store.get(object_keys.branch("main"))) < 10_000
    assert len(repository.commit("main").message) == 100_000


def test_a_ref_that_calls_itself_otherwise_is_refused(repository: Repository) -> None:
    """A file system that folds case would return one branch under the name of another."""
    store = repository.store
    store.put(object_keys.branch("Main"), store.get(object_keys.branch("main")))
    with pytest.raises(vstore.FormatError, match=r"'Main'.*calls itself 'main'"):
        Refs(store).find_branch("Main")


def test_a_damaged_ref_is_noticed(repository: Repository) -> None:
    store = repository.store
    data = store.get(object_keys.branch("main"))
    other = repository.resolve("main~1")
    for damaged in (data.replace(repository.resolve("main").encode(), other.encode()), data[:-1]):
        store.put(object_keys.branch("main"), damaged)
        with pytest.raises(vstore.FormatError, match="main"):
            vstore.open(repository.url).checkout("main")


def test_files_of_others_below_refs_are_no_refs(repository: Repository) -> None:
    for name in (".DS_Store", "main.json.lock", "x.tmp", "a%2.json", "%2e%2e.json"):
        MemoryStore(repository.url.removeprefix("memory://")).put(
            Key(f"refs/branches/{name}"), b"{}"
        )
    assert list(repository.branches) == ["main"]


def test_the_default_branch_may_have_any_name() -> None:
    repository = vstore.create("memory://trunk-repository", default_branch="trunk/größe")
    with repository.transaction(message="First") as tx:
        tx.create_array("a", shape=(2,), dtype="int8")
    assert list(repository.branches) == ["trunk/größe"]
    assert repository.checkout().commit.message == "First"
    with pytest.raises(vstore.NotFoundError):
        repository.transaction("main", message="m")


def test_a_listing_costs_one_request(repository: Repository) -> None:
    for i in range(5):
        repository.branches.create(f"b{i}", at="main")
    fresh, store = counted(repository)
    assert [name for name in fresh.branches if name != "main"] == [f"b{i}" for i in range(5)]
    assert store.count() == 1
    assert "b3" in repr(fresh.branches)


def test_a_branch_that_carries_another_commit_than_it_names_is_refused() -> None:
    """The check is right: whoever wrote this meant it."""
    repository = new_repository()
    for number in range(2):
        with repository.transaction("main", message=f"Commit {number}") as tx:
            tx.create_array(f"a{number}", shape=(2,), dtype="int8")
    branch = internals(repository).refs.get_branch("main")
    older = repository.store.get(object_keys.commit(repository.resolve("main~1"))).decode()
    for copy in (older, "", "{}", "\x00"):
        forged = msgspec.to_builtins(branch.document) | {"head": copy}
        forged["check"] = digest_of(document.dumps(forged))
        repository.store.put(object_keys.branch("main"), document.dumps(forged))
        with pytest.raises(FormatError, match="of another commit"):
            Repository(repository.store).checkout("main")
    without = msgspec.structs.replace(branch.document, head=None)
    repository.store.put(object_keys.branch("main"), commits.encode(without))
    assert Repository(repository.store).checkout("main").commit.id == branch.commit


def test_a_branch_carries_the_bytes_of_its_commit_unless_they_are_many() -> None:
    repository = new_repository()
    for size, is_carried in ((10, True), (40_000, False), (10, True)):
        note = {"note": "x" * size}
        with repository.transaction("main", message="Say", metadata=note, allow_empty=True):
            pass
        branch = internals(repository).refs.get_branch("main")
        stored = repository.store.get(object_keys.commit(branch.commit)).decode()
        assert branch.document.head == (stored if is_carried else None)


def test_a_place_without_a_repository_has_no_list_of_names() -> None:
    nothing = vstore.open("memory://nothing-was-created")
    for names in (nothing.branches, nothing.tags):
        for ask in (list, len):
            with pytest.raises(vstore.NotFoundError) as caught:
                ask(names)
            assert caught.value.code == "repository-not-found"
