"""What makes no sense is refused before anything is read, in words that say what to do."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Mixture, Reader

SAMPLES = 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "batch_size"),
        ({"batch_size": 0}, "batch_size is a whole number of 1 or more, not 0"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"batch_size": 4, "sampler": None}, "no option 'sampler'"),
        ({"batch_size": 4, "shuffle": "maybe"}, "'full', not 'maybe'"),
        ({"batch_size": 4, "shuffle": None}, "shuffle"),
        ({"batch_size": 4, "seed": None}, "seed"),
        ({"batch_size": 4, "seed": -1}, "seed"),
        ({"batch_size": 4, "window": 0}, "window"),
        ({"batch_size": 4, "window": 9, "window_nbytes": 9}, "give one of the two"),
        ({"batch_size": 4, "memory_nbytes": 0}, "memory_nbytes"),
        ({"batch_size": 4, "threads": 0}, "threads"),
        ({"batch_size": 4, "cache_dir": 5}, "cache_dir is a directory"),
        ({"batch_size": 4, "drop_last": "no"}, "drop_last"),
        ({"batch_size": 4, "rank": 2, "world_size": 2}, "rank 2 is not one of 2 ranks"),
        ({"batch_size": 4, "rank": -1, "world_size": 2}, "rank"),
        ({"batch_size": 4, "rank": 1}, "give both"),
        ({"batch_size": 4, "world_size": 2}, "give both"),
        ({"batch_size": 4, "rank": 0, "world_size": 301}, "fewer ranks"),
        ({"batch_size": 301, "drop_last": True}, "no whole batch"),
        ({"batch_size": 4, "rows": [1], "keys": ["a"]}, "give one of the two"),
        ({"batch_size": 4, "rows": [300]}, "300"),
        ({"batch_size": 4, "rows": [0.5]}, "indexed by"),
        ({"batch_size": 4, "rows": []}, "none of the 300 samples"),
        ({"batch_size": 4, "rows": slice(5, 5)}, "none of the 300 samples"),
        ({"batch_size": 4, "rows": lambda c: c["label"][:] < 0}, "none of the 300 samples"),
        ({"batch_size": 4, "rows": lambda c: np.ones(3, bool)}, "the mask has 3"),
        ({"batch_size": 4, "rows": lambda c: None}, "indexed by"),
        ({"batch_size": 4, "keys": []}, "none of the 300 samples"),
        ({"batch_size": 4, "keys": "key 1"}, "sequence of keys"),
        ({"batch_size": 4, "keys": [1]}, "strings"),
        ({"batch_size": 4, "transforms": {"nope": abs}}, "nope"),
        ({"batch_size": 4, "transforms": {"label": 3}}, "no function"),
        ({"batch_size": 4, "transforms": [abs]}, "transforms are functions"),
        ({"batch_size": 4, "collate": "list"}, "collate"),
        ({"batch_size": 4, "collate": None}, "collate"),
        ({"batch_size": 4, "ragged": "nested"}, "ragged is one of list, padded, flat here"),
    ],
)
def test_wrong_options_are_refused_with_their_names(
    table: vstore.Table, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(vstore.InvalidInputError, match=message):
        Reader(table, **options)


def test_whole_numbers_of_any_library_will_do(table: vstore.Table) -> None:
    reader = Reader(table, batch_size=np.int64(7), rank=np.int32(0), world_size=np.int8(1))  # type: ignore[arg-type]
    reader.set_epoch(np.int64(3))  # type: ignore[arg-type]
    assert len(next(iter(reader))["label"]) == 7


@pytest.mark.parametrize("epoch", [-1, "1", None, 1.5])
def test_an_epoch_is_a_whole_number(table: vstore.Table, epoch: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="epoch"):
        Reader(table, batch_size=4).set_epoch(epoch)


def test_what_is_not_there_is_named(table: vstore.Table) -> None:
    with pytest.raises(vstore.NotFoundError, match="'nope'\nHint: the columns are 'flag', 'image"):
        Reader(table, ["nope"], batch_size=4)
    with pytest.raises(vstore.NotFoundError, match="nope"):
        Reader(table, [["nope"]], batch_size=4)  # type: ignore[list-item]
    with pytest.raises(vstore.NotFoundError, match="'nope'\nHint: the columns are 'flag', 'image"):
        Reader(table, batch_size=4, rows=lambda c: c["nope"][:])
    with pytest.raises(vstore.NotFoundError, match="the key 'nope'"):
        Reader(table, batch_size=4, keys=["key 1", "nope"])


def test_only_columns_of_a_commit_can_be_read(repo: vstore.Repository, table: vstore.Table) -> None:
    nothing: list[Any] = [[], {}]
    for empty in nothing:
        with pytest.raises(vstore.InvalidInputError, match="no column"):
            Reader(empty, batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match="not a column"):
        Reader({"x": np.zeros(3)}, batch_size=4)
    for other in (repo.checkout("main"), repo, "train", np.zeros(3), None, 5):
        with pytest.raises(vstore.InvalidInputError, match="give a table"):
            Reader(other, batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match="more than once"):
        Reader(table, ["label", "label"], batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match="same name"):
        Reader([table["label"], table["label"]], batch_size=4)
    with repo.transaction("main", message="x") as tx:
        with pytest.raises(vstore.InvalidInputError):
            Reader([tx["train"]["label"]], batch_size=4)
        with pytest.raises(vstore.InvalidInputError, match="of a commit"):
            Reader(tx["train"], batch_size=4)


def test_tables_that_cannot_be_joined_say_how_they_could(repo: vstore.Repository) -> None:
    with repo.transaction("main", message="Add two tables") as tx:
        spec = {"other": vstore.ndarray((), "int64")}
        tx.create_table("some", spec, keys="str").extend(
            {"other": np.arange(3)}, keys=["key 5", "key 0", "elsewhere"]
        )
        tx.create_table("nameless", spec).extend({"other": np.arange(3)})
    snapshot = repo.checkout("main")
    label = snapshot["train"]["label"]
    with pytest.raises(
        vstore.NotFoundError,
        match=r"298 of the 300 keys [^\n]*\nHint: choose the keys that are in both with keys=",
    ):
        Reader([label, snapshot["some"]["other"]], batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match="equally long"):
        Reader([label, snapshot["nameless"]["other"]], batch_size=4)
    both = [key for key in snapshot["some"].sample_keys().tolist() if key in snapshot["train"].loc]
    reader = Reader([label, snapshot["some"]["other"]], batch_size=4, keys=both)
    batch = next(iter(reader))
    assert (batch["label"].tolist(), batch["other"].tolist()) == ([5, 0], [0, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 301}, "after 301 samples of an epoch that has 300"),
        ({"samples": -1}, "samples of a reader's state"),
        ({"samples": "3"}, "samples of a reader's state"),
        ({"workers": 0}, "workers"),
        ({"worker": 2, "workers": 2}, "worker 2 of 2"),
        ({"version": 99}, "does not read reader states of 99"),
        ({"seed": 8}, "seed=8"),
        ({"shuffle": "full"}, "shuffle='full'"),
        ({"data": "other"}, "other data"),
        ({"extra": 1}, "not a state"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(
    table: vstore.Table, change: dict[str, Any], message: str
) -> None:
    reader = Reader(table, ["label"], batch_size=8, shuffle=True)
    expected = [batch["label"].tolist() for batch in reader]
    reader.set_epoch(0)
    with pytest.raises(vstore.InvalidInputError, match=message):
        reader.load_state_dict({**reader.state_dict(), **change})
    assert [batch["label"].tolist() for batch in reader] == expected


@pytest.mark.parametrize("state", [None, {}, [], "x", {"version": 1}])
def test_what_is_no_state_is_refused(table: vstore.Table, state: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="not a state"):
        Reader(table, batch_size=8).load_state_dict(state)


def test_members_of_differing_kinds_are_refused(table: vstore.Table) -> None:
    members = [{"a": table["label"]}, {"a": table["text"]}]
    with pytest.raises(vstore.InvalidInputError, match="'a' differ"):
        Reader(Mixture(members), batch_size=8)
