"""A Hypothesis state machine: a repository and a model of it do the same, and hold the same."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import vstore
from tests.faults.audit import new_store, verify_all
from tests.faults.edits import SIDE, Edit, Edits
from tests.faults.model import ConflictedError, History, State, Table, merge
from vstore import Repository
from vstore.faces import internals
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions

AUTHOR = vstore.Author("Machine", "machine@example.org")
NOW = GcOptions(grace=timedelta(0), expire=timedelta(0))

small = st.integers(0, 3)
words = st.sampled_from(["", "a", "bb", "ü"])
seeds = st.integers(0, 2**31)


class RepositoryMachine(RuleBasedStateMachine):
    """Rules take a number and pick by it from what there is, so that few of them are in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.store = new_store()
        self.model = History()
        self.edits = Edits()

    @property
    def repository(self) -> Repository:
        """A new handle each time: nothing is known but what is stored."""
        return Repository(self.store, author=AUTHOR)

    @initialize()
    def begin(self) -> None:
        with self.repository.transaction("main", message="Start") as tx:
            array = tx.create_array("x", shape=(SIDE, SIDE), dtype="int64", chunk_shape=(2, 2))
            array[...] = 0
        made_now = internals(tx).commit_made
        assert made_now is not None
        cells = dict.fromkeys(product(range(SIDE), range(SIDE)), 0)
        self.model.add(made_now.id, (), State({}, cells))
        self.model.move("main", made_now.id)

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
        self.model.move(branch, made.id)
        assert made.parents == self.model.parents[made.id]
        self._check(made.id)

    def _refused(self, tx: Any) -> None:
        heads = dict(self.model.branches)
        with pytest.raises(vstore.ConflictError) as caught:
            tx.commit()
        assert caught.value.conflicts
        assert {name: self.repository.branches[name] for name in heads} == heads

    @rule(branch=small, number=seeds, word=words)
    def change(self, branch: int, number: int, word: str) -> None:
        self._commit(self._branch(branch), self.edits.any(number, word))

    @rule(branch=small, mine=seeds, others=st.lists(seeds, min_size=1, max_size=2), word=words)
    def race(self, branch: int, mine: int, others: list[int], word: str) -> None:
        rivals = [self.edits.any(number, "rival") for number in others]
        self._commit(self._branch(branch), self.edits.any(mine, word), *rivals)

    def _replayed(self, verb: Any, commit: str, into: str) -> Any:
        """Return the commit made, None where its changes are there already."""
        try:
            return verb(commit, into=into)
        except vstore.ConflictError as error:
            if error.conflicts:
                raise
            return None

    @precondition(lambda self: len(self.model.branches) < 4)
    @rule(at=seeds)
    def create_branch(self, at: int) -> None:
        name = f"b{next(self.edits.numbers)}"
        known = self.model.known()
        commit = known[at % len(known)]
        self.repository.branches.create(name, at=commit)
        self.model.move(name, commit)

    @precondition(lambda self: len(self.model.branches) > 1)
    @rule(number=small)
    def delete_branch(self, number: int) -> None:
        name = self._branch(number)
        if name != "main":
            self.repository.branches.delete(name, force=True)
            del self.model.branches[name]

    @rule(number=small)
    def rename_branch(self, number: int) -> None:
        name = self._branch(number)
        if name == "main":
            return
        new_name = f"b{next(self.edits.numbers)}"
        head = self.repository.branches.rename(name, new_name)
        assert self.model.branches.pop(name) == head
        self.model.branches[new_name] = head
        self.model.logs[new_name] = [head, *self.model.logs.pop(name)]

    @precondition(lambda self: self.model.logs.keys() - self.model.branches.keys())
    @rule(number=small)
    def undo_a_deletion(self, number: int) -> None:
        names = sorted(self.model.logs.keys() - self.model.branches.keys())
        name = names[number % len(names)]
        head = self.model.logs[name][0]
        assert self.repository.undo(name).id == head
        self.model.branches[name] = head
        self.model.logs[name].insert(0, head)

    @rule(number=small)
    def undo(self, number: int) -> None:
        name = self._branch(number)
        log = self.model.logs[name]
        if len(log) < 2 or log[1] not in self.model.states:
            with pytest.raises(vstore.VstoreError):
                self.repository.undo(name)
            return
        assert self.repository.undo(name).id == log[1]
        self.model.move(name, log[1])

    @rule(branch=small, at=seeds)
    def cherry_pick(self, branch: int, at: int) -> None:
        self._replay(branch, at, is_revert=False)

    @rule(branch=small, at=seeds)
    def revert(self, branch: int, at: int) -> None:
        self._replay(branch, at, is_revert=True)

    def _replay(self, branch: int, at: int, *, is_revert: bool) -> None:
        """Do or undo a commit again; of tables without keys nobody knows which sample is meant."""
        known = [c for c in self.model.known() if len(self.model.parents[c]) == 1]
        if not known:
            return
        commit, into = known[at % len(known)], self._branch(branch)
        head = self.model.branches[into]
        states = [self.model.states[c] for c in (self.model.parents[commit][0], commit)]
        names = {name for state in states for name in state.tables}
        for name in names:
            old, new = (state.tables.get(name) for state in states)
            if old != new and not all(t is None or t.is_keyed for t in (old, new)):
                return
        base, theirs = states[::-1] if is_revert else states
        verb = self.repository.revert if is_revert else self.repository.cherry_pick
        ours = self.model.states[head]
        try:
            expected = merge(base, ours, theirs)
        except ConflictedError:
            with pytest.raises(vstore.ConflictError) as caught:
                verb(commit, into=into)
            assert caught.value.conflicts
            return
        made = self._replayed(verb, commit, into)
        if made is None:
            assert expected == ours
            return
        self.model.add(made.id, (head,), self._in_order(expected, made.id))
        self.model.move(into, made.id)
        self._check(made.id)

    def _in_order(self, state: State, commit: str) -> State:
        """Return a state with samples where a commit has them: a revert restores them in place."""
        snapshot: Any = self.repository.checkout(commit)
        for name, table in state.tables.items():
            if table.is_keyed and name in snapshot:
                found = snapshot[name].sample_keys().tolist()
                if set(found) == set(table.rows):
                    ordered = replace(table, rows={key: table.rows[key] for key in found})
                    state = state.with_table(name, ordered)
        return state

    @precondition(lambda self: len(self.model.branches) > 1)
    @rule(ours=small, theirs=small, keep_ours=st.booleans())
    def merge_branches(self, ours: int, theirs: int, *, keep_ours: bool) -> None:
        into, other = self._branch(ours), self._branch(theirs)
        heads = self.model.branches[into], self.model.branches[other]
        bases = self.model.bases(*heads)
        if len(bases) != 1:
            return
        base = bases.pop()
        keep_ours = keep_ours and _same_columns(*(self.model.states[c] for c in (base, *heads)))
        resolve: Any = "ours" if keep_ours else None
        if base in heads:
            merged = self.repository.merge(other, into=into, resolve=resolve)
            assert merged.kind == ("up-to-date" if base == heads[1] else "fast-forward")
            self.model.move(into, heads[0] if base == heads[1] else heads[1])
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
        self.model.move(into, merged.commit.id)
        self._check(merged.commit.id)

    def _merge_refused(self, into: str, other: str) -> None:
        preview = self.repository.merge(other, into=into, dry_run=True)
        with pytest.raises(vstore.ConflictError) as caught:
            self.repository.merge(other, into=into)
        assert len(caught.value.conflicts) == len(preview.unresolved) > 0
        assert self.repository.branches[into] == self.model.branches[into]

    @rule(at=seeds)
    def create_tag(self, at: int) -> None:
        name, known = f"v{next(self.edits.numbers)}", self.model.known()
        self.model.tags[name] = known[at % len(known)]
        self.repository.tags.create(name, at=self.model.tags[name])

    @precondition(lambda self: self.model.tags)
    @rule(number=small)
    def delete_tag(self, number: int) -> None:
        names = sorted(self.model.tags)
        name = names[number % len(names)]
        self.repository.tags.delete(name)
        self.model.deleted_tags[name] = self.model.tags.pop(name)

    @precondition(lambda self: self.model.deleted_tags)
    @rule(number=small)
    def undo_the_deletion_of_a_tag(self, number: int) -> None:
        names = sorted(self.model.deleted_tags)
        name = names[number % len(names)]
        self.model.tags[name] = self.model.deleted_tags.pop(name)
        assert self.repository.undo(name).id == self.model.tags[name]

    @rule()
    def collect_garbage(self) -> None:
        collect(self.store, NOW)
        for commit in self.model.forget_unnamed():
            with pytest.raises(vstore.NotFoundError):
                self.repository.checkout(commit)
        verify_all(self.repository)

    @rule(at=seeds)
    def check_out(self, at: int) -> None:
        known = list(self.model.states)
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
        cells = snapshot["x"][...]
        assert {place: int(cells[place]) for place in state.cells} == state.cells
        for name, expected in state.tables.items():
            _check_table(snapshot[name], expected)


def _check_table(table: Any, expected: Table) -> None:
    columns = {name: [_plain(v) for v in column] for name, column in table.columns.items()}
    assert sorted(columns) == sorted(column.name for column in expected.columns.values())
    for column in expected.columns.values():
        assert not column.dtype or table[column.name].dtype == column.dtype
    rows = zip(*columns.values(), strict=True)
    assert [dict(zip(columns, row, strict=True)) for row in rows] == expected.values()
    assert table.attributes == expected.attributes
    if not expected.is_keyed:
        return
    assert table.sample_keys().tolist() == list(expected.rows)
    if expected.keys == "tuple":
        for first in {key[0] for key in expected.rows}:
            below = [key for key in expected.rows if key[0] == first]
            assert len(next(iter(table.loc[first].values()))) == len(below)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else int(value)


def _same_columns(*states: State) -> bool:
    """Tell whether no table has other columns in one state than in another."""
    names = {name for state in states for name in state.tables}
    return all(
        len({tuple(t.columns.items()) for state in states if (t := state.tables.get(name))}) == 1
        for name in names
    )
