"""What is stored, and the commit's hash, do not depend on how rows were cut into batches."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vstore
from tests.every_column import COUNT, TOGETHER, EveryColumn, group_id
from vstore.writing import appending, new_column, open_choices, packs

NUMBER = itertools.count()
TIME = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 60
SPECS = {
    "label": vstore.ndarray((), "int64"),
    "score": vstore.ndarray((3,), "float32", rows_per_chunk=4).as_optional(),
    "when": vstore.ndarray((), "datetime64[s]", rows_per_chunk=16).as_optional(),
    "points": vstore.ndarray((None, 2), "int16"),
    "raw": vstore.bytes_(codecs="none").as_optional(),
    "small": vstore.text(rows_per_chunk=8),
    "tags": vstore.texts().as_optional(),
    "word": vstore.text().as_optional(),
    "photo": vstore.image(),
    "level": vstore.ndarray((), "float64", codecs="small", rows_per_chunk=32),
}


def samples() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    return [
        {
            "label": i // 7,
            "score": None if i % 5 == 0 else rng.random(3).astype("float32"),
            "when": None
            if i % 11 == 3
            else np.datetime64("2026-01-01", "s") + np.timedelta64(i, "s"),
            "points": rng.integers(0, 9, (i % 6, 2)).astype("int16"),
            "raw": None if i % 4 == 1 else rng.bytes(int(rng.integers(0, 300))),
            "small": "x" * (i % 9),
            "tags": None if i % 7 == 2 else [f"tag {i % 3}"] * (i % 4),
            "word": None if i % 6 == 4 else f"word {i}" * (i % 3),
            "photo": np.full((2, 3, 3), i % 4, "uint8"),
            "level": i / 4,
        }
        for i in range(ROWS)
    ]


SAMPLES = samples()
KEYS: dict[str | None, list[Any]] = {
    None: [],
    "int": [i * 3 for i in range(ROWS)],
    "str": [f"key-{i}" for i in range(ROWS)],
    "tuple": [(f"p{i // 4}", i) for i in range(ROWS)],
}


def stored(
    specs: dict[str, vstore.ColumnSpec],
    rows: list[dict[str, Any]],
    cuts: Sequence[int],
    *,
    keys: str | None = None,
    singly: bool = False,
) -> tuple[str, set[str]]:
    """Return the commit and the packs of rows that are added in parts."""
    repo = vstore.create(f"memory://cuts-{next(NUMBER)}", author="A <a@example.org>")
    with repo.transaction("main", message="Add", time=TIME) as tx:
        table = tx.create_table("t", specs, keys=keys)  # type: ignore[arg-type]
        edges = [0, *cuts, len(rows)]
        for start, stop in itertools.pairwise(edges):
            given = KEYS[keys][start:stop] if keys else None
            part = rows[start:stop]
            if singly and stop - start == 1:
                one = {name: value for name, value in part[0].items() if value is not None}
                table.append(one, key=given[0] if given else None)
            elif part:
                # The order in which columns are given tells nothing either.
                names = sorted(specs, reverse=start % 2 == 1)
                table.extend({name: [row[name] for row in part] for name in names}, keys=given)
    found = {str(item.key) for item in repo.store.list_prefix("packs/")}
    return repo.checkout().commit.id, found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide, and close packs, after few rows."""
    monkeypatch.setattr(open_choices, "ENOUGH_SAMPLES", 9)
    monkeypatch.setattr(open_choices, "TYPICAL_NBYTES", 700)
    monkeypatch.setattr(packs, "PACK_NBYTES", 500)
    monkeypatch.setattr(packs, "OPEN_NBYTES", 1100)
    monkeypatch.setattr(new_column, "MAX_ROWS", 16)
    monkeypatch.setattr(appending, "MAX_KEYS", 8)


@pytest.mark.parametrize("keys", KEYS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=st.lists(st.integers(1, ROWS - 1), max_size=12, unique=True).map(sorted))
def test_cuts_change_nothing(small: None, keys: str | None, cuts: list[int]) -> None:
    whole = stored(SPECS, SAMPLES, [], keys=keys)
    assert len(whole[1]) > 2
    assert stored(SPECS, SAMPLES, cuts, keys=keys) == whole


@pytest.mark.parametrize("keys", KEYS)
def test_one_by_one_is_as_all_at_once(small: None, keys: str | None) -> None:
    whole = stored(SPECS, SAMPLES, [], keys=keys)
    assert stored(SPECS, SAMPLES, range(1, ROWS), keys=keys, singly=True) == whole


def test_cuts_change_nothing_at_the_usual_sizes() -> None:
    rng = np.random.default_rng(0)
    count = 3000
    specs = {"label": vstore.ndarray((), "int64"), "text": vstore.text(), "raw": vstore.bytes_()}
    rows = [
        {"label": i % 10, "text": f"line {i}", "raw": rng.bytes(int(rng.integers(4000)))}
        for i in range(count)
    ]
    whole = stored(specs, rows, [])
    for step in (7, 256, 1024, 1025):
        assert stored(specs, rows, range(step, count, step)) == whole


@pytest.mark.parametrize("optional", [False, True], ids=["all there", "optional"])
@pytest.mark.parametrize("group", TOGETHER, ids=group_id)
def test_cuts_change_nothing_in_any_column(group: list[EveryColumn], optional: bool) -> None:
    if not is_stored_alike(group, optional):
        assert [column.name for column in group if not is_stored_alike([column], optional)] == []
        pytest.fail("the columns differ together, and none of them alone")


def is_stored_alike(columns: list[EveryColumn], optional: bool) -> bool:
    values = {column.name: column.samples() for column in columns}
    if optional:
        for each in values.values():
            each[0] = each[3] = None
    specs = {
        column.name: column.spec.as_optional() if optional else column.spec for column in columns
    }
    rows = [{name: each[i] for name, each in values.items()} for i in range(COUNT)]
    whole = stored(specs, rows, [])
    others = (stored(specs, rows, range(1, COUNT)), stored(specs, rows, [3, 4], singly=True))
    return all(other == whole for other in others)


def test_what_is_read_in_between_changes_nothing() -> None:
    def written(look: bool) -> str:
        repo = vstore.create(f"memory://cuts-{next(NUMBER)}", author="A <a@example.org>")
        with repo.transaction("main", message="Add", time=TIME) as tx:
            table = tx.create_table("t", SPECS)
            for row in SAMPLES:
                if look:
                    assert len(table["label"][:]) == len(table)
                    assert len(list(table["word"])) == len(table)
                table.append({name: value for name, value in row.items() if value is not None})
        return repo.checkout().commit.id

    assert written(look=True) == written(look=False)
