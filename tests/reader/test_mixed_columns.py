"""Members of a mixture that have names, and columns that others have not."""

import json
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader, windows

A, B, C = 60, 40, 30


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    repo = new_repository()
    common = {"i": vstore.ndarray((), "int64", rows_per_chunk=8)}
    with repo.transaction("main", message="Add three tables") as tx:
        tx.create_table("a", common | {
            "image": vstore.ndarray((2, 2), "float32"),
            "text": vstore.text(),
            "score": vstore.ndarray((), "float32").as_optional(),
        }).extend({
            "i": range(A),
            "image": np.full((A, 2, 2), 1.5, "float32"),
            "text": [str(i) for i in range(A)],
            "score": [float(i) if i % 3 else None for i in range(A)],
        })  # fmt: skip
        tx.create_table("b", common | {
            "words": vstore.ndarray((None,), "int16"),
            "score": vstore.ndarray((), "float32"),
            "day": vstore.ndarray((), "M8[D]"),
        }).extend({
            "i": range(1000, 1000 + B),
            "words": [np.arange(i % 4) for i in range(B)],
            "score": np.arange(B, dtype="float32"),
            "day": np.full(B, "2024-05-17", "M8[D]"),
        })  # fmt: skip
        tx.create_table("c", common | {"image": vstore.ndarray((3,), "float32")}).extend(
            {"i": range(2000, 2000 + C), "image": np.zeros((C, 3), "float32")}
        )
    return {name: repo.checkout("main")[name] for name in "abc"}


ALL = ["i", "image", "image.valid", "score", "score.valid", "text", "text.valid"]
ALL += ["day", "day.valid", "words", "words.valid"]


def check(batch: dict[str, Any]) -> None:
    """Check every value of a batch with all columns."""
    assert list(batch) == ALL
    assert batch["image"].dtype == batch["score"].dtype == np.float32
    assert (batch["day"].dtype, batch["image"].shape[1:]) == (np.dtype("M8[D]"), (2, 2))
    assert isinstance(batch["text"], list)
    assert isinstance(batch["words"], list)
    for k, i in enumerate(batch["i"].tolist()):
        is_a = i < 1000
        assert batch["image.valid"][k] == batch["text.valid"][k] == is_a
        assert batch["words.valid"][k] == batch["day.valid"][k] == (not is_a)
        assert batch["score.valid"][k] == (i % 3 > 0 if is_a else True)
        assert (batch["image"][k] == (1.5 if is_a else 0)).all()
        assert batch["text"][k] == (str(i) if is_a else None)
        assert (batch["words"][k] is None) == is_a
        assert is_a or batch["words"][k].tolist() == list(range((i - 1000) % 4))
        assert np.isnat(batch["day"][k]) == is_a
        if batch["score.valid"][k]:
            assert batch["score"][k] == i % 1000


@pytest.mark.parametrize("batching", ["mixed", "per_member"])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_all_columns_in_every_batch(tables: Any, batching: Any, order: str) -> None:
    members = {name: tables[name] for name in order}
    mixture = Mixture(members, [2, 1], columns="all", batching=batching)
    seen = set()
    for batch in Reader(mixture, batch_size=6, shuffle=True):
        check({name: batch[name] for name in ALL})
        assert set(batch) == set(ALL)
        seen |= set(batch["i"].tolist())
    assert len(seen) > A // 2


def test_single_samples_have_the_same_form(tables: Any) -> None:
    mixture = Mixture([tables["a"], tables["b"]], columns="all")
    samples = list(Reader(mixture, batch_size=None, shuffle=True))
    assert sorted(sample["i"] for sample in samples) == [*range(A), *range(1000, 1000 + B)]
    for sample in samples:
        assert list(sample) == ALL
        assert (sample["text"] is None) == (sample["i"] >= 1000) == (not sample["text.valid"])


def test_shared_columns_only(tables: Any) -> None:
    mixture = Mixture([tables["a"], tables["b"]], columns="shared")
    for batch in Reader(mixture, batch_size=10, shuffle=True):
        assert list(batch) == ["i", "score", "score.valid"]
        assert (batch["score.valid"] == ((batch["i"] >= 1000) | (batch["i"] % 3 > 0))).all()
    named = Reader(mixture, ["i"], batch_size=10)
    assert list(next(iter(named))) == ["i"]
    with pytest.raises(vstore.NotFoundError, match="'text'"):
        Reader(mixture, ["text"], batch_size=10)


