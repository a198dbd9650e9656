"""Changing what a table holds: columns, missing values, tuple keys, compaction."""

from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore import AlreadyExistsError, InvalidInputError, NotFoundError, Repository
from vstore.faces import internals


@pytest.fixture
def repo() -> Repository:
    """A repository with a keyed table `t` of six samples."""
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int16"), "word": vstore.text()}
        table = tx.create_table("t", columns, keys="str")
        table.extend({"n": np.arange(6), "word": [f"w{i}" for i in range(6)]}, keys=list("abcdef"))
    return repo


def test_a_column_added_to_a_full_table_holds_the_fill_value(repo: Repository) -> None:
    with repo.transaction("main", message="Add") as tx:
        tx["t"].add_column("score", vstore.ndarray((2,), "float32", fill_value=0.5))
        tx["t"].append({"n": 9, "word": "new", "score": [1, 2]}, key="g")
    table = repo.checkout("main")["t"]
    assert table["score"][:].tolist() == [[0.5, 0.5]] * 6 + [[1, 2]]
    diff = repo.diff("main~1", "main").tables["t"]
    assert (diff.added_columns, diff.added) == (["score"], ["g"])


def test_a_column_added_with_values_holds_them(repo: Repository) -> None:
    with repo.transaction("main", message="Add") as tx:
        tx["t"].delete(keys=["b"])
        tx["t"].add_column("path", vstore.ndarray((None,), "int8"), [[i] * i for i in range(5)])
    column = repo.checkout("main")["t"]["path"]
    assert [sample.tolist() for sample in column] == [[i] * i for i in range(5)]


def test_a_column_that_cannot_be_added_leaves_the_table_as_it_was(repo: Repository) -> None:
    with repo.transaction("main", message="Add") as tx:
        with pytest.raises(AlreadyExistsError, match="'n'"):
            tx["t"].add_column("n", vstore.text())
        with pytest.raises(InvalidInputError, match="2 values for 6 samples"):
            tx["t"].add_column("m", vstore.ndarray((), "int8"), [1, 2])
        with pytest.raises(InvalidInputError, match="reserved by vstore"):
            tx["t"].add_column("n.valid", vstore.text())
        assert list(tx["t"].columns) == ["n", "word"]
    assert internals(tx).commit_made is None


def test_dropping_and_renaming_touch_no_chunk(repo: Repository) -> None:
    with repo.transaction("main", message="Change") as tx:
        tx["t"].drop_column("word")
        tx["t"].rename_column("n", "number")
        with pytest.raises(NotFoundError, match="'word'"):
            tx["t"]["word"]
    snapshot = repo.checkout("main")
    assert list(snapshot["t"].columns) == ["number"]
    assert snapshot["t"].loc["c"] == {"number": 2}


def test_a_recreated_column_never_shows_old_samples(repo: Repository) -> None:
    with repo.transaction("main", message="Drop") as tx:
        tx["t"].drop_column("n")
    with repo.transaction("main", message="Again") as tx:
        tx["t"].add_column("n", vstore.ndarray((), "float64"))
    assert repo.checkout("main")["t"]["n"][:].tolist() == [0.0] * 6
    diff = repo.diff("main~2", "main").tables["t"]
    assert (diff.added_columns, diff.removed_columns) == (["n"], ["n"])


def test_casting_to_a_wider_type_keeps_values_and_refuses_a_narrower(repo: Repository) -> None:
    with repo.transaction("main", message="Cast") as tx:
        with pytest.raises(InvalidInputError, match="int8"):
            tx["t"].cast("n", "int8")
        tx["t"].cast("n", "int64")
        tx["t"]["n"][1] = 2**40
    column = repo.checkout("main")["t"]["n"]
    assert column.dtype == np.int64
    assert column[:].tolist() == [0, 2**40, 2, 3, 4, 5]


def test_compaction_frees_deleted_rows_and_keeps_every_sample(repo: Repository) -> None:
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["a", "d"])
    before = repo.checkout("main")["t"]
    with repo.transaction("main", message="Compact") as tx:
        assert tx["t"].compact() == 2
        assert tx["t"].compact() == 0
        tx["t"].append({"n": 7, "word": "x"}, key="g")
    after = repo.checkout("main")["t"]
    assert internals(after).rows.stored == 5
    assert after.sample_keys().tolist() == [*before.sample_keys().tolist(), "g"]
    assert after["n"][:4].tolist() == before["n"][:].tolist()
    assert repo.diff("main~1", "main").tables["t"].added == ["g"]
    assert repo.diff("main~1", "main").tables["t"].changed == {}


