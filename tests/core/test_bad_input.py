"""Every kind of bad input is refused with what was wrong and what to do, and changes nothing."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.core.repositories import committed_table, new_repository
from vstore import Repository

COLUMNS = {
    "x": vstore.ndarray((3,), "int64"),
    "r": vstore.ndarray((None, 2), "float32"),
    "s": vstore.text(),
    "b": vstore.bytes_(),
    "i": vstore.image(),
}


def batch(count: int) -> dict[str, Any]:
    return {
        "x": np.arange(3 * count).reshape(count, 3),
        "r": [np.zeros((i, 2), "float32") for i in range(count)],
        "s": [str(i) for i in range(count)],
        "b": [b"b"] * count,
        "i": [np.zeros((2, 2), "uint8")] * count,
    }


def numbered(cases: list[Any]) -> list[Any]:
    """Return the cases with ids that differ, though messages repeat."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), id=str(number))
        for number, case in enumerate(cases)
    ]


def state(repository: Repository) -> list[tuple[str, int]]:
    """Return what makes a repository what it is: refs and commits (a pack alone does not)."""
    listed = repository.store.list_prefix("")
    return [(i.key, i.nbytes) for i in listed if not i.key.startswith(("packs/", "index/"))]


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A repository with the int-keyed table `t` and the array `a`; unchanged in the end."""
    repository, _ = committed_table(COLUMNS, batch(4), keys="int", sample_keys=[3, 1, 4, 15])
    with repository.transaction("main", message="Add an array") as tx:
        tx.create_array("a", shape=(4, 5), dtype="float32")[:] = 1
    before = state(repository)
    yield repository
    assert state(repository) == before


Use = Callable[[vstore.Transaction], Any]


@pytest.mark.parametrize(
    ("use", "message"),
    numbered(
        [
            (lambda tx: tx["t"].extend(batch(1) | {"x": [[0.5] * 3]}, keys=[9]), "'x' holds int64"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [["a"] * 3]}, keys=[9]), "'x' holds int64"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [[1, 2]]}, keys=[9]), r"shape \(3,\)"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [[[1, 2, 3]]]}, keys=[9]), r"\(1, 3\)"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [1]}, keys=[9]), r"got \(\)"),
            (
                lambda tx: tx["t"].extend(batch(2) | {"x": [[1, 2, 3], [1]]}, keys=[8, 9]),
                "same shape",
            ),
            (lambda tx: tx["t"].extend(batch(1) | {"x": 5}, keys=[9]), "array or a list"),
            (
                lambda tx: tx["t"].extend(batch(1) | {"r": [np.zeros(2, "f4")]}, keys=[9]),
                "'r' holds",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"r": [np.zeros((1, 3))]}, keys=[9]),
                "'r' holds",
            ),
            (lambda tx: tx["t"].extend(batch(1) | {"r": [["x", "y"]]}, keys=[9]), "'r' holds"),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": [b"x"]}, keys=[9]),
                "'s' holds text; got by",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": ["\ud800"]}, keys=[9]),
                "not valid Unicode",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": "x"}, keys=[9]),
                "list of samples; got str",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": {"x"}}, keys=[9]),
                "list of samples; got set",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"b": ["x"]}, keys=[9]),
                "'b' holds bytes; got str",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"b": b"x"}, keys=[9]),
                "list of samples; got by",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": [np.zeros((2, 2))]}, keys=[9]),
                "uint8 arrays",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": [np.zeros(3, "u1")]}, keys=[9]),
                "uint8 array",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": ["cat.png"]}, keys=[9]),
                "'i' holds images",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"y": [1]}, keys=[9]),
                r"no such column: \['y'\]",
            ),
            (lambda tx: tx["t"].extend({"x": [[1, 2, 3]]}, keys=[9]), "no values for"),
            (lambda tx: tx["t"].extend({}, keys=[9]), "no values for"),
            (lambda tx: tx["t"].extend(batch(2) | {"s": ["x"]}, keys=[8, 9]), "different lengths"),
            (lambda tx: tx["t"].extend(None), "got NoneType"),
            (lambda tx: tx["t"].extend("x"), "got str"),
            (lambda tx: tx["t"].extend([batch(1), 7]), "'t' have int keys"),
            (lambda tx: tx["t"].extend([7]), "got int"),
            (lambda tx: tx["t"].extend([batch(1)], keys=[9]), "in each as 'sample'"),
        ]
    ),
)
def test_wrong_samples(repository: Repository, use: Use, message: str) -> None:
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match=message):
        use(tx)
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("keys", "message"),
    numbered(
        [
            (None, "give keys="),
            ([9], "1 keys for 2 samples"),
            ([7, 8, 9], "3 keys for 2 samples"),
            ([9, 9], "9 is given twice"),
            ([9, 3], "has a sample with the key 3 already"),
            (["a", "b"], "are integers; got 'a'"),
            ([9, "9"], "are integers; got '9'"),
            ([True, 9], "are integers; got True"),
            ([9.0, 8], "are integers; got 9.0"),
            ([9, None], "are integers; got None"),
            ([9, 2**63], "does not fit 64 bits"),
            (np.array([2.0, 5.0]), "are integers"),
            (9, "come in a list; got 9"),
            ("90", "come in a list; got '90'"),
        ]
    ),
)
def test_wrong_keys(repository: Repository, keys: Any, message: str) -> None:
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match=message):
        tx["t"].extend(batch(2), keys=keys)
    assert tx.commit() is None


@pytest.mark.parametrize("key", [1, b"x", None, 1.5, "\ud800", ("a", "b")])
def test_wrong_string_keys(key: Any) -> None:
    repository, _ = committed_table(
        {"x": vstore.ndarray((), "i8")}, {"x": [1]}, keys="str", sample_keys=["a"]
    )
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match=r"are strings|Unicode"):
        tx["t"].extend({"x": [2]}, keys=[key])
    with pytest.raises(vstore.VstoreError):
        tx["t"].loc[key] = {"x": 3}
    assert tx.commit() is None


def test_keys_for_a_table_without() -> None:
    repository, _ = committed_table({"x": vstore.ndarray((), "i8")}, {"x": [1]})
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match="have no keys"):
        tx["t"].extend({"x": [2]}, keys=[1])
    with pytest.raises(vstore.InvalidInputError, match="no keys: use positions"):
        tx["t"].loc[0] = {"x": 2}
    with pytest.raises(vstore.InvalidInputError, match="no keys: use positions"):
        tx["t"].delete(keys=[0])
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("use", "error", "message"),
    numbered(
        [
            (lambda tx: tx["t"].delete(), vstore.InvalidInputError, "positions or keys="),
            (
                lambda tx: tx["t"].delete(0, keys=[1]),
                vstore.InvalidInputError,
                "positions or keys=",
            ),
            (lambda tx: tx["t"].delete(4), vstore.OutOfBoundsError, "4"),
            (lambda tx: tx["t"].delete([0, 9]), vstore.OutOfBoundsError, "9"),
            (lambda tx: tx["t"].delete(np.ones(3, bool)), vstore.OutOfBoundsError, "mask"),
            (lambda tx: tx["t"].delete(slice("a", 2)), vstore.InvalidInputError, "slice"),
            (lambda tx: tx["t"].delete([[0], [1, 2]]), vstore.InvalidInputError, "index"),
            (lambda tx: tx["t"].delete(1.5), vstore.InvalidInputError, "integers"),
            (lambda tx: tx["t"].delete(keys=[1, 2]), vstore.NotFoundError, "key 2"),
            (lambda tx: tx["t"].delete(keys="1"), vstore.InvalidInputError, "in a list"),
            (lambda tx: tx["t"].delete(keys=1), vstore.InvalidInputError, "in a list"),
            (lambda tx: tx["t"].delete(keys=["1"]), vstore.InvalidInputError, "are integers"),
            (lambda tx: tx["t"].loc.__setitem__(2, {"s": "x"}), vstore.NotFoundError, "key 2"),
            (
                lambda tx: tx["t"].loc.__setitem__(1, {"s": 2}),
                vstore.InvalidInputError,
                "holds text",
            ),
            (lambda tx: tx["t"].loc[[1, 3]], vstore.InvalidInputError, "are integers"),
            (
                lambda tx: tx["t"]["x"].__setitem__(0, [1, 2]),
                vstore.InvalidInputError,
                "do not fit",
            ),
            (
                lambda tx: tx["t"]["x"].__setitem__(0, 0.5),
                vstore.InvalidInputError,
                "'x' holds int64",
            ),
            (lambda tx: tx["t"]["x"].__setitem__(9, 1), vstore.OutOfBoundsError, "9"),
            (lambda tx: tx["t"]["x"].__setitem__((0, 3), 1), vstore.OutOfBoundsError, "3"),
            (
                lambda tx: tx["t"]["s"].__setitem__((0, 0), "x"),
                vstore.InvalidInputError,
                "whole samp",
            ),
            (
                lambda tx: tx["t"]["s"].__setitem__([0, 1], ["x"]),
                vstore.InvalidInputError,
                "2 places",
            ),
            (
                lambda tx: tx["t"]["s"].__setitem__([0, 1], 5),
                vstore.InvalidInputError,
                "list of sam",
            ),
            (lambda tx: tx["t"]["y"], vstore.NotFoundError, "its columns: 'b', 'i', 'r', 's', 'x'"),
            (lambda tx: tx["u"], vstore.NotFoundError, "there are 'a', 't'"),
            (lambda tx: tx["t/y"], vstore.NotFoundError, "'y'"),
            (lambda tx: tx[5], vstore.InvalidInputError, "string of names"),
            (lambda tx: tx["a"].__setitem__((0, 5), 1), vstore.OutOfBoundsError, "5"),
            (lambda tx: tx["a"].__setitem__(0, np.ones(4)), vstore.InvalidInputError, "do not fit"),
            (lambda tx: tx["a"].__setitem__(0, "x"), vstore.InvalidInputError, "holds float32"),
            (lambda tx: tx["a"].__setitem__("x", 1), vstore.InvalidInputError, "indexed by"),
            (lambda tx: tx.delete("nope"), vstore.NotFoundError, "there are 'a', 't'"),
            (lambda tx: tx.delete(""), vstore.InvalidInputError, "root"),
        ]
    ),
)
def test_wrong_changes(
    repository: Repository, use: Use, error: type[Exception], message: str
) -> None:
    tx = repository.transaction("main", message="Change")
    with pytest.raises(error, match=message):
        use(tx)
    assert tx.commit() is None


HOSTILE_NAMES = [
    "", "..", ".", "/", "a/b", "__x", "zarr.json", "a\x00b", "a\nb", "\ud800", "\u202eexe", 5, None,
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [*HOSTILE_NAMES, "sample", "x.shape", "x.valid", "x.deleted"], ids=repr
)
def test_wrong_column_names(repository: Repository, name: Any) -> None:
    tx = repository.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=r"name|zarr\.json"):
        tx.create_table("u", {name: vstore.text()})
    assert tx.commit() is None


@pytest.mark.parametrize("path", ["", "/", "//", "a//b", "a/../b", "a/./b", "__x", "a/zarr.json"])
def test_wrong_paths(repository: Repository, path: str) -> None:
    tx = repository.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=r"name|zarr\.json"):
        tx.create_table(path, {"x": vstore.text()})
    with pytest.raises(vstore.InvalidInputError, match=r"name|zarr\.json"):
        tx.create_array(path, shape=(1,), dtype="i4")
    assert tx.commit() is None


def test_paths_that_are_taken(repository: Repository) -> None:
    tx = repository.transaction("main", message="Create")
    for path in ("t", "a", "/t/", "t/x"):
        with pytest.raises(vstore.AlreadyExistsError, match="delete it first"):
            tx.create_table(path, {"x": vstore.text()})
        with pytest.raises(vstore.AlreadyExistsError, match="delete it first"):
            tx.create_array(path, shape=(1,), dtype="i4")
    for path in ("t/new", "a/new", "a/b/c"):
        with pytest.raises(vstore.InvalidInputError, match="nothing can go below"):
            tx.create_array(path, shape=(1,), dtype="i4")
    assert tx.commit() is None


DEEP = json.loads("[" * 100 + "]" * 100)
NO_JSON = [
    ({"a": float("nan")}, "JSON"),
    ({"a": [1, float("inf")]}, "JSON"),
    ({"a": b"x"}, "JSON"),
    ({"a": {1, 2}}, "JSON"),
    ({"a": np.int64(1)}, "JSON"),
    ({"a": np.zeros(2)}, "JSON"),
    ({"a": datetime(2020, 1, 1, tzinfo=UTC)}, "JSON"),
    ({"a": "\ud800"}, "JSON"),
    ({1: 2}, "no string"),
    ({"a": [{None: 2}]}, "no string"),
    ({1: 2, "1": 3}, "no string"),
    ({"a": DEEP}, "nested"),
    ([1], "mapping"),
    ("abc", "mapping"),
    (5, "mapping"),
]


@pytest.mark.parametrize(("value", "message"), numbered(NO_JSON))
def test_metadata_and_attributes_that_json_lacks(
    repository: Repository, value: Any, message: str
) -> None:
    with pytest.raises(vstore.InvalidInputError, match=f"metadata.*{message}"):
        repository.transaction("main", message="Create", metadata=value)
    tx = repository.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=f"attributes.*{message}"):
        tx.create_table("u", {"x": vstore.text()}, attributes=value)
    with pytest.raises(vstore.InvalidInputError, match=f"attributes.*'x'.*{message}"):
        tx.create_table("u", {"x": vstore.text(attributes=value)})
    with pytest.raises(vstore.InvalidInputError, match=f"attributes.*{message}"):
        tx.create_array("u", shape=(1,), dtype="i4", attributes=value)
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("describe", "message"),
    numbered(
        [
            (lambda: vstore.ndarray((), "nonsense"), "'nonsense'"),
            (lambda: vstore.ndarray((), object), "object"),
            (lambda: vstore.ndarray((), "U"), "give a length"),
            (lambda: vstore.ndarray((), np.longdouble), "no data type"),
            (lambda: vstore.ndarray((), [("a", "i4", (2,))]), "make its shape array axes"),
            (lambda: vstore.ndarray((-1,), "i4"), "not -1"),
            (lambda: vstore.ndarray((2.0,), "i4"), r"not 2\.0"),  # type: ignore[arg-type]
            (lambda: vstore.ndarray((True,), "i4"), "not True"),
            (lambda: vstore.ndarray(5, "i4"), "not 5"),  # type: ignore[arg-type]
            (lambda: vstore.ndarray("ab", "i4"), "not 'ab'"),  # type: ignore[arg-type]
        ]
    ),
)
def test_columns_that_cannot_be_described(describe: Callable[[], Any], message: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=message):
        describe()


@pytest.mark.parametrize(
    ("spec", "message"),
    numbered(
        [
            (vstore.ndarray((), "i4", rows_per_chunk=0), "power of two, not 0"),
            (vstore.ndarray((), "i4", rows_per_chunk=-4), "power of two, not -4"),
            (vstore.ndarray((), "i4", rows_per_chunk=3), "power of two, not 3"),
            (vstore.ndarray((), "i4", rows_per_chunk=2**40), "too large"),
            (vstore.text(rows_per_chunk=2**40), "too large"),
            (vstore.ndarray((), "i4", rows_per_chunk=4.0), "not 4.0"),  # type: ignore[arg-type]
            (vstore.ndarray((), "i4", rows_per_chunk=True), "not True"),
            (vstore.ndarray((100_000, 100_000), "i4"), "too large"),
            (vstore.ndarray((), "i4", codecs="zip"), "no codec preset 'zip'"),
            (vstore.ndarray((), "i4", codecs=5), "not 5"),
            (vstore.ndarray((), "i4", codecs=[]), "turns the array into bytes"),
            (vstore.ndarray((), "i4", codecs=[{"name": "numcodecs.pickle"}]), "pickle"),
            (vstore.ndarray((), "i1", fill_value=300), "does not fit int8"),
            (vstore.ndarray((), "i1", fill_value="x"), "does not fit int8"),
            ("int8", "described by vstore.ndarray"),
            (np.dtype("int8"), "described by vstore.ndarray"),
        ]
    ),
)
def test_columns_that_cannot_be_made(repository: Repository, spec: Any, message: str) -> None:
    tx = repository.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=f"'col'.*{message}"):
        tx.create_table("u", {"col": spec})
    assert "u" not in tx
    assert tx.commit() is None


def test_tables_that_cannot_be_made(repository: Repository) -> None:
    tx = repository.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match="at least one column"):
        tx.create_table("u", {})
    with pytest.raises(vstore.InvalidInputError, match="mapping of names to columns"):
        tx.create_table("u", ["x"])  # type: ignore[arg-type]
    with pytest.raises(vstore.InvalidInputError, match="'tuple', not 'float'"):
        tx.create_table("u", {"x": vstore.text()}, keys="float")  # type: ignore[arg-type]
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("options", "message"),
    numbered(
        [
            ({"shape": 5}, "not 5"),
            ({"shape": (-1,)}, "shape"),
            ({"shape": (2.5,)}, "not"),
            ({"shape": ("a",)}, "not"),
            ({"dtype": "nonsense"}, "nonsense"),
            ({"dtype": object}, "objects"),
            ({"chunk_shape": (0,)}, "chunk_shape"),
            ({"chunk_shape": (2, 2)}, "2 lengths for 1 axes"),
            ({"chunk_shape": 2}, "chunk_shape"),
            ({"shape": (2**40,), "chunk_shape": (2**40,)}, "too large"),
            ({"shape": (2**40, 2**40), "chunk_shape": (1, 1)}, "too large"),
            ({"dimension_names": ("a", "b")}, "2 names for 1 axes"),
            ({"fill_value": "x"}, "fill value"),
            ({"codecs": [{"name": "gunzip"}]}, "gunzip"),
        ]
    ),
)
def test_arrays_that_cannot_be_made(
    repository: Repository, options: dict[str, Any], message: str
) -> None:
    tx = repository.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=message):
        tx.create_array("u", **({"shape": (5,), "dtype": "i4"} | options))
    assert "u" not in tx
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("options", "message"),
    numbered(
        [
            ({"message": None}, "message is a string"),
            ({"message": b"x"}, "message is a string"),
            ({"message": "\ud800"}, "surrogates"),
            ({"author": ""}, "'Name <email>'"),
            ({"author": "<a@b>"}, "'Name <email>'"),
            ({"author": "A <a b>"}, "'Name <email>'"),
            ({"author": "A\nB"}, "'Name <email>'"),
            ({"author": 5}, "'Name <email>'"),
            ({"author": "\ud800"}, "surrogates"),
            ({"time": datetime(2020, 1, 1)}, "time zone"),  # noqa: DTZ001
            ({"time": "2020-01-01"}, "time zone"),
            ({"time": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))}, "no form in UTC"),
        ]
    ),
)
def test_wrong_commit_options(
    repository: Repository, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(vstore.InvalidInputError, match=message):
        repository.transaction("main", **({"message": "m"} | options))


@pytest.mark.parametrize(
    "name",
    [
        "", "a b", "a..b", "../x", "/a", "a/", "a//b", "a~1", "a^", "a:b", "a?", "a*", "[a", "a\\b",
        "a.", ".a", "a/.b", "-a", "@", "a@{1}", "a.lock", "a.json", "a.json/b", "a\n", "a\x7f",
        "\ud800", "0" * 64, "x" * 201, "ö" * 90, "a\u202eb", 5, None, b"a", "@/a",
    ],
)  # fmt: skip
def test_hostile_ref_names(repository: Repository, name: Any) -> None:
    with pytest.raises(vstore.InvalidInputError):
        repository.branches.create(name, at="main")
    with pytest.raises(vstore.InvalidInputError):
        repository.tags.create(name, at="main")
    with pytest.raises(vstore.InvalidInputError):
        vstore.create("memory://never-made", default_branch=name)
    if name is not None:
        with pytest.raises(vstore.InvalidInputError):
            repository.transaction(name, message="m")
    with pytest.raises(vstore.NotFoundError):
        _ = vstore.open("memory://never-made").description


def test_unknown_revisions(repository: Repository) -> None:
    for revision in ("nope", "main~2", "main^2", "0" * 64, "dead", "v1"):
        with pytest.raises(vstore.NotFoundError):
            repository.checkout(revision)
        with pytest.raises(vstore.NotFoundError):
            repository.branches.create("new", at=revision)
        with pytest.raises(vstore.NotFoundError):
            repository.tags.create("new", at=revision)
        with pytest.raises(vstore.NotFoundError):
            list(repository.log(revision))
    with pytest.raises(vstore.NotFoundError, match="the branches are: 'main'"):
        repository.checkout("nope")
    with pytest.raises(vstore.NotFoundError, match=r"branches\.create\('dev', at="):
        repository.transaction("dev", message="m")
    with pytest.raises(vstore.NotFoundError, match=f"no commit {'0' * 64} in memory://"):
        repository.checkout("0" * 64)


@pytest.mark.parametrize("revision", ["", "~1", "^", "main~x", "main..dev", "a b", "main\n"])
def test_malformed_revisions(repository: Repository, revision: str) -> None:
    with pytest.raises(vstore.InvalidInputError):
        repository.checkout(revision)


def test_a_place_without_a_repository(tmp_path: Path) -> None:
    for url in (str(tmp_path / "nothing"), tmp_path, "memory://no-repository-here"):
        nowhere = vstore.open(url)
        uses: list[Callable[[Repository], Any]] = [
            lambda repo: repo.checkout(),
            lambda repo: repo.checkout("main"),
            lambda repo: repo.checkout("0" * 64),
            lambda repo: repo.transaction("main", message="m"),
            lambda repo: repo.transaction("dev", message="m"),
            lambda repo: repo.branches.create("dev"),
            lambda repo: list(repo.log()),
        ]
        for use in uses:
            with pytest.raises(vstore.NotFoundError, match=r"no vstore repository at .*create\(\)"):
                use(nowhere)
    assert list(tmp_path.iterdir()) == []


def test_a_repository_that_is_there_already(tmp_path: Path) -> None:
    for url in (str(tmp_path / "r"), "memory://there-already"):
        repository = vstore.create(url)
        before = state(repository)
        with pytest.raises(vstore.AlreadyExistsError, match=r"vstore\.open\(\)"):
            vstore.create(url)
        assert state(repository) == before


def test_a_repository_without_commits() -> None:
    repository = new_repository()
    for revision in (None, "main"):
        with pytest.raises(vstore.NotFoundError, match="nothing was committed to 'main'"):
            repository.checkout(revision)
    with pytest.raises(vstore.NotFoundError, match="nothing was committed"):
        repository.branches.create("dev")


def test_messages_of_errors_stay_short(repository: Repository) -> None:
    tx = repository.transaction("main", message="m")
    for bad in (np.zeros(10_000), list(range(10_000)), "x" * 100_000):
        with pytest.raises(vstore.VstoreError) as raised:
            tx["t"]["x"][bad]
        assert len(str(raised.value)) < 3000
        assert not re.search(r"/work|object at 0x", str(raised.value))
    tx.discard()