def test_a_choice_of_columns_in_the_order_of_the_user(tables: Any) -> None:
    mixture = Mixture([tables["a"], tables["b"]], columns="all")
    batch = next(iter(Reader(mixture, ["words", "i"], batch_size=10, rows=[None, None])))
    assert set(batch) == {"words", "words.valid", "i"}
    with pytest.raises(vstore.NotFoundError, match="'nothing'"):
        Reader(mixture, ["nothing"], batch_size=10)
    with pytest.raises(vstore.InvalidInputError, match="member 1 has no column to read"):
        Reader(mixture, ["text"], batch_size=10)


def test_missing_columns_pass_through_transforms_and_other_forms(tables: Any) -> None:
    members = [tables["a"], tables["b"]]
    mixture = Mixture(members, columns="all")
    upper: Any = {"text": lambda text: np.array([len(text)]), "words": lambda words: words + 1}
    for batch in Reader(mixture, batch_size=7, shuffle=True, transforms=upper):
        assert [each is None for each in batch["text"]] == (~batch["text.valid"]).tolist()
        assert [each is None for each in batch["words"]] == (~batch["words.valid"]).tolist()
    for batch in Reader(mixture, batch_size=7, shuffle=True, ragged="flat"):
        lengths = np.diff(batch["words.offsets"])
        assert lengths.tolist() == [(i - 1000) % 4 if i >= 1000 else 0 for i in batch["i"]]
        assert batch["words"].dtype == np.int16
    rows = [windows(np.zeros(n), offsets=[-1, 0]) for n in (A, B)]
    for batch in Reader(mixture, ["i", "text", "day"], batch_size=7, rows=rows):
        assert batch["day"].shape == batch["day.valid"].shape == (len(batch["i"]), 2)
        for i, text in zip(batch["i"], batch["text"], strict=True):
            assert text == ([str(n) for n in i] if i[0] < 1000 else [None, None])


def test_what_differs_in_more_is_refused(tables: Any) -> None:
    for which in ("shared", "all"):
        mixture = Mixture([tables["a"], tables["c"]], columns=which)
        with pytest.raises(vstore.InvalidInputError, match="'image' differ"):
            Reader(mixture, batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match=r"columns='shared'"):
        Reader(Mixture([tables["a"], tables["b"]]), batch_size=4)
    wrong: Any = "some"
    with pytest.raises(vstore.InvalidInputError, match="'same', 'shared' or 'all'"):
        Reader(Mixture([tables["a"]], columns=wrong), batch_size=4)


def test_members_have_names(tables: Any) -> None:
    members = {"first": tables["a"], "second": tables["b"]}
    mixture = Mixture(members, {"second": 1, "first": 3}, label="from", columns="shared")
    counts = {"first": 0, "second": 0}
    for batch in Reader(mixture, ["i"], batch_size=8, shuffle=True):
        assert batch["from"] == ["second" if i >= 1000 else "first" for i in batch["i"]]
        for name in batch["from"]:
            counts[name] += 1
    assert counts == {"first": 75, "second": 25}
    for sample in Reader(mixture, ["i"], batch_size=None):
        assert sample["from"] == ("second" if sample["i"] >= 1000 else "first")


def test_choices_by_name(tables: Any) -> None:
    members = {"first": tables["a"], "second": tables["b"]}
    mixture = Mixture(members, columns="shared")
    rows = {"second": slice(5)}
    found = [
        int(i) for batch in Reader(mixture, ["i"], batch_size=9, rows=rows) for i in batch["i"]
    ]
    assert sorted(found) == [*range(A), *range(1000, 1005)]
    with pytest.raises(vstore.InvalidInputError, match="'third', which is no member"):
        Reader(mixture, ["i"], batch_size=9, rows={"third": slice(5)})
    with pytest.raises(vstore.InvalidInputError, match="'third', which is no member"):
        Reader(Mixture(members, {"third": 1}, columns="shared"), ["i"], batch_size=9)
    left_out = Reader(Mixture(members, {"second": 1}, columns="shared"), ["i"], batch_size=9)
    assert {int(i) // 1000 for batch in left_out for i in batch["i"]} == {1}


def test_an_error_names_the_member(tables: Any) -> None:
    def strict(i: Any) -> Any:
        raise ValueError(f"not {i}")

    mixture = Mixture({"first": tables["a"]})
    with pytest.raises(ValueError, match="not") as caught:
        list(Reader(mixture, ["i"], batch_size=4, transforms={"i": strict}))
    assert "of the mixture's member 'first'" in caught.value.__notes__[0]


def test_states_do_not_depend_on_which_columns_are_read(tables: Any) -> None:
    def reader() -> Reader:
        mixture = Mixture([tables["a"], tables["b"]], [1, 1], columns="all")
        return Reader(mixture, batch_size=8, shuffle=True)

    running = reader()
    batches = iter(running)
    next(batches), next(batches)
    resumed = reader()
    resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
    assert [b["i"].tolist() for b in resumed] == [b["i"].tolist() for b in batches]
