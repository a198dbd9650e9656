"""`loc` is a mapping of keys to samples, of commits and of transactions."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table, counted, new_repository
from tests.writing.keyed_table import COLUMNS, samples, small_index
from vstore.reading import key_indexer

KEYS: dict[str | None, list[Any]] = {
    "str": [f"k{i}" for i in range(10)],
    "int": [7 * i - 20 for i in range(10)],
    "tuple": [(f"p{i // 4}", i) for i in range(10)],
    None: list(range(10)),
}
OTHERS: dict[str | None, Any] = {"str": "k10", "int": 3, "tuple": ("p0", 9), None: 10}


@pytest.fixture(params=["commit", "transaction", "changed transaction"])
def how(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=["scanned", "indexed"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_indexer, "BLOCK_ROWS", 3)
    if request.param == "indexed":
        small_index(monkeypatch)


@pytest.fixture(params=KEYS, ids=str)
def keys(request: pytest.FixtureRequest) -> str | None:
    found: str | None = request.param
    return found


@pytest.fixture
def table(how: str, index: None, keys: str | None) -> Iterator[Any]:
    """Ten samples, in a commit, in a transaction on it, or half of them added by one."""
    given = KEYS[keys] if keys else None
    if how != "changed transaction":
        repository, found = committed_table(COLUMNS, samples(10), keys=keys, sample_keys=given)
        tx = repository.transaction("main", message="Look")
        yield found if how == "commit" else tx["t"]
    else:
        half = given[:5] if given else None
        repository, _ = committed_table(COLUMNS, samples(5), keys=keys, sample_keys=half)
        tx = repository.transaction("main", message="Change")
        tx["t"].extend(samples(5, 5), keys=given[5:] if given else None)
        yield tx["t"]
    tx.discard()


def test_a_mapping_of_keys_to_samples(table: Any, keys: str | None) -> None:
    loc = table.loc
    assert isinstance(loc, Mapping)
    assert len(loc) == 10
    assert list(loc) == list(loc.keys()) == KEYS[keys]
    assert table.sample_keys().tolist() == KEYS[keys]
    assert [sample["text"] for sample in loc.values()] == samples(10)["text"]
    assert [(key, sample["x"][0]) for key, sample in loc.items()] == list(
        zip(KEYS[keys], range(10), strict=True)
    )
    assert {key: sample["text"] for key, sample in dict(loc).items()} == dict(
        zip(KEYS[keys], samples(10)["text"], strict=True)
    )


def test_a_key_leads_to_its_sample(table: Any, keys: str | None) -> None:
    for i, key in enumerate(KEYS[keys]):
        assert key in table.loc
        assert key in table.loc
        assert table.loc[key]["text"] == f"text {i}"
        assert table.loc.get(key)["x"].tolist() == [i] * 3
        assert table.position(key) == i
    wanted = [KEYS[keys][i] for i in (8, 2, 5)]
    assert table.loc[wanted]["text"].tolist() == ["text 8", "text 2", "text 5"]


def test_a_key_of_no_sample(table: Any, keys: str | None) -> None:
    other = OTHERS[keys]
    assert other not in table.loc
    assert table.loc.get(other) is None
    assert table.loc.get(other, 5) == 5
    assert (other, {}) not in table.loc.items()
    for wanted in (other, [KEYS[keys][0], other]):
        with pytest.raises(vstore.NotFoundError):
            table.loc[wanted]


def test_many_keys_are_asked_for_at_once(table: Any, keys: str | None) -> None:
    wanted = [KEYS[keys][7], OTHERS[keys], KEYS[keys][0]]
    assert table.has_key(wanted).tolist() == [True, False, True]
    assert [table.has_key(key) for key in wanted] == [True, False, True]
    assert [key in table.loc for key in wanted] == [True, False, True]
    assert table.has_key([]).tolist() == []
    if keys in ("int", None):
        assert table.has_key(np.array(wanted)).tolist() == [True, False, True]
    with pytest.raises(vstore.InvalidInputError):
        table.has_key([None])


@pytest.mark.parametrize("key", [None, 1.5, b"k1", True, (), {}])
def test_what_is_no_key_is_not_in_it(table: Any, key: Any) -> None:
    assert key not in table.loc
    assert table.loc.get(key) is None
    with pytest.raises(vstore.InvalidInputError):
        table.loc[key]


@pytest.mark.parametrize("keys", ["tuple"])
def test_what_begins_with_a_part_of_a_key(table: Any, keys: str) -> None:
    for part in ("p1", ("p1",)):
        assert table.loc[part]["text"].tolist() == [f"text {i}" for i in (4, 5, 6, 7)]
        assert table.loc.get(part)["x"].shape == (4, 3)
        assert part not in table.loc
    assert table.loc.get("p9") is None
    with pytest.raises(vstore.NotFoundError):
        table.loc["p9"]


@pytest.mark.parametrize("how", ["transaction", "changed transaction"])
def test_deleted_and_changed_samples(table: Any, keys: str | None) -> None:
    gone, kept = KEYS[keys][6], KEYS[keys][8]
    table.delete(6)
    table.loc[kept if keys else 7] = {"text": "changed"}
    assert len(table.loc) == 9
    if keys:
        assert gone not in table.loc
        assert list(table.loc) == [key for key in KEYS[keys] if key != gone]
    found = [sample["text"] for sample in table.loc.values()]
    assert found == [*(f"text {i}" for i in (0, 1, 2, 3, 4, 5, 7)), "changed", "text 9"]
    assert table[7]["text"] == "changed"


@pytest.mark.parametrize("how", ["transaction"])
@pytest.mark.parametrize("keys", ["str"])
def test_nothing_of_a_finished_transaction(table: Any, keys: str) -> None:
    repository = new_repository()
    tx = repository.transaction("main", message="Add")
    table = tx.create_table("t", COLUMNS, keys="str")
    loc = table.loc
    tx.discard()
    for use in (lambda: "k1" in loc, lambda: list(loc), lambda: loc.get("k1"), lambda: len(loc)):
        with pytest.raises(vstore.ClosedError):
            use()


def test_iterating_takes_a_request_for_many_samples() -> None:
    count = 20_000
    repository, _ = committed_table(
        {"n": vstore.ndarray((), "int64")},
        {"n": np.arange(count)},
        keys="str",
        sample_keys=[f"sample {i}" for i in range(count)],
    )
    fresh, store = counted(repository)
    table = fresh.checkout("main").table("t")
    store.reset()
    for number, (key, sample) in enumerate(table.loc.items()):
        assert key == f"sample {number}"
        assert sample["n"] == number
    assert len(store.requests) < 20
    store.reset()
    with fresh.transaction("main", message="Look") as tx:
        assert "sample 17" in tx.table("t").loc
        assert "sample x" not in tx.table("t").loc
    assert len(store.requests) < 8


def test_the_history_of_a_sample_that_never_was() -> None:
    repository, _ = committed_table(COLUMNS, samples(3), keys="str", sample_keys=["a", "b", "c"])
    with repository.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["a"])
    assert next(repository.log(path="t", sample="a")).message == "Delete"
    for path, key in (("t", "z"), ("t/text", "z"), ("nowhere", "a")):
        with pytest.raises(vstore.NotFoundError):
            list(repository.log(path=path, sample=key))
        with pytest.raises(vstore.NotFoundError):
            repository.blame(path, key)
