"""The index of keys: against a dict, whatever was done, and against what does not belong in it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import vstore
from tests.format.second_encoder import buckets
from tests.repositories import new_repository, table_of
from tests.writing.keyed_table import small_index
from vstore.faces import internals
from vstore.format.table import key_index
from vstore.format.table.names import KEY_INDEX, KEYS
from vstore.reading.array import read

X = {"x": vstore.ndarray((), "int64", rows_per_chunk=4)}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_index(monkeypatch)


def stored_index(table: vstore.Table) -> list[bytes] | None:
    source = internals(table).find_source(KEY_INDEX)
    return None if source is None else read(source, slice(None)).tolist()


def assert_index_follows(table: vstore.Table) -> None:
    """Check that the index is what the stored keys alone make it."""
    rows, kind = internals(table).rows.stored, table.key_kind
    if rows <= key_index.FEWEST_ROWS:
        assert stored_index(table) is None
        return
    source: Any = internals(table).find_source(KEYS)
    step = source.metadata.chunk_shape[0]
    names = [(key, row // step) for row, key in enumerate(read(source, slice(None)).tolist())]
    expected = buckets(names, rows, str(kind), rows_per_bucket=key_index.ROWS_PER_BUCKET)
    assert stored_index(table) == expected


MAKE: dict[str, Any] = {
    "int": lambda i: i * 7 - 40,
    "str": lambda i: f"img-{i // 3:02}.{i % 3}" if i % 5 else f"clé {i}",
    "tuple": lambda i: (f"p{i // 4}", i % 4) if i % 7 else (i,),
}

NUMBERS = st.lists(st.integers(0, 40), max_size=12, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "delete", "replace", "merge"]), NUMBERS),
        st.tuples(st.sampled_from(["compact", "flush", "commit", "abort"]), st.just([])),
    ),
    max_size=14,
)


EMPTIES_A_BUCKET = ("merge", [0, 16, 19, 4, 5, 2, 6])


class Model:
    """A table `t` of a repository, and a dict of what it should hold, in order."""

    def __init__(self, kind: Any) -> None:
        self.key = MAKE[kind]
        self.repository = new_repository()
        with self.repository.transaction("main", message="Create") as tx:
            tx.create_table("t", X, keys=kind)
        self.held: dict[int, int] = {}
        self.before: dict[int, int] = {}
        self.count = 0
        self.begin()

    def begin(self) -> None:
        self.tx = self.repository.transaction("main", message="Step")
        self.before = dict(self.held)

    def add(self, numbers: list[int], table: Any = None) -> None:
        fresh = [number for number in numbers if number not in self.held]
        taken = [number for number in numbers if number in self.held]
        table = self.tx["t"] if table is None else table
        if taken:
            with pytest.raises(vstore.InvalidInputError, match="already"):
                table.extend({"x": [0] * len(taken)}, keys=[self.key(i) for i in taken])
        values = [self.count + i for i in range(len(fresh))]
        table.extend({"x": values}, keys=[self.key(i) for i in fresh])
        self.held |= dict(zip(fresh, values, strict=True))
        self.count += len(fresh)

    def delete(self, numbers: list[int]) -> None:
        there = [number for number in numbers if number in self.held]
        self.tx["t"].delete(keys=[self.key(i) for i in there])
        for number in there:
            del self.held[number]
        for number in set(numbers) - set(there):
            with pytest.raises(vstore.NotFoundError):
                self.tx["t"].delete(keys=[self.key(number)])

    def replace(self, numbers: list[int]) -> None:
        self.delete(numbers)
        self.add(numbers)

    def merge(self, numbers: list[int]) -> None:
        """Commit, and merge what another branch added to what is added here."""
        self.commit([])
        self.repository.branches.create("side", at="main")
        with self.repository.transaction("side", message="Side") as tx:
            held = dict(self.held)
            self.add(numbers[::2], tx["t"])
            self.held, theirs = held, {n: self.held[n] for n in self.held.keys() - held.keys()}
        self.tx.discard()
        self.begin()
        self.add([number for number in numbers[1::2] if number not in theirs])
        self.commit([])
        self.repository.merge("side", into="main")
        self.held |= {number: theirs[number] for number in numbers if number in theirs}
        self.repository.branches.delete("side", force=True)
        self.tx.discard()
        self.begin()

    def compact(self, _: list[int]) -> None:
        self.tx["t"].compact()

    def flush(self, _: list[int]) -> None:
        internals(self.tx["t"]).flush()

    def commit(self, _: list[int]) -> None:
        self.tx.commit()
        self.begin()
        self.check(table_of(self.repository))

    def abort(self, _: list[int]) -> None:
        self.tx.discard()
        self.held = dict(self.before)
        self.begin()

    def check(self, table: vstore.Table) -> None:
        assert_index_follows(table)
        assert table.sample_keys().tolist() == [self.key(number) for number in self.held]
        for number in range(41):
            assert (self.key(number) in table.loc) == (number in self.held)
        wanted = list(self.held)[::-1]
        if wanted:
            found = table.loc[[self.key(number) for number in wanted]]["x"]
            assert found.tolist() == [self.held[number] for number in wanted]
        if table.key_kind == "tuple":
            below = [self.held[n] for n in self.held if n % 7 and n // 4 == 2]
            if below:
                assert table.loc["p2"]["x"].tolist() == below


@pytest.mark.parametrize("kind", list(MAKE))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
@example([("add", [0, 1, 18, 22, 3]), ("replace", [0, 1, 15, 28, 34, 38]), EMPTIES_A_BUCKET])
def test_the_index_finds_what_a_dict_would(
    small: None, kind: str, steps: list[tuple[str, list[int]]]
) -> None:
    model = Model(kind)
    for name, numbers in steps:
        getattr(model, name)(numbers)
        for number in list(model.held)[:3]:
            assert model.tx["t"].loc[model.key(number)]["x"] == model.held[number]
    model.commit([])
    model.tx.discard()
