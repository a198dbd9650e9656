"""Random histories of every kind of change: no sample gets what is another's, none is lost."""

import random
from collections import Counter
from contextlib import suppress
from itertools import count
from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore import ConflictError, InvalidInputError, NotFoundError, Repository

SPEC = {
    "n": vstore.ndarray((), "int64", rows_per_chunk=4),
    "m": vstore.ndarray((), "int64", rows_per_chunk=4),
}
"""`n` is another number in every sample and never changes; `m` gets a new number each time."""

Pairs = list[tuple[int, int]]
BRANCHES = ("main", "side", "third")


class Histories:
    """Three branches of a table without keys, and what happens to them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.numbers = count(100)
        self.copies = False
        """Whether samples may have been made again: what is replayed elsewhere is its own."""
        self.repo: Repository = vstore.create(f"memory://{uuid4().hex}", author="Ann <a@b.c>")
        with self.repo.transaction("main", message="Start") as tx:
            tx.create_table("t", SPEC).extend({"n": [0, 1, 2], "m": [0, 0, 0]})
        for name in BRANCHES[1:]:
            self.repo.branches.create(name, at="main")

    def pairs(self, branch: str) -> Pairs:
        table = self.repo.checkout(branch)["t"]
        return list(zip(table["n"][:].tolist(), table["m"][:].tolist(), strict=True))

    def other(self, branch: str) -> str:
        return self.chance.choice([name for name in BRANCHES if name != branch])

    def append(self, branch: str) -> None:
        fresh = [next(self.numbers) for _ in range(self.chance.randint(1, 3))]
        with self.repo.transaction(branch, message=f"Add {fresh}") as tx:
            tx["t"].extend({"n": fresh, "m": np.zeros(len(fresh), "int64")})

    def change(self, branch: str) -> None:
        held = self.pairs(branch)
        at, value = self.chance.randrange(len(held)), next(self.numbers)
        with self.repo.transaction(branch, message=f"Change {held[at]}") as tx:
            tx["t"]["m"][at] = value
        held[at] = held[at][0], value
        assert self.pairs(branch) == held

    def delete(self, branch: str) -> None:
        held = self.pairs(branch)
        if len(held) > 2:
            at = self.chance.randrange(len(held))
            with self.repo.transaction(branch, message=f"Delete {held[at]}") as tx:
                tx["t"].delete([at])

    def compact(self, branch: str) -> None:
        held = self.pairs(branch)
        with self.repo.transaction(branch, message="Compact") as tx:
            tx["t"].compact()
        assert self.pairs(branch) == held

    def change_something_else(self, branch: str) -> None:
        with self.repo.transaction(branch, message="Else") as tx:
            if "other" not in tx:
                tx.create_table("other", SPEC)
            tx["other"].extend({"n": [1], "m": [1]})

    def revert(self, branch: str) -> None:
        self.copies = True
        if self.repo.checkout(branch).commit.message != "Start":
            self.repo.revert(branch, into=branch, parent=1)

    def cherry_pick(self, branch: str) -> None:
        self.copies = True
        other = self.other(branch)
        if len(self.repo.checkout(other).commit.parents) == 1:
            self.repo.cherry_pick(other, into=branch)

    def rebase(self, branch: str) -> None:
        self.copies = True
        self.repo.rebase(branch, onto=self.other(branch))

    def squash(self, branch: str) -> None:
        self.copies = True
        held = self.pairs(branch)
        self.repo.squash(branch, since=self.other(branch), message="Squash")
        assert sorted(self.pairs(branch)) == sorted(held)

    def undo(self, branch: str) -> None:
        self.repo.undo(branch)

    def merge(self, branch: str) -> None:
        other = self.other(branch)
        ours, theirs = self.pairs(branch), self.pairs(other)
        resolve = self.chance.choice([None, "ours", "theirs"])
        self.repo.merge(other, into=branch, resolve=resolve)  # type: ignore[arg-type]
        found = self.pairs(branch)
        assert set(found) <= {*ours, *theirs}
        if resolve is None:
            assert {n for n, _ in ours} & {n for n, _ in theirs} <= {n for n, _ in found}
        if not self.copies:
            assert max(Counter(n for n, _ in found).values()) == 1

    def step(self) -> None:
        """Let something happen; what is refused changes nothing."""
        often = [self.append, self.change, self.merge]
        at_times = [self.delete, self.revert]
        seldom = [self.compact, self.rebase, self.squash, self.undo, self.cherry_pick]
        seldom.append(self.change_something_else)
        act = self.chance.choice([*often * 5, *at_times * 2, *seldom])
        branch = self.chance.choice(BRANCHES)
        held = self.pairs(branch)
        try:
            act(branch)
        except (ConflictError, InvalidInputError, NotFoundError):
            assert self.pairs(branch) == held


@pytest.mark.parametrize("seed", range(12))
def test_no_sample_gets_what_is_anothers(seed: int) -> None:
    histories = Histories(seed)
    for _ in range(35):
        histories.step()
    repo = histories.repo
    assert repo.fsck().is_sound
    with suppress(KeyError):
        here = repo.diff("main", "side").tables["t"]
        there = repo.diff("side", "main").tables["t"]
        assert sorted(here.added) == sorted(there.removed)
        assert sorted(here.removed) == sorted(there.added)
