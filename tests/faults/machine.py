"""A Hypothesis state machine: a repository and a model of it do the same, and hold the same."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count, product
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import vstore
from tests.faults.audit import new_store, verify_all
from tests.faults.model import ConflictedError, History, State, Table, merge
from vstore import Repository
from vstore.maintenance.collecting import GcOptions, collect

SIDE = 4
COLUMNS = {"n": vstore.ndarray((), "int64", rows_per_chunk=4), "s": vstore.text()}
AUTHOR = vstore.Author("Machine", "machine@example.org")
NOW = GcOptions(grace=timedelta(0), expire=timedelta(0))

small = st.integers(0, 3)
words = st.sampled_from(["", "a", "bb", "ü"])
seeds = st.integers(0, 2**31)
Edit = Callable[[Any, State], State]
"""Change a transaction, and return what the state should be then."""


class RepositoryMachine(RuleBasedStateMachine):
    """Rules take a number and pick by it from what there is, so that few of them are in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.store = new_store()
        self.model = History()
        self.numbers = count()

    @property
    def repository(self) -> Repository:
        """A new handle each time: nothing is known but what is stored."""
        return Repository(self.store, author=AUTHOR)

    @initialize()
    def begin(self) -> None:
        with self.repository.transaction("main", message="Start") as tx:
            array = tx.create_array("x", shape=(SIDE, SIDE), dtype="int64", chunk_shape=(2, 2))
            array[...] = 0
        assert tx.commit_made is not None
        cells = dict.fromkeys(product(range(SIDE), range(SIDE)), 0)
        self.model.add(tx.commit_made.id, (), State({}, cells))
        self.model.branches["main"] = tx.commit_made.id

    def _branch(self, number: int) -> str:
        names = sorted(self.model.branches)
        return names[number % len(names)]

    def _commit(self, branch: str, edit: Edit, *rivals: Edit) -> None:
        """Change a branch while others, who began later, change it first."""
        base = self.model.branches[branch]
        tx = self.repository.transaction(branch, message="Change")
        mine = edit(tx, self.model.states[base])
        for rival in rivals:
            self._commit(branch, rival)
        ours = self.model.states[self.model.branches[branch]]
        try:
            expected = merge(self.model.states[base], ours, mine) if ours is not mine else mine
        except ConflictedError:
            self._refused(tx)
            return
        made = tx.commit()
        if made is None:
            assert mine == self.model.states[base]
            return
        self.model.add(made.id, (self.model.branches[branch],), expected)
        self.model.branches[branch] = made.id
        assert made.parents == self.model.parents[made.id]
        self._check(made.id)

    def _refused(self, tx: Any) -> None:
        heads = dict(self.model.branches)
        with pytest.raises(vstore.ConflictError) as caught:
            tx.commit()
        assert caught.value.conflicts
        assert {name: self.repository.branches[name] for name in heads} == heads

    def _edit(self, number: int, word: str) -> Edit:
        """Return some change that suits whatever state it meets."""
        kind = number % 8
        if kind == 0:
            return self._creating(number // 8)
        if kind in (1, 2, 3):
            return self._extending(number // 8, word)
        if kind in (4, 5):
            return _assigning(number // 8, word)
        return _deleting(number // 8) if kind == 6 else _writing(number // 8)

    def _creating(self, number: int) -> Edit:
        name, is_keyed = f"t{next(self.numbers)}", number % 2 == 0

        def edit(tx: Any, state: State) -> State:
            tx.create_table(name, COLUMNS, keys="str" if is_keyed else None)
            return self._extending(number, "new", name)(tx, state.with_table(name, Table(is_keyed)))

        return edit

    def _extending(self, number: int, word: str, name: str | None = None) -> Edit:
        def edit(tx: Any, state: State) -> State:
            chosen = name or _pick(number, state)
            if chosen is None:
                return state
            table, rows = state.tables[chosen], [{"n": number % 5, "s": word}] * (number % 6 + 1)
            if table.is_keyed:
                names: list[Any] = [f"k{(number + i) % 7}" for i in range(len(rows))]
                fresh = [key for key in names if key not in table.rows]
                rows = [{"n": number % 3, "s": word}] * len(fresh)
                names, keys = fresh, fresh
            else:
                names, keys = [next(self.numbers) for _ in rows], None
            columns = {column: [row[column] for row in rows] for column in COLUMNS}
            tx[chosen].extend(columns, keys=keys)
            added = dict(zip(names, rows, strict=True))
            return state.with_table(chosen, Table(table.is_keyed, {**table.rows, **added}))

        return edit

    @rule(branch=small, number=seeds, word=words)
    def change(self, branch: int, number: int, word: str) -> None:
        self._commit(self._branch(branch), self._edit(number, word))

    @rule(branch=small, mine=seeds, others=st.lists(seeds, min_size=1, max_size=2), word=words)
    def race(self, branch: int, mine: int, others: list[int], word: str) -> None:
        rivals = [self._edit(number, "rival") for number in others]
        self._commit(self._branch(branch), self._edit(mine, word), *rivals)

    @precondition(lambda self: len(self.model.branches) < 4)
    @rule(at=seeds)
    def create_branch(self, at: int) -> None:
        name = f"b{next(self.numbers)}"
        known = sorted(self.model.named())
        commit = known[at % len(known)]
        self.repository.branches.create(name, at=commit)
        self.model.branches[name] = commit

    @precondition(lambda self: len(self.model.branches) > 1)
    @rule(number=small)
    def delete_branch(self, number: int) -> None:
        name = self._branch(number)
        if name != "main":
            self.repository.branches.delete(name, force=True)
            del self.model.branches[name]

    @precondition(lambda self: len(self.model.branches) > 1)
    @rule(ours=small, theirs=small, keep_ours=st.booleans())
    def merge_branches(self, ours: int, theirs: int, *, keep_ours: bool) -> None:
        into, other = self._branch(ours), self._branch(theirs)
        heads = self.model.branches[into], self.model.branches[other]
        bases = self.model.bases(*heads)
        if len(bases) != 1:
            return
        base = bases.pop()
        resolve: Any = "ours" if keep_ours else None
        if base in heads:
            merged = self.repository.merge(other, into=into, resolve=resolve)
            assert merged.kind == ("up-to-date" if base == heads[1] else "fast-forward")
            self.model.branches[into] = heads[0] if base == heads[1] else heads[1]
            return
        states = [self.model.states[commit] for commit in (base, *heads)]
        try:
            expected = merge(*states, keep_ours=keep_ours)
        except ConflictedError:
            self._merge_refused(into, other)
            return
        merged = self.repository.merge(other, into=into, resolve=resolve)
        assert merged.kind == "merge"
        assert merged.commit is not None
        self.model.add(merged.commit.id, heads, expected)
        self.model.branches[into] = merged.commit.id
        self._check(merged.commit.id)

    def _merge_refused(self, into: str, other: str) -> None:
        preview = self.repository.merge(other, into=into, dry_run=True)
        with pytest.raises(vstore.ConflictError) as caught:
            self.repository.merge(other, into=into)
        assert len(caught.value.conflicts) == len(preview.unresolved) > 0
        assert self.repository.branches[into] == self.model.branches[into]

    @rule(at=seeds)
    def create_tag(self, at: int) -> None:
        name, known = f"v{next(self.numbers)}", sorted(self.model.named())
        self.model.tags[name] = known[at % len(known)]
        self.repository.tags.create(name, at=self.model.tags[name])

    @precondition(lambda self: self.model.tags)
    @rule(number=small)
    def delete_tag(self, number: int) -> None:
        names = sorted(self.model.tags)
        name = names[number % len(names)]
        self.repository.tags.delete(name)
        del self.model.tags[name]

    @rule()
    def collect_garbage(self) -> None:
        collect(self.store, NOW)
        for commit in self.model.forget_unnamed():
            with pytest.raises(vstore.NotFoundError):
                self.repository.checkout(commit)
        verify_all(self.repository)

    @rule(at=seeds)
    def check_out(self, at: int) -> None:
        known = sorted(self.model.states)
        self._check(known[at % len(known)])

    @invariant()
    def refs_are_as_they_should(self) -> None:
        found = self.repository
        assert {name: found.branches[name] for name in found.branches} == self.model.branches
        assert {name: found.tags[name] for name in found.tags} == self.model.tags

    def _check(self, commit: str) -> None:
        snapshot: Any = self.repository.checkout(commit)
        state = self.model.states[commit]
        assert set(snapshot) == {"x", *state.tables}
        assert {place: int(snapshot["x"][...][place]) for place in state.cells} == state.cells
        for name, expected in state.tables.items():
            table = snapshot[name]
            found = [
                {"n": int(n), "s": s} for n, s in zip(table["n"][:], table["s"][:], strict=True)
            ]
            assert found == expected.values()
            if expected.is_keyed:
                assert table.keys().tolist() == list(expected.rows)


def _pick(number: int, state: State) -> str | None:
    names = sorted(state.tables)
    return names[number % len(names)] if names else None


def _assigning(number: int, word: str) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None or not state.tables[name].rows:
            return state
        table = state.tables[name]
        place = number // 7 % len(table.rows)
        key = list(table.rows)[place]
        column, value = (("n", number % 4), ("s", word))[number % 2]
        if table.is_keyed:
            tx[name].loc[key] = {column: value}
        else:
            tx[name][column][place] = value
        row = {**table.rows[key], column: value}
        return state.with_table(name, Table(table.is_keyed, {**table.rows, key: row}))

    return edit


def _deleting(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        name = _pick(number, state)
        if name is None:
            return state
        table = state.tables[name]
        if number % 5 == 0 or not table.rows:
            tx.delete(name)
            return state.with_table(name, None)
        key = list(table.rows)[number // 5 % len(table.rows)]
        if table.is_keyed:
            tx[name].delete(keys=[key])
        else:
            tx[name].delete(list(table.rows).index(key))
        rows = {other: row for other, row in table.rows.items() if other != key}
        return state.with_table(name, Table(table.is_keyed, rows))

    return edit


def _writing(number: int) -> Edit:
    def edit(tx: Any, state: State) -> State:
        row, start, value = number % SIDE, number // SIDE % SIDE, number % 5
        tx["x"][row, start:] = np.full(SIDE - start, value)
        cells = {**state.cells, **{(row, column): value for column in range(start, SIDE)}}
        return State(state.tables, cells)

    return edit
