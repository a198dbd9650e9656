"""The history of samples: what each commit did, compared with what its states hold."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore

State = dict[tuple[Any, str], Any]

START = datetime(2126, 1, 1, tzinfo=UTC)


def state_of(repo: vstore.Repository, commit: str) -> State:
    """Return all cells of the table `t` in a commit."""
    snapshot = repo.checkout(commit)
    if "t" not in snapshot:
        return {}
    table = snapshot.table("t")
    return {
        (key, name): value
        for name, column in table.columns.items()
        for key, value in zip(table.sample_keys().tolist(), column[:].tolist(), strict=True)
    }


def expected(repo: vstore.Repository, commit: vstore.Commit) -> set[tuple[Any, ...]]:
    """Return the cells of a commit that differ from those of every parent, and how."""
    here = state_of(repo, commit.id)
    before = [state_of(repo, parent) for parent in commit.parents] or [{}]
    nothing = object()
    found = set()
    for cell in {*here, *before[0]}:
        new = here.get(cell, nothing)
        if all(old.get(cell, nothing) != new for old in before):
            old = before[0].get(cell, nothing)
            status = "added" if old is nothing else "removed" if new is nothing else "changed"
            sides = (None if each is nothing else each for each in (old, new))
            found.add((commit.id, *cell, status, *sides))
    return found


def told(history: vstore.History) -> list[tuple[Any, ...]]:
    return [
        (each.commit.id, each.key, each.column, each.status, each.old, each.new)
        for each in history
        if each.commit is not None
    ]


def scribble(repo: vstore.Repository, branch: str, rng: random.Random, keys: str | None) -> None:
    """Commit a random change of the table `t`."""
    with repo.transaction(branch, message="Scribble", allow_empty=True) as tx:
        table = tx["t"]
        for _ in range(rng.randint(1, 3)):
            verb = rng.choice(["set", "set", "set", "add", "delete"])
            names = table.sample_keys().tolist() if keys else list(range(len(table)))
            if verb == "add":
                sample = {"x": rng.randint(0, 9), "y": rng.randint(0, 9)}
                key = {"key": f"k{rng.randint(0, 30)}"} if keys else {}
                if not keys or key["key"] not in names:
                    table.append(sample, **key)
            elif verb == "delete" and len(names) > 1:
                table.delete(rng.randrange(len(names)))
            elif names:
                at = rng.randrange(len(names))
                table[rng.choice(["x", "y"])][at] = rng.randint(0, 9)


def make_repo(keys: str | None) -> vstore.Repository:
    repo = vstore.create(f"memory://{uuid4()}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Other") as tx:
        tx.create_array("z", shape=(3,), dtype="int8")[:] = 1
    with repo.transaction("main", message="Start") as tx:
        columns = {name: vstore.ndarray((), "int64", rows_per_chunk=4) for name in "xy"}
        table = tx.create_table("t", columns, keys=keys)  # type: ignore[arg-type]
        names = {"keys": [f"k{i}" for i in range(9)]} if keys else {}
        table.extend({"x": np.arange(9), "y": np.arange(9)}, **names)
    return repo


@pytest.mark.parametrize("seed", range(3))
def test_a_history_tells_what_differs_from_every_parent(seed: int) -> None:
    rng = random.Random(seed)
    repo = make_repo("str")
    repo.branches.create("side")
    for _ in range(12):
        verb = rng.choice(["main", "side", "merge", "back"])
        if verb == "merge":
            repo.merge("side", into="main", resolve=rng.choice(["ours", "theirs"]))
        elif verb == "back":
            repo.merge("main", into="side", resolve=lambda _: vstore.Use(77))
        else:
            scribble(repo, verb, rng, "str")
    found = told(repo.history("t"))
    assert len(found) == len(set(found))
    assert set(found) == {each for commit in repo.log() for each in expected(repo, commit)}
    assert told(repo.history("t/x")) == [each for each in found if each[2] == "x"]
    some = ["k1", "k2"]
    narrowed = [each for each in found if each[1] in some]
    assert told(repo.history("t", samples=some)) == narrowed
    assert told(repo.history("t", prefix="k1")) == [e for e in found if e[1].startswith("k1")]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("keys", ["str", None])
def test_blame_of_all_is_blame_of_each(seed: int, keys: str | None) -> None:
    rng = random.Random(seed)
    repo = make_repo(keys)
    repo.branches.create("side")
    for number in range(10):
        scribble(repo, rng.choice(["main", "side"]) if keys else "main", rng, keys)
        if keys and number % 4 == 3:
            repo.merge("side", into="main", resolve="theirs")
    for path in ("t", "t/x"):
        whole = repo.blame_all(path)
        each = {key: repo.blame(path, key).id for key in whole.keys()}  # noqa: SIM118
        assert {key: commit.id for key, commit in whole} == each
        key = next(iter(each))
        assert whole[key].id == each[key]
        assert [name for name, _ in repo.blame_all(path, samples=[key])] == [key]


class TestWithoutKeys:
    def test_samples_are_named_by_their_newest_position(self) -> None:
        repo = make_repo(None)
        with repo.transaction("main", message="Delete") as tx:
            tx["t"].delete([2, 4])
        with repo.transaction("main", message="Compact") as tx:
            tx["t"].compact()
        with repo.transaction("main", message="Set") as tx:
            tx["t"]["x"][2] = 50
        changes = list(repo.history("t/x", samples=[2]))
        assert [(each.status, each.old, each.new) for each in changes] == [
            ("changed", 3, 50),
            ("added", None, 3),
        ]
        gone = [each for each in repo.history("t/x") if each.status == "removed"]
        assert [(each.key, each.old) for each in gone] == [(None, 2), (None, 4)]

    def test_those_that_a_merge_brought_keep_their_names(self) -> None:
        repo = make_repo(None)
        repo.branches.create("side")
        for branch, value in (("main", 100), ("side", 200)):
            with repo.transaction(branch, message=branch) as tx:
                tx["t"].append({"x": value, "y": 0})
        merged = repo.merge("side", into="main").commit
        assert merged is not None
        table = repo.checkout("main").table("t")
        at = table["x"][:].tolist().index(200)
        (change,) = repo.history("t/x", samples=[at])
        assert change.commit is not None
        assert (change.commit.message, change.new, change.via) == ("side", 200, merged.id)

    def test_a_position_that_is_not_there_is_refused_at_once(self) -> None:
        repo = make_repo(None)
        with pytest.raises(vstore.NotFoundError, match="no sample 99"):
            repo.history("t", samples=[99])


def test_a_change_is_told_where_it_was_made_and_which_merge_brought_it() -> None:
    repo = make_repo("str")
    repo.branches.create("ben")
    repo.branches.create("cleo", at="ben")
    for branch, key in (("ben", "k1"), ("cleo", "k2"), ("main", "k3")):
        with repo.transaction(branch, message=f"By {branch}", author=branch) as tx:
            tx["t"].loc[key] = {"x": 50}
    repo.merge("cleo", into="ben")
    merge = repo.merge("ben", into="main").commit
    assert merge is not None
    found = {each.key: each for each in repo.history("t/x") if each.status == "changed"}
    who = {key: each.commit.author.name for key, each in found.items() if each.commit}
    assert who == {"k1": "ben", "k2": "cleo", "k3": "main"}
    assert {key: each.via for key, each in found.items()} == {
        "k1": merge.id,
        "k2": merge.id,
        "k3": None,
    }


def test_columns_and_tables_are_followed() -> None:
    repo = make_repo("str")
    with repo.transaction("main", message="Rename") as tx:
        tx["t"].rename_column("x", "points")
        tx.move("t", "trial")
    with repo.transaction("main", message="Cast") as tx:
        tx["trial"].cast("points", "float64")
    with repo.transaction("main", message="New") as tx:
        tx["trial"].add_column("note", vstore.text())
        tx["trial"].loc["k1"] = {"note": "hm"}
    changes = list(repo.history("trial", samples=["k1"], columns=["points", "note"]))
    assert [(each.path, each.column, each.old, each.new) for each in changes] == [
        ("trial", "note", None, "hm"),
        ("trial", "points", 1, 1.0),
        ("t", "x", None, 1),
    ]
    assert repo.blame_all("trial/points")["k1"].message == "Cast"


def test_since_a_revision_or_a_time() -> None:
    repo = make_repo("str")
    for day in range(4):
        with repo.transaction("main", message=f"{day}", time=START + timedelta(days=day)) as tx:
            tx["t"].loc["k1"] = {"x": 100 + day}
    commits = list(repo.log(limit=4))
    assert [each.new for each in repo.history("t", since=commits[2].id)] == [103, 102]
    assert [each.new for each in repo.history("t", since=commits[2].time)] == [103, 102]
    assert [each.new for each in repo.history("t", revision="main~2", since="main~3")] == [101]
    with pytest.raises(vstore.InvalidInputError, match="time zone"):
        repo.history("t", since=datetime(2126, 1, 1))  # noqa: DTZ001


def test_what_is_unknown_is_an_error() -> None:
    repo = make_repo("str")
    for path in ("nope", "t/nope"):
        with pytest.raises(vstore.NotFoundError):
            repo.history(path)
    with pytest.raises(vstore.InvalidInputError, match="neither a table nor a column"):
        repo.history("z")
    with pytest.raises(vstore.NotFoundError, match="column"):
        repo.history("t", columns=["nope"])
    with pytest.raises(vstore.InvalidInputError, match="list of keys"):
        repo.history("t", samples="k1")
    with pytest.raises(vstore.NotFoundError, match="no sample 'nope'"):
        list(repo.history("t", samples=["k1", "nope"]))
    with pytest.raises(vstore.NotFoundError, match="no sample 'zz'"):
        list(repo.history("t", prefix="zz"))
    with pytest.raises(vstore.NotFoundError, match="no sample 'nope'"):
        repo.blame_all("t", samples=["nope"])
    with pytest.raises(vstore.NotFoundError, match="no sample 'zz'"):
        repo.blame_all("t", prefix="zz")


def test_a_sample_that_is_gone_is_known_while_it_was_there() -> None:
    repo = make_repo("str")
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(1)
    changes = list(repo.history("t/x", samples=["k1"]))
    assert [(each.status, each.old, each.new) for each in changes] == [
        ("removed", 1, None),
        ("added", None, 1),
    ]


def test_beginnings_of_tuples() -> None:
    repo = vstore.create(f"memory://{uuid4()}")
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int8")}, keys="tuple")
        table.extend({"x": [1, 2, 3]}, keys=[("a", 1), ("a", 2), ("b", 1)])
    for ask in ({"samples": ["a"]}, {"samples": [("a",)]}, {"prefix": ("a",)}, {"prefix": "a"}):
        found = [each.key for each in repo.history("t", **ask)]
        assert found == [("a", 1), ("a", 2)]
        assert [key for key, _ in repo.blame_all("t", **ask)] == found


def test_values_of_every_kind() -> None:
    repo = vstore.create(f"memory://{uuid4()}")
    data = b"x" * 5000
    columns = {
        "word": vstore.text().as_optional(),
        "scan": vstore.ndarray((4, 4), "float32"),
        "file": vstore.bytes_(),
        "path": vstore.ndarray((None, 2), "int16"),
        "tags": vstore.texts(),
        "n": vstore.ndarray((), "int32").as_optional(),
    }
    scan = np.arange(16, dtype="float32").reshape(1, 4, 4)
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", columns, keys="int").extend(
            {
                "word": [None],
                "scan": scan,
                "file": [data],
                "path": [np.ones((3, 2), "int16")],
                "tags": [["a", "b"]],
                "n": [None],
            },
            keys=[7],
        )
    found = {each.column: each.new for each in repo.history("t")}
    assert found["word"] is None
    assert found["n"] is None
    assert found["tags"] == ["a", "b"]
    np.testing.assert_array_equal(found["scan"], scan[0])
    np.testing.assert_array_equal(found["path"], np.ones((3, 2)))
    assert isinstance(found["file"], vstore.ValueDigest)
    assert found["file"].nbytes == 5000
    small = {each.column: each.new for each in repo.history("t", digest_above=8)}
    assert small["scan"].nbytes == 64
    assert small["path"].nbytes == 12
    plain = {each.column: each.to_dict() for each in repo.history("t")}
    assert plain["scan"]["new"] == scan[0].tolist()
    assert plain["word"]["new"] is None
    assert "old" not in plain["word"]


def test_changes_of_a_diff() -> None:
    repo = make_repo("str")
    with repo.transaction("main", message="Change") as tx:
        tx["t"].loc["k1"] = {"x": 50}
        tx["t"].delete(2)
        tx["t"].append({"x": 8, "y": 9}, key="new")
    found = [
        (each.column, each.key, each.status, each.old, each.new)
        for each in repo.diff("main~1", "main").changes()
    ]
    assert sorted(found, key=str) == [
        ("x", "k1", "changed", 1, 50),
        ("x", "k2", "removed", 2, None),
        ("x", "new", "added", None, 8),
        ("y", "k2", "removed", 2, None),
        ("y", "new", "added", None, 9),
    ]


def test_as_an_arrow_stream() -> None:
    pa = pytest.importorskip("pyarrow")
    repo = make_repo("str")
    table = pa.table(repo.history("t", samples=["k1"]))
    assert table.to_pylist()[0]["key"] == '"k1"'
    assert table["new"].to_pylist() == ["1", "1"]
    assert table["commit"].to_pylist() == [repo.resolve("main")] * 2
    assert repo.history("t").to_arrow().num_rows == 18


def test_a_commit_that_did_not_touch_the_table_costs_no_chunk() -> None:
    repo = make_repo("str")
    for number in range(20):
        with repo.transaction("main", message="Elsewhere") as tx:
            tx["z"][0] = number + 5
    store = vstore.storage.CountingStore(repo.store)
    counted = vstore.Repository(store)
    assert len(list(counted.history("t"))) == 18
    whole = len(store.requests)
    times = [commit.time for commit in repo.log()]
    assert all(newer >= older for newer, older in pairwise(times))
    assert whole < 40
