"""A mixture that goes on after a state of another: other weights, and members that have grown."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader

SIZES = {"a": 90, "b": 60, "c": 30}
BATCH = 8


@pytest.fixture(scope="module")
def commits() -> list[Any]:
    """Two commits; in the second, `b` has grown."""
    repo = new_repository()
    with repo.transaction("main", message="Add tables") as tx:
        for n, (name, size) in enumerate(SIZES.items()):
            made = tx.create_table(name, {"i": vstore.ndarray((), "int64", rows_per_chunk=8)})
            made.extend({"i": np.arange(size) + 1000 * n})
    first = repo.checkout("main")
    with repo.transaction("main", message="Add samples") as tx:
        tx["b"].extend({"i": np.arange(SIZES["b"], 100) + 1000})
    return [first, repo.checkout("main")]


def reader(snapshot: Any, names: str, weights: Any, **options: Any) -> Reader:
    of_mixture = {"batching", "after", "samples"}
    chosen = {name: options.pop(name) for name in of_mixture & set(options)}
    members = {name: snapshot[name] for name in names}
    mixture = Mixture(members, weights, **chosen)
    return Reader(mixture, **({"batch_size": BATCH, "shuffle": True, "window": 48} | options))


def some(made: Reader, batches: int) -> tuple[dict[int, list[int]], Any]:
    """Return what each member gave in some batches, and the state after them."""
    given: dict[int, list[int]] = {0: [], 1: [], 2: []}
    taken = 0
    while taken < batches:
        for batch in made:
            for i in batch["i"].tolist():
                given[i // 1000].append(i % 1000)
            taken += 1
            if taken == batches:
                return given, json.loads(json.dumps(made.state_dict()))
    raise AssertionError


def is_whole(numbers: list[int], size: int) -> bool:
    """Return whether every sample came once before any came again."""
    passes = [numbers[at : at + size] for at in range(0, len(numbers), size)]
    return all(len(set(part)) == len(part) for part in passes)


@pytest.mark.parametrize("batching", ["mixed", "per_member"])
@pytest.mark.parametrize("taken", [1, 5, 17, 40])
@pytest.mark.parametrize("size", [BATCH, 5])
def test_members_go_on_where_they_were_with_other_weights(
    commits: list[Any], batching: Any, taken: int, size: int
) -> None:
    running = reader(commits[0], "ab", [1, 1], batching=batching)
    before, state = some(running, taken)
    following = reader(
        commits[0], "ab", [1, 5], batching=batching, after=state, batch_size=size, window=32
    )
    after, _ = some(following, 30)
    for n, name in enumerate("ab"):
        assert is_whole(before[n] + after[n], SIZES[name])
    share = Counter({n: len(numbers) for n, numbers in after.items()})
    assert abs(share[1] - 5 * share[0]) <= (6 if batching == "mixed" else 6 * size)


def test_a_member_that_has_grown_or_is_new_begins(commits: list[Any]) -> None:
    running = reader(commits[0], "ab", [1, 1])
    before, state = some(running, 13)
    following = reader(commits[1], "cba", [1, 2, 2], after=state)
    after, _ = some(following, 60)
    assert is_whole(before[0] + after[0], SIZES["a"])
    assert is_whole(after[1], 100)
    assert len(set(after[1][:100])) == 100
    assert is_whole(after[2], SIZES["c"])


@pytest.mark.parametrize("change", [{"seed": 4}, {"shuffle": "full"}])
def test_members_in_another_order_begin(commits: list[Any], change: dict[str, Any]) -> None:
    _, state = some(reader(commits[0], "ab", [1, 1]), 9)
    following = reader(commits[0], "ab", [1, 1], after=state, **change)
    fresh = reader(commits[0], "ab", [1, 1], **change)
    assert following.order(0)[:, 1].tolist()[:9] == fresh.order(0)[:, 1].tolist()[:9]


def test_readers_that_go_on_load_each_other_s_states(commits: list[Any]) -> None:
    _, state = some(reader(commits[0], "ab", [1, 1]), 13)

    def make(**options: Any) -> Reader:
        return reader(commits[0], "ab", [1, 3], after=state, **options)

    running = make()
    alone = [batch["i"].tolist() for batch in make()]
    batches = iter(running)
    for taken in range(1, 6):
        next(batches)
        resumed = make()
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert [batch["i"].tolist() for batch in resumed] == alone[taken:]
    ranks = [make(batch_size=4, rank=rank, world_size=2) for rank in range(2)]
    for whole, *parts in zip(alone, *ranks, strict=True):
        assert sorted(whole) == sorted(int(i) for part in parts for i in part["i"])
    other = reader(commits[0], "ab", [1, 3])
    with pytest.raises(vstore.InvalidInputError, match="after=state"):
        other.load_state_dict(running.state_dict())


def test_it_may_go_on_several_times(commits: list[Any]) -> None:
    given: dict[int, list[int]] = {0: [], 1: []}
    state = None
    for turn, weights in enumerate([[1, 1], [3, 1], [1, 4], [2, 2]]):
        made = reader(commits[0], "ab", weights, after=state, batch_size=[8, 6, 12, 8][turn])
        part, state = some(made, 11)
        for n in given:
            given[n] += part[n]
    assert is_whole(given[0], SIZES["a"])
    assert is_whole(given[1], SIZES["b"])


def test_transforms_do_not_draw_what_was_drawn_before(commits: list[Any]) -> None:
    def drawn(i: Any, generator: Any) -> Any:
        return generator.random()

    options: dict[str, Any] = {"transforms": {"i": drawn}, "shuffle": False}
    running = reader(commits[0], "a", [1], **options)
    first = next(iter(running))["i"].tolist()
    following = reader(commits[0], "a", [1], after=running.state_dict(), **options)
    assert not set(first) & set(next(iter(following))["i"].tolist())


def test_the_end_of_an_epoch_is_a_place(commits: list[Any]) -> None:
    running = reader(commits[0], "ab", [1, 1], samples=40)
    before: dict[int, list[int]] = {0: [], 1: []}
    for batch in running:
        for i in batch["i"].tolist():
            before[i // 1000].append(i % 1000)
    following = reader(commits[0], "ab", [1, 3], after=running.state_dict())
    after, _ = some(following, 12)
    for n, name in enumerate("ab"):
        assert is_whole(before[n] + after[n], SIZES[name])


def test_what_is_no_state_of_a_mixture_is_refused(commits: list[Any]) -> None:
    plain = Reader(commits[0]["a"], batch_size=4).state_dict()
    state = reader(commits[0], "ab", [1, 1]).state_dict()
    wrong: list[Any] = [
        {}, 5, plain, state | {"members": "[]"}, state | {"epoch": "one"},
        state | {"members": state["members"].replace('"weight":0.5', '"weight":-1')},
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(vstore.InvalidInputError, match="goes on after a state that"):
            reader(commits[0], "ab", [1, 1], after=each)
    with pytest.raises(vstore.InvalidInputError, match="worker processes"):
        reader(commits[0], "ab", [1, 1], after=state | {"workers": 2})
