"""Samples without keys that are merged again and again: no change reaches another sample."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from itertools import count
from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore import ConflictError, NotFoundError, Repository
from vstore.faces import internals
from vstore.history.merge_base import merge_bases
from vstore.writing import committing

SPEC = {"n": vstore.ndarray((), "int64"), "m": vstore.ndarray((), "int64")}
"""`n` is another number in every sample and never changes; `m` does."""

Samples = dict[int, int]


@pytest.fixture
def repo() -> Repository:
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", SPEC)
        tx.create_table("other", SPEC)
    append(repo, "main", 0, 1)
    repo.branches.create("side", at="main")
    return repo


def append(repo: Repository, branch: str, *numbers: int, table: str = "t") -> None:
    with repo.transaction(branch, message=f"Add {numbers}") as tx:
        values = np.array(numbers, "int64")
        tx[table].extend({"n": values, "m": np.zeros_like(values)})


def position(repo: Repository, branch: str, number: int) -> int:
    return int(np.flatnonzero(repo.checkout(branch)["t"]["n"][:] == number)[0])


def change(repo: Repository, branch: str, number: int, value: int) -> None:
    with repo.transaction(branch, message=f"Change {number}") as tx:
        tx["t"]["m"][position(repo, branch, number)] = value


def delete(repo: Repository, branch: str, number: int) -> None:
    with repo.transaction(branch, message=f"Delete {number}") as tx:
        tx["t"].delete([position(repo, branch, number)])


def samples(repo: Repository, revision: str) -> Samples:
    table = repo.checkout(revision)["t"]
    numbers = table["n"][:].tolist()
    assert len(set(numbers)) == len(numbers), f"doubled in {revision}: {numbers}"
    return dict(zip(numbers, table["m"][:].tolist(), strict=True))


@pytest.fixture
def merged(repo: Repository) -> Repository:
    """Both branches added samples; main holds those of side behind its own."""
    append(repo, "main", 10, 11, 12)
    append(repo, "side", 20, 21)
    repo.merge("side", into="main")
    assert list(samples(repo, "main")) == [0, 1, 10, 11, 12, 20, 21]
    return repo


def test_a_change_made_after_a_merge_reaches_its_sample(merged: Repository) -> None:
    change(merged, "side", 20, 7)
    merged.merge("side", into="main")
    assert samples(merged, "main") == {0: 0, 1: 0, 10: 0, 11: 0, 12: 0, 20: 7, 21: 0}


def test_a_deletion_made_after_a_merge_reaches_its_sample(merged: Repository) -> None:
    delete(merged, "side", 20)
    append(merged, "side", 22)
    merged.merge("side", into="main")
    assert list(samples(merged, "main")) == [0, 1, 10, 11, 12, 21, 22]


def test_both_change_one_sample_that_was_merged(merged: Repository) -> None:
    change(merged, "side", 20, 7)
    change(merged, "main", 20, 8)
    with pytest.raises(ConflictError) as caught:
        merged.merge("side", into="main")
    assert [conflict.sample for conflict in caught.value.conflicts] == [5]


def test_merging_back_and_on(merged: Repository) -> None:
    append(merged, "side", 22)
    merged.merge("main", into="side")
    assert list(samples(merged, "side")) == [0, 1, 20, 21, 22, 10, 11, 12]
    change(merged, "side", 11, 5)
    change(merged, "side", 22, 6)
    change(merged, "main", 12, 4)
    merged.merge("side", into="main")
    assert samples(merged, "main") == {0: 0, 1: 0, 10: 0, 11: 5, 12: 4, 20: 0, 21: 0, 22: 6}


def test_changes_beside_those_of_a_branch_that_was_forwarded(merged: Repository) -> None:
    """What main held when the transaction began has other rows in what it was moved to."""
    append(merged, "side", 22)
    with merged.transaction("main", message="Change 12") as tx:
        tx["t"]["m"][position(merged, "main", 12)] = 5
        merged.merge("main", into="side")
        merged.merge("side", into="main")
    expected = {0: 0, 1: 0, 10: 0, 11: 0, 12: 5, 20: 0, 21: 0, 22: 0}
    assert samples(merged, "main") == expected


def test_rows_of_a_reverted_addition_are_not_used_again(repo: Repository) -> None:
    append(repo, "main", 10)
    repo.branches.create("feature", at="main")
    change(repo, "feature", 10, 5)
    repo.revert("main", into="main")
    append(repo, "main", 11)
    assert samples(repo, "main") == {0: 0, 1: 0, 11: 0}
    with pytest.raises(ConflictError):
        repo.merge("feature", into="main")
    assert samples(repo, "main") == {0: 0, 1: 0, 11: 0}
    repo.merge("feature", into="main", resolve="theirs")
    assert samples(repo, "main") == {0: 0, 1: 0, 11: 0, 10: 5}


def test_a_table_is_not_taken_whole_where_its_rows_lie_elsewhere(repo: Repository) -> None:
    append(repo, "main", 10, 11)
    append(repo, "side", 20)
    repo.merge("main", into="side")
    repo.branches.create("feature", at="main")
    append(repo, "main", 1, table="other")
    repo.merge("side", into="main")
    assert list(samples(repo, "main")) == [0, 1, 10, 11, 20]
    change(repo, "feature", 10, 3)
    repo.merge("feature", into="main")
    assert samples(repo, "main") == {0: 0, 1: 0, 10: 3, 11: 0, 20: 0}


def test_rebase_follows_samples_that_it_moved(repo: Repository) -> None:
    append(repo, "main", 10, 11, 12)
    append(repo, "side", 20)
    change(repo, "side", 20, 7)
    append(repo, "side", 21)
    change(repo, "side", 20, 8)
    delete(repo, "side", 21)
    repo.rebase("side", onto="main")
    assert samples(repo, "side") == {0: 0, 1: 0, 10: 0, 11: 0, 12: 0, 20: 8}


def test_squashing_onto_a_commit_that_was_merged_keeps_its_rows(merged: Repository) -> None:
    append(merged, "side", 22)
    merged.merge("main", into="side")
    merged.squash("side", since="main", message="All of side")
    assert list(samples(merged, "side")) == [0, 1, 10, 11, 12, 20, 21, 22]


def test_a_picked_change_of_a_merged_sample_reaches_it(merged: Repository) -> None:
    change(merged, "side", 21, 9)
    merged.cherry_pick("side", into="main")
    assert samples(merged, "main")[21] == 9
    merged.revert("side", into="main")
    assert set(samples(merged, "main").values()) == {0}


def test_what_was_picked_is_another_sample(repo: Repository) -> None:
    append(repo, "main", 10, 11)
    append(repo, "side", 20)
    repo.cherry_pick("side", into="main")
    change(repo, "side", 20, 7)
    with pytest.raises(ConflictError):
        repo.cherry_pick("side", into="main")
    assert samples(repo, "main") == {0: 0, 1: 0, 10: 0, 11: 0, 20: 0}


def test_a_sample_that_both_sides_restored_is_one(repo: Repository) -> None:
    delete(repo, "main", 1)
    repo.branches.create("other", at="main")
    repo.revert("main", into="other")
    append(repo, "main", 10)
    repo.revert("main~1", into="main")
    repo.merge("other", into="main")
    assert samples(repo, "main") == {0: 0, 1: 0, 10: 0}


def test_the_diff_of_branches_names_the_samples_that_differ(merged: Repository) -> None:
    change(merged, "side", 20, 7)
    diff = merged.diff("side", "main").tables["t"]
    assert diff.added == [2, 3, 4]
    assert diff.changed == {"m": [5]}
    mirrored = merged.diff("main", "side").tables["t"]
    assert mirrored.changed == {"m": [2]}
    assert mirrored.removed == [2, 3, 4]


def messages(repo: Repository, number: int) -> list[str]:
    """Return what the commits say that touched a sample, newest first."""
    at = position(repo, "main", number)
    found = [commit.message for commit in repo.log("main", path="t", sample=at)]
    assert found[0] == repo.blame("t", at).message
    return found


def test_the_log_of_a_sample_follows_it(merged: Repository) -> None:
    change(merged, "side", 20, 7)
    change(merged, "main", 11, 8)
    merged.merge("side", into="main")
    assert messages(merged, 20) == ["Change 20", "Add (20, 21)"]
    assert messages(merged, 11) == ["Change 11", "Add (10, 11, 12)"]
    assert messages(merged, 1) == ["Add (0, 1)"]


def test_the_log_of_a_sample_counts_it_where_the_log_begins(merged: Repository) -> None:
    delete(merged, "main", 0)
    delete(merged, "main", 10)
    change(merged, "main", 12, 5)
    with merged.transaction("main", message="Compact") as tx:
        tx["t"].compact()
    assert messages(merged, 12) == ["Change 12", "Add (10, 11, 12)"]
    assert messages(merged, 21) == ["Add (20, 21)"]
    with pytest.raises(NotFoundError, match="has 5 samples"):
        merged.blame("t", 5)


def test_resolved_by_theirs_no_row_is_taken_for_another(merged: Repository) -> None:
    """Rows that history cannot follow: what is taken whole has nothing in common with ours."""
    merged.branches.create("feature", at="main")
    with merged.transaction("side", message="Compact") as tx:
        tx["t"].delete([0])
    delete(merged, "side", 20)
    with merged.transaction("side", message="Compact") as tx:
        tx["t"].compact()
    change(merged, "side", 21, 3)
    with pytest.raises(ConflictError, match="which samples are which"):
        merged.merge("side", into="main")
    merged.merge("side", into="main", resolve="theirs")
    assert samples(merged, "main") == {1: 0, 21: 3}
    change(merged, "feature", 1, 5)
    with pytest.raises(ConflictError, match="which samples are which"):
        merged.merge("feature", into="main")


def expected(base: Samples, ours: Samples, theirs: Samples) -> tuple[Samples, bool]:
    """Return the merge of what three commits hold, with ours in conflicts, and if there are any."""
    found, has_conflicts = {}, False
    for n in {**ours, **theirs}:
        before, mine, other = base.get(n), ours.get(n), theirs.get(n)
        value = mine if other == before else other
        if before not in (mine, other) and mine != other:
            value, has_conflicts = mine, True
        if value is not None:
            found[n] = value
    return found, has_conflicts


def base_of(repo: Repository, ours: str, theirs: str) -> Samples | None:
    """Return what the base of a merge holds, also where it is the merge of two; else None."""
    snapshots = repo.checkout(ours), repo.checkout(theirs)
    heads = [snapshot.commit.id for snapshot in snapshots]
    bases = sorted(merge_bases(heads[0], heads[1], internals(snapshots[0]).fetcher.commit))
    held = [samples(repo, base) for base in bases]
    if len(bases) == 1:
        return held[0]
    below = base_of(repo, bases[0], bases[1]) if len(bases) == 2 else None
    if below is None:
        return None
    kept = {n: settled(n, below, *held) for n in {**held[0], **held[1]}}
    return {n: value for n, value in kept.items() if value is not None}


def settled(n: int, base: Samples, ours: Samples, theirs: Samples) -> int | None:
    """Return what a sample is in the merge of two bases, where conflicts keep what was."""
    before, mine, other = base.get(n), ours.get(n), theirs.get(n)
    if other == before or mine == other:
        return mine
    return other if mine == before else before


def histories(seed: int) -> Iterator[tuple[str, str]]:
    """Yield what happens: an action, and which branch it happens on."""
    random_ = random.Random(seed)
    for _ in range(40):
        action = random_.choices(["append", "change", "delete", "merge"], [4, 4, 1, 4])[0]
        yield action, random_.choice(["main", "side", "third"])


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commits be made at times that are the same in every run, and so their digests."""
    seconds = count()

    class Any(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Clock(datetime, metaclass=Any):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls(2026, 1, 1, tzinfo=tz) + timedelta(seconds=next(seconds))

    monkeypatch.setattr(committing, "datetime", Clock)


@pytest.mark.parametrize("seed", range(12))
def test_any_history(ticks: None, repo: Repository, seed: int) -> None:
    random_ = random.Random(seed + 1000)
    repo.branches.create("third", at="main")
    fresh, merges = iter(range(100, 1000)), 0
    for action, branch in histories(seed):
        held = samples(repo, branch)
        if action == "append":
            append(repo, branch, *(next(fresh) for _ in range(random_.randint(1, 3))))
        elif action == "change":
            change(repo, branch, random_.choice(list(held)), next(fresh))
        elif action == "delete" and len(held) > 1:
            delete(repo, branch, random_.choice(list(held)))
        elif action == "merge":
            other = random_.choice([name for name in ("main", "side", "third") if name != branch])
            theirs = samples(repo, other)
            base = base_of(repo, branch, other)
            if base is None:
                continue
            wanted, has_conflicts = expected(base, held, theirs)
            try:
                repo.merge(other, into=branch)
                assert not has_conflicts
            except ConflictError as conflict:
                assert samples(repo, branch) == held
                repo.merge(other, into=branch, resolve="ours")
                is_unknown = "which samples are which" in str(conflict)
                assert has_conflicts or is_unknown
                wanted = held if is_unknown else wanted
            merges += 1
            assert samples(repo, branch) == wanted
    assert merges > 2
