"""A sample's part follows from its key alone, whatever else there is."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Reader, split


def made(name: str, keys: Any = None, samples: int = 500) -> tuple[Any, Any]:
    repo = vstore.create(f"memory://split-{name}")
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys=keys)
        named = {} if keys is None else {"keys": [_key(keys, i) for i in range(samples)]}
        table.extend({"x": np.arange(samples)}, **named)
    return repo, repo.checkout("main")["t"]


def _key(kind: str, i: int) -> Any:
    return {"int": 7 * i, "str": f"k{i}", "tuple": (f"k{i}", i)}[kind]


@pytest.mark.parametrize("keys", [None, "int", "str", "tuple"])
def test_parts_are_disjoint_and_whole_and_about_as_large_as_asked(keys: Any) -> None:
    _, table = made(f"whole-{keys}", keys)
    for shares in (0.8, [8, 1, 1], [1]):
        parts = split(table, shares, seed=3)
        assert sorted(np.concatenate(parts).tolist()) == list(range(500))
        assert all((np.diff(part) > 0).all() for part in parts)
        if shares != [1]:
            assert abs(len(parts[0]) - 400) < 35
    first, again, other = (split(table, 0.5, seed=seed)[0].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_sample_keeps_its_part_as_others_come_and_go() -> None:
    repo, table = made("growing", "str")
    before = {
        key: i for i, part in enumerate(split(table, [3, 1, 1])) for key in _keys(table, part)
    }
    with repo.transaction("main", message="Change") as tx:
        tx["t"].delete(keys=[f"k{i}" for i in range(0, 100, 3)])
        tx["t"].extend({"x": np.arange(50)}, keys=[f"new {i}" for i in range(50)])
    table = repo.checkout("main")["t"]
    after = {key: i for i, part in enumerate(split(table, [3, 1, 1])) for key in _keys(table, part)}
    assert all(after.get(key, i) == i for key, i in before.items())
    assert len(after) == 500 - 34 + 50


def _keys(table: Any, part: Any) -> list[str]:
    found: list[str] = table.sample_keys()[part].tolist()
    return found


def test_positions_keep_their_parts_as_a_table_grows() -> None:
    _, short = made("short", samples=300)
    _, long = made("long", samples=500)
    for one, other in zip(split(short, [2, 1]), split(long, [2, 1]), strict=True):
        assert one.tolist() == [i for i in other.tolist() if i < 300]


@pytest.mark.parametrize(
    "values", [np.arange(300) // 10, [f"patient {i // 10}" for i in range(300)]]
)
def test_samples_of_one_value_stay_together(values: Any) -> None:
    parts = split(values, 0.7)
    kinds = [set(np.asarray(values)[part].tolist()) for part in parts]
    assert not kinds[0] & kinds[1]
    assert 10 < len(kinds[0]) < 30


def test_a_column_decides_as_its_values_do_and_parts_are_rows_of_a_reader() -> None:
    _, table = made("column", samples=90)
    parts = split(table["x"], 0.5)
    assert [part.tolist() for part in parts] == [p.tolist() for p in split(np.arange(90), 0.5)]
    (batch,) = Reader(table, batch_size=90, rows=parts[0])
    assert batch["x"].tolist() == parts[0].tolist()


def test_parts_are_cut_where_the_shares_say() -> None:
    halves = split(np.arange(400), [1, 1])
    quarters = split(np.arange(400), [1, 1, 1, 1])
    assert halves[0].tolist() == sorted([*quarters[0].tolist(), *quarters[1].tolist()])


@pytest.mark.parametrize("shares", [0.0, 1.0, 1.5, -0.5, [], [1, 0], [1, -1], ["a"], [np.nan], 2])
def test_shares_that_make_no_parts_are_refused(shares: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="shares are"):
        split([1, 2], shares)


def test_values_are_one_a_sample() -> None:
    with pytest.raises(vstore.InvalidInputError, match="one for each sample"):
        split([[1, 2]], 0.5)
    assert [part.tolist() for part in split([], 0.5)] == [[], []]
