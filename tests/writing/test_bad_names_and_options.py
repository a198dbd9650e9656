"""Names, options and addresses that are wrong are refused, say why, and change nothing."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository, remove_branch
from tests.writing.bad_input import numbered, state
from vstore import Repository

HOSTILE_NAMES = [
    "", "..", ".", "/", "a/b", "__x", "zarr.json", "a\x00b", "a\nb", "\ud800", "\u202eexe", 5, None,
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [*HOSTILE_NAMES, "sample", "x.shape", "x.valid", "x.deleted"], ids=repr
)
def test_wrong_column_names(unchanged: Repository, name: Any) -> None:
    tx = unchanged.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=r"name|zarr\.json"):
        tx.create_table("u", {name: vstore.text()})
    assert tx.commit() is None


@pytest.mark.parametrize("path", ["", "/", "//", "a//b", "a/../b", "a/./b", "__x", "a/zarr.json"])
def test_wrong_paths(unchanged: Repository, path: str) -> None:
    tx = unchanged.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=r"name|zarr\.json"):
        tx.create_table(path, {"x": vstore.text()})
    with pytest.raises(vstore.InvalidInputError, match=r"name|zarr\.json"):
        tx.create_array(path, shape=(1,), dtype="i4")
    assert tx.commit() is None


def test_an_empty_name_within_a_path_is_shown_with_it(unchanged: Repository) -> None:
    tx = unchanged.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match="'a//b' has an empty name"):
        tx.create_table("a//b", {"x": vstore.text()})
    tx.discard()


def test_paths_that_are_taken(unchanged: Repository) -> None:
    tx = unchanged.transaction("main", message="Create")
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
DEEPER: list[Any] = []
for _ in range(100_000):
    DEEPER = [DEEPER]
NO_JSON = [
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
    ({"a": DEEPER}, ""),
    ([1], "mapping"),
    ("abc", "mapping"),
    (5, "mapping"),
]


@pytest.mark.parametrize("value", [float("nan"), [1, float("inf")]])
def test_metadata_of_a_commit_are_finite(unchanged: Repository, value: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match=r"metadata.*JSON"):
        unchanged.transaction("main", message="Create", metadata={"a": value})


@pytest.mark.parametrize(("value", "message"), numbered(NO_JSON))
def test_metadata_and_attributes_that_json_lacks(
    unchanged: Repository, value: Any, message: str
) -> None:
    with pytest.raises(vstore.InvalidInputError, match=f"metadata.*{message}"):
        unchanged.transaction("main", message="Create", metadata=value)
    tx = unchanged.transaction("main", message="Create")
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
            (lambda: vstore.ndarray((), [("a", "i4", (2,))]), "make its shape axes of the array"),
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
def test_columns_that_cannot_be_made(unchanged: Repository, spec: Any, message: str) -> None:
    tx = unchanged.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=f"'col'.*{message}"):
        tx.create_table("u", {"col": spec})
    assert "u" not in tx
    assert tx.commit() is None


def test_tables_that_cannot_be_made(unchanged: Repository) -> None:
    tx = unchanged.transaction("main", message="Create")
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
    unchanged: Repository, options: dict[str, Any], message: str
) -> None:
    tx = unchanged.transaction("main", message="Create")
    with pytest.raises(vstore.InvalidInputError, match=message):
        tx.create_array("u", **({"shape": (5,), "dtype": "i4"} | options))
    assert "u" not in tx
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("options", "message"),
    numbered(
        [
            ({"message": None}, "message of a commit must be a string"),
            ({"message": b"x"}, "message of a commit must be a string"),
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
def test_wrong_commit_options(unchanged: Repository, options: dict[str, Any], message: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=message):
        unchanged.transaction("main", **({"message": "m"} | options))


@pytest.mark.parametrize(
    "name",
    [
        "", "a b", "a..b", "../x", "/a", "a/", "a//b", "a~1", "a^", "a:b", "a?", "a*", "[a", "a\\b",
        "a.", ".a", "a/.b", "-a", "@", "a@{1}", "a.lock", "a.json", "a.json/b", "a\n", "a\x7f",
        "\ud800", "0" * 64, "x" * 201, "ö" * 90, "a\u202eb", 5, None, b"a", "@/a",
    ],
)  # fmt: skip
def test_hostile_ref_names(unchanged: Repository, name: Any) -> None:
    with pytest.raises(vstore.InvalidInputError):
        unchanged.branches.create(name, at="main")
    with pytest.raises(vstore.InvalidInputError):
        unchanged.tags.create(name, at="main")
    with pytest.raises(vstore.InvalidInputError):
        vstore.create("memory://never-made", default_branch=name)
    if name is not None:
        with pytest.raises(vstore.InvalidInputError):
            unchanged.transaction(name, message="m")
    with pytest.raises(vstore.NotFoundError):
        _ = vstore.open("memory://never-made").description


def test_unknown_revisions(unchanged: Repository) -> None:
    for revision in ("nope", "main~2", "main^2", "0" * 64, "dead", "v1"):
        with pytest.raises(vstore.NotFoundError):
            unchanged.checkout(revision)
        with pytest.raises(vstore.NotFoundError):
            unchanged.branches.create("new", at=revision)
        with pytest.raises(vstore.NotFoundError):
            unchanged.tags.create("new", at=revision)
        with pytest.raises(vstore.NotFoundError):
            list(unchanged.log(revision))
    with pytest.raises(vstore.NotFoundError, match="the branches are: 'main'"):
        unchanged.checkout("nope")
    with pytest.raises(vstore.NotFoundError, match=r"branches\.create\('dev'\)"):
        unchanged.transaction("dev", message="m")
    with pytest.raises(vstore.NotFoundError, match=f"no commit {'0' * 64} in memory://"):
        unchanged.checkout("0" * 64)


@pytest.mark.parametrize("revision", ["", "~1", "^", "main~x", "main..dev", "a b", "main\n"])
def test_malformed_revisions(unchanged: Repository, revision: str) -> None:
    with pytest.raises(vstore.InvalidInputError):
        unchanged.checkout(revision)


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
            with pytest.raises(
                vstore.NotFoundError,
                match=r"no vstore repository at [^\n]*\nHint: [^\n]*`vstore\.create\(",
            ):
                use(nowhere)
    assert list(tmp_path.iterdir()) == []


def test_a_repository_that_is_there_already(tmp_path: Path) -> None:
    for url in (str(tmp_path / "r"), "memory://there-already"):
        repository = vstore.create(url)
        before = state(repository)
        with pytest.raises(vstore.AlreadyExistsError, match=r"`vstore\.open\("):
            vstore.create(url)
        assert state(repository) == before


def test_a_repository_without_commits() -> None:
    repository = new_repository()
    for revision in (None, "main"):
        with pytest.raises(vstore.NotFoundError, match="nothing was committed to 'main'"):
            repository.checkout(revision)
    with pytest.raises(vstore.NotFoundError, match="nothing was committed"):
        repository.branches.create("dev")


def test_a_default_branch_that_was_deleted() -> None:
    repository = new_repository()
    repository.transaction(message="Begin", allow_empty=True).commit()
    repository.branches.create("dev")
    with pytest.raises(vstore.InvalidInputError, match="'main' is the default branch"):
        repository.branches.delete("main", force=True)
    with pytest.raises(vstore.InvalidInputError, match="'main' is the default branch"):
        repository.branches.rename("main", "trunk")
    assert list(repository.branches) == ["dev", "main"]
    remove_branch(repository, "main")
    with pytest.raises(vstore.NotFoundError, match="'main'\nHint: the branches are: 'dev'"):
        repository.checkout()


@pytest.mark.parametrize("limit", [-1, 1.5, "3", True])
def test_wrong_limits(unchanged: Repository, limit: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="limit must be a number of commits"):
        unchanged.log(limit=limit)


def test_messages_of_errors_stay_short(unchanged: Repository) -> None:
    tx = unchanged.transaction("main", message="m")
    for bad in (np.zeros(10_000), list(range(10_000)), "x" * 100_000):
        with pytest.raises(vstore.VstoreError) as raised:
            tx["t"]["x"][bad]
        assert len(str(raised.value)) < 3000
        assert not re.search(r"/work|object at 0x", str(raised.value))
    tx.discard()