@pytest.fixture
def labels() -> Repository:
    """A repository with an unnamed table whose columns are optional but for the first."""
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        columns = {
            "x": vstore.ndarray((), "int8"),
            "label": vstore.ndarray((), "int64").as_optional(),
            "box": vstore.ndarray((4,), "float32").as_optional(),
            "note": vstore.text().as_optional(),
            "path": vstore.ndarray((None, 2), "int16").as_optional(),
        }
        table = tx.create_table("t", columns)
        table.extend({"x": [0, 1], "label": [5, None], "note": [None, ""]})
        table.append({"x": 2, "box": [1, 2, 3, 4], "path": [[1, 2]]})
    return repo


def test_missing_samples_read_as_masked_or_none(labels: Repository) -> None:
    table = labels.checkout("main")["t"]
    assert table["label"][:].tolist() == [5, None, None]
    assert table["label"][0] == 5
    assert table["label"][1] is None
    assert table["box"][:].mask.all(axis=1).tolist() == [True, True, False]
    assert table["note"][:].tolist() == [None, "", None]
    assert [None if s is None else s.tolist() for s in table["path"]] == [None, None, [[1, 2]]]


def test_a_missing_sample_is_filled_in_and_taken_out_again(labels: Repository) -> None:
    with labels.transaction("main", message="Label") as tx:
        tx["t"]["label"][1:] = [6, 7]
        tx["t"]["box"][0, 1:3] = 9
        tx["t"]["note"][1] = None
        tx["t"]["path"][:2] = None
    table = labels.checkout("main")["t"]
    assert table["label"][:].tolist() == [5, 6, 7]
    assert table["box"][0].tolist() == [0, 9, 9, 0]
    assert table["note"][:].tolist() == [None, None, None]
    changed = labels.diff("main~1", "main").tables["t"].changed
    assert changed == {"box": [0], "label": [1, 2], "note": [1]}


def test_labels_given_on_two_branches_merge(labels: Repository) -> None:
    labels.branches.create("side", at="main")
    for branch, position in (("main", 1), ("side", 2)):
        with labels.transaction(branch, message=branch) as tx:
            tx["t"]["label"][position] = position
    labels.merge("side", into="main")
    assert labels.checkout("main")["t"]["label"][:].tolist() == [5, 1, 2]


def test_what_is_not_optional_is_required(labels: Repository) -> None:
    with labels.transaction("main", message="Bad") as tx:
        with pytest.raises(InvalidInputError, match="no values for"):
            tx["t"].append({"label": 3})
        with pytest.raises(InvalidInputError, match="'x'"):
            tx["t"].append({"x": None})
    assert internals(tx).commit_made is None


@pytest.fixture
def scans() -> Repository:
    """A repository whose samples are scans of patients."""
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("scans", {"n": vstore.ndarray((), "int8")}, keys="tuple")
        table.extend({"n": [1, 2, 3]}, keys=[("p7", 0), ("p7", 1), ("p8", "ct")])
    return repo


def test_a_tuples_first_part_gives_all_its_subsamples(scans: Repository) -> None:
    table = scans.checkout("main")["scans"]
    assert table.sample_keys().tolist() == [("p7", 0), ("p7", 1), ("p8", "ct")]
    assert table.loc["p7"]["n"].tolist() == [1, 2]
    assert table.loc["p8", "ct"]["n"] == 3
    assert table.loc[[("p8", "ct"), ("p7", 0)]]["n"].tolist() == [3, 1]
    with pytest.raises(NotFoundError, match="p9"):
        table.loc["p9"]


def test_subsamples_added_on_two_branches_are_united(scans: Repository) -> None:
    scans.branches.create("side", at="main")
    for branch, key in (("main", ("p7", 2)), ("side", ("p7", "2"))):
        with scans.transaction(branch, message=branch) as tx:
            tx["scans"].append({"n": 9}, key=key)
    scans.merge("side", into="main")
    assert len(scans.checkout("main")["scans"].loc["p7"]["n"]) == 4
    assert scans.diff("main~1", "main").tables["scans"].added == [("p7", "2")]


def test_tuple_keys_are_checked(scans: Repository) -> None:
    with scans.transaction("main", message="Bad") as tx:
        for key in ("p7", (), ("p7", 1.5), ("p7", True), ("p7", 0)):
            with pytest.raises(InvalidInputError):
                tx["scans"].append({"n": 1}, key=key)
    assert internals(tx).commit_made is None
