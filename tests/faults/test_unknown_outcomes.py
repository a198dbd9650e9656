"""A ref was written or was not, and the store cannot say: nothing is lost or done twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import vstore
from tests.faults.audit import open_at
from tests.faults.interposed import CONDITIONAL, InterposedStore
from tests.repositories import new_repository, remove_branch
from vstore import Repository, StorageError, UnknownOutcomeError
from vstore.faces import internals
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key

Fault = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def repository() -> Repository:
    made = new_repository()
    with made.transaction("main", message="Start") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [0]})
    return made


def faulty(repository: Repository, *faults: Fault) -> Repository:
    """Return a handle of the repository whose first conditional writes go wrong."""
    left: Iterator[Fault] = iter(faults)

    def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
        fault = next(left, None) if verb in CONDITIONAL else None
        return send() if fault is None else fault(send)

    store = MemoryStore(repository.url.removeprefix("memory://"))
    return Repository(InterposedStore(store, interpose), author=repository.author)


def lost_request(send: Callable[[], Any]) -> Any:
    raise UnknownOutcomeError("the request may have arrived")


def lost_response(send: Callable[[], Any]) -> Any:
    send()
    raise UnknownOutcomeError("the request may have arrived")


def append(repository: Repository, number: int, branch: str = "main") -> Any:
    with repository.transaction(branch, message=f"Add {number}") as tx:
        tx["t"].extend({"n": [number]})
    return internals(tx).commit_made


def numbers(repository: Repository) -> list[int]:
    found: list[int] = open_at(repository, "t")["n"][:].tolist()
    return found


def messages(repository: Repository) -> list[str]:
    return [commit.message for commit in repository.log("main")]


@pytest.mark.parametrize("fault", [lost_request, lost_response])
@pytest.mark.parametrize("times", [1, 3])
def test_a_commit_is_made_once_whether_or_not_it_arrived(
    repository: Repository, fault: Fault, times: int
) -> None:
    commit = append(faulty(repository, *[fault] * times), 1)
    assert repository.branches["main"] == commit.id
    assert messages(repository) == ["Add 1", "Start"]
    assert numbers(repository) == [0, 1]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_commit_is_made_once_where_others_came_in_between(
    repository: Repository, arrives: bool
) -> None:
    def fault(send: Callable[[], Any]) -> Any:
        if arrives:
            send()
        append(repository, 2)
        return lost_request(send)

    commit = append(faulty(repository, fault), 1)
    assert commit.id in {found.id for found in repository.log("main")}
    assert sorted(messages(repository)) == ["Add 1", "Add 2", "Start"]
    assert sorted(numbers(repository)) == [0, 1, 2]


def test_doubts_that_were_settled_do_not_add_up(repository: Repository) -> None:
    rivals = iter(range(2, 100))

    def fault(send: Callable[[], Any]) -> Any:
        append(repository, next(rivals))
        return lost_request(send)

    append(faulty(repository, *[fault] * 12), 1)
    assert sorted(numbers(repository)) == list(range(14))


@pytest.mark.parametrize("fault", [lost_request, lost_response])
def test_the_first_commit_of_a_branch_is_made_once(fault: Fault) -> None:
    repository = new_repository()
    with faulty(repository, fault).transaction("main", message="Start") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [0]})
    assert messages(repository) == ["Start"]
    assert numbers(repository) == [0]


@pytest.mark.parametrize("fault", [lost_request, lost_response])
def test_a_merge_is_made_once(repository: Repository, fault: Fault) -> None:
    repository.branches.create("side", at="main")
    append(repository, 1, "side")
    append(repository, 2)
    merged = faulty(repository, fault).merge("side", into="main")
    assert merged.kind == "merge"
    assert merged.commit is not None
    assert repository.branches["main"] == merged.commit.id
    assert sorted(numbers(repository)) == [0, 1, 2]


@pytest.mark.parametrize("arrives", [True, False])
def test_the_outcome_stays_unknown_where_the_store_stays_away(
    repository: Repository, arrives: bool
) -> None:
    is_away = False

    def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
        nonlocal is_away
        if is_away:
            raise StorageError("the server cannot be reached")
        if verb == "compare_and_swap":
            is_away = True
            if arrives:
                send()
            raise UnknownOutcomeError("the request may have arrived")
        return send()

    store = MemoryStore(repository.url.removeprefix("memory://"))
    with pytest.raises(UnknownOutcomeError):
        append(Repository(InterposedStore(store, interpose)), 1)
    assert numbers(repository) == ([0, 1] if arrives else [0])


def test_a_merge_stays_unknown_where_its_request_is_still_on_its_way(
    repository: Repository,
) -> None:
    repository.branches.create("side", at="main")
    append(repository, 1, "side")
    append(repository, 2)
    late: list[Callable[[], Any]] = []

    def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
        if late and verb == "compare_and_swap":
            raise StorageError("the server cannot be reached")
        if verb == "compare_and_swap":
            late.append(send)
            raise UnknownOutcomeError("the request may have arrived")
        return send()

    store = MemoryStore(repository.url.removeprefix("memory://"))
    with pytest.raises(UnknownOutcomeError):
        Repository(InterposedStore(store, interpose)).merge("side", into="main")
    assert late.pop()() is not None, "it could still take effect"
    assert sorted(numbers(repository)) == [0, 1, 2]


def test_the_outcome_stays_unknown_where_the_branch_was_deleted_since(
    repository: Repository,
) -> None:
    def fault(send: Callable[[], Any]) -> Any:
        send()
        remove_branch(repository, "main")
        return lost_request(send)

    with pytest.raises(UnknownOutcomeError):
        append(faulty(repository, fault), 1)


def test_a_conflict_is_known_even_after_a_lost_request(repository: Repository) -> None:
    def fault(send: Callable[[], Any]) -> Any:
        with repository.transaction("main", message="Come first") as tx:
            tx["t"]["n"][0] = 5
        return lost_request(send)

    with (
        pytest.raises(vstore.ConflictError),
        faulty(repository, fault).transaction("main", message="Change") as tx,
    ):
        tx["t"]["n"][0] = 6
    assert numbers(repository) == [5]
    assert messages(repository) == ["Come first", "Start"]


REWRITES: dict[str, Callable[[Repository], Any]] = {
    "cherry-pick": lambda repository: repository.cherry_pick("side"),
    "revert": lambda repository: repository.revert("main"),
    "rebase": lambda repository: repository.rebase("main", onto="side"),
    "reset": lambda repository: repository.reset("main", to="main~1"),
    "undo": lambda repository: repository.undo("main"),
    "amend": lambda repository: repository.amend("main", message="Amended"),
    "squash": lambda repository: repository.squash("main", since="main~2", message="Squashed"),
}
"""What moves a branch to commits made from others, and what that comes to."""


@pytest.fixture
def branched(repository: Repository) -> Repository:
    """A repository whose main is two commits ahead of where side parted, with one of its own."""
    repository.branches.create("side", at="main")
    append(repository, 9, "side")
    append(repository, 1)
    append(repository, 2)
    return repository


def actions(repository: Repository) -> list[str]:
    return [entry.action.partition(":")[0] for entry in repository.branches.log("main")]


@pytest.mark.parametrize("rewrite", REWRITES)
@pytest.mark.parametrize("fault", [lost_request, lost_response])
@pytest.mark.parametrize("times", [1, 3])
def test_a_branch_is_rewritten_once_whether_or_not_it_arrived(
    branched: Repository, rewrite: str, fault: Fault, times: int
) -> None:
    made = REWRITES[rewrite](faulty(branched, *[fault] * times))
    assert branched.branches["main"] == made.id
    assert actions(branched) == [rewrite, "commit", "commit", "commit"]


@pytest.mark.parametrize("rewrite", REWRITES)
def test_a_rewrite_that_did_not_arrive_before_others_came_changes_nothing(
    branched: Repository, rewrite: str
) -> None:
    def fault(send: Callable[[], Any]) -> Any:
        append(branched, 3)
        return lost_request(send)

    with pytest.raises(vstore.ConflictError, match="updated meanwhile"):
        REWRITES[rewrite](faulty(branched, fault))
    assert numbers(branched) == [0, 1, 2, 3]


@pytest.mark.parametrize("rewrite", REWRITES)
def test_a_rewrite_that_others_built_on_before_its_response_was_lost_is_done(
    branched: Repository, rewrite: str
) -> None:
    def fault(send: Callable[[], Any]) -> Any:
        send()
        append(branched, 3)
        return lost_request(send)

    made = REWRITES[rewrite](faulty(branched, fault))
    assert made.id in {commit.id for commit in branched.log("main")}
    assert 3 in numbers(branched)


def test_a_reset_to_where_the_branch_was_before_is_looked_for_in_what_came_since(
    branched: Repository,
) -> None:
    branched.reset("main", to="main~1")
    branched.undo("main")
    made = faulty(branched, lost_request).reset("main", to="main~1")
    assert branched.branches["main"] == made.id
    assert numbers(branched) == [0, 1]


def test_a_merge_of_a_branch_that_was_deleted_meanwhile_changes_nothing(
    branched: Repository,
) -> None:
    def fault(send: Callable[[], Any]) -> Any:
        remove_branch(branched, "main")
        return send()

    with pytest.raises(vstore.ConflictError, match="deleted meanwhile"):
        faulty(branched, fault).merge("side", into="main")
    assert "main" not in branched.branches
