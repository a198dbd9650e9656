"""The keys of samples, next to what batches have of them, on every path."""

import json
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader, windows

SAMPLES = 60
KEYS: dict[str, Any] = {
    "int": [7 * i for i in range(SAMPLES)],
    "str": [f"key {i}" for i in range(SAMPLES)],
    "tuple": [(f"patient {i // 7}", i) for i in range(SAMPLES)],
    "none": None,
}
KINDS: dict[str, Any] = {"int": "int", "str": "str", "tuple": "tuple", "none": None}


@pytest.fixture(scope="module")
def snapshot() -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Add samples") as tx:
        for name, keys in KEYS.items():
            spec = {
                "i": vstore.ndarray((), "int64", rows_per_chunk=8),
                "words": vstore.ndarray((None,), "int8").as_optional(),
            }
            made = tx.create_table(name, spec, keys=KINDS[name])
            words = [np.zeros(i % 3, "int8") if i % 5 else None for i in range(SAMPLES)]
            made.extend({"i": np.arange(SAMPLES), "words": words}, keys=keys)
    with repo.transaction("main", message="Delete some") as tx:
        for name, keys in KEYS.items():
            if keys is not None:
                tx[name].delete(keys=[keys[3], keys[17]])
    return repo.checkout("main")


def key_of(kind: str, i: int) -> Any:
    return i if KEYS[kind] is None else KEYS[kind][i]


def check(kind: str, batches: Any) -> int:
    """Check the keys of batches; return of how many samples."""
    seen = 0
    for batch in batches:
        wanted = [key_of(kind, i) for i in batch["i"]]
        if kind in ("int", "none"):
            assert batch["key"].dtype == np.int64
            assert batch["key"].tolist() == wanted
        else:
            assert batch["key"] == wanted
        seen += len(wanted)
    return seen


OPTIONS: list[dict[str, Any]] = [
    {},
    {"shuffle": True, "window": 16},
    {"shuffle": "full", "memory_nbytes": 1},
    {"shuffle": True, "rank": 1, "world_size": 2},
    {"rows": slice(50, 4, -3)},
    {"rows": [5, 5, 9]},
    {"shuffle": True, "weights": np.arange(SAMPLES - 2)},
    {"ragged": "flat"},
    {"transforms": {"i": lambda i: i}},
    {"transforms": lambda sample: sample, "ragged": {"words": "list"}},
]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_each_sample_has_its_key(snapshot: Any, kind: str, options: dict[str, Any]) -> None:
    if kind == "none" and "weights" in options:
        options = options | {"weights": np.arange(SAMPLES)}
    made = Reader(snapshot[kind], batch_size=7, key_label="key", **options)
    assert check(kind, made) == len(made.order(0))


@pytest.mark.parametrize("kind", KEYS)
def test_single_samples_and_tuples_have_it_too(snapshot: Any, kind: str) -> None:
    for sample in Reader(snapshot[kind], batch_size=None, key_label="key", shuffle=True):
        assert sample["key"] == key_of(kind, sample["i"])
    for i, key in Reader(snapshot[kind], ["i"], batch_size=4, key_label="key", collate="tuple"):
        assert list(key) == [key_of(kind, each) for each in i]


@pytest.mark.parametrize("kind", KEYS)
def test_windows_have_the_keys_of_their_rows(snapshot: Any, kind: str) -> None:
    rows = windows(np.arange(len(snapshot[kind])) // 9, offsets=[-1, 0])
    for batch in Reader(snapshot[kind], ["i"], batch_size=5, rows=rows, key_label="key"):
        wanted = [[key_of(kind, i) for i in window] for window in batch["i"]]
        assert [list(each) for each in batch["key"]] == wanted


def test_keys_decide_on_nothing(snapshot: Any) -> None:
    table = snapshot["str"]
    options: dict[str, Any] = {"batch_size": 8, "shuffle": True, "window": 24}
    with_keys = Reader(table, ["i"], key_label="key", **options)
    without = Reader(table, ["i"], **options)
    assert with_keys.order(3).tolist() == without.order(3).tolist()
    batches = iter(without)
    next(batches), next(batches)
    with_keys.load_state_dict(json.loads(json.dumps(without.state_dict())))
    assert [b["i"].tolist() for b in with_keys] == [b["i"].tolist() for b in batches]


def test_columns_of_several_tables_have_the_keys_of_the_first(snapshot: Any) -> None:
    repo = vstore.create("memory://keys-of-two")
    with repo.transaction("main", message="Add") as tx:
        for name, order in (("a", "xyz"), ("b", "zyx")):
            made = tx.create_table(name, {name: vstore.text()}, keys="str")
            made.extend({name: [name + key for key in order]}, keys=list(order))
    found = repo.checkout("main")
    (batch,) = Reader([found["b"]["b"], found["a"]["a"]], batch_size=3, key_label="key")
    assert batch == {"b": ["bz", "by", "bx"], "a": ["az", "ay", "ax"], "key": ["z", "y", "x"]}


def test_a_choice_by_keys(snapshot: Any) -> None:
    chosen = Reader(
        snapshot["tuple"], ["i"], batch_size=50,
        rows=lambda c: [key[0] == "patient 2" for key in c.sample_keys()], key_label="key",
    )  # fmt: skip
    (batch,) = chosen
    assert batch["i"].tolist() == [14, 15, 16, 18, 19, 20]
    assert batch["key"][0] == ("patient 2", 14)
    last = Reader(snapshot["none"], ["i"], batch_size=9, rows=lambda c: c.sample_keys() > 57)
    assert next(iter(last))["i"].tolist() == [58, 59]


def test_a_mixture_has_the_keys_of_its_members(snapshot: Any) -> None:
    table = snapshot["str"]
    mixed = Mixture([table, table], weights=[3, 1], label="source")
    made = Reader(mixed, batch_size=9, shuffle=True, key_label="key")
    assert check("str", made) == 2 * (SAMPLES - 2)
    assert list(next(iter(made))) == ["i", "words", "words.valid", "key", "source"]
    with pytest.raises(vstore.InvalidInputError, match="keys of one kind"):
        Reader(Mixture([table, snapshot["none"]]), batch_size=9, key_label="key")
    with pytest.raises(vstore.InvalidInputError, match="label"):
        Reader(Mixture([table], label="key"), batch_size=9, key_label="key")


def test_a_name_that_is_taken_or_none_is_refused(snapshot: Any) -> None:
    for taken in ("i", "words.valid"):
        with pytest.raises(vstore.InvalidInputError) as caught:
            Reader(snapshot["str"], batch_size=2, key_label=taken)
        assert caught.value.code == "name-taken"
    wrong: Any = True
    for name in ("", wrong):
        with pytest.raises(vstore.InvalidInputError, match="key_label is the name"):
            Reader(snapshot["str"], batch_size=2, key_label=name)


def test_a_table_without_samples_has_no_keys() -> None:
    repo = vstore.create("memory://keys-of-none")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"i": vstore.ndarray((), "int64")}, keys="str")
    assert list(Reader(repo.checkout("main")["t"], batch_size=2, key_label="key")) == []
