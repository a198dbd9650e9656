"""Importing into a table: created or appended to, whatever an importer makes of its source."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.importers.idx_files import images, write_idx
from tests.repositories import new_repository
from vstore import AlreadyExistsError, InvalidInputError, NotFoundError, Repository
from vstore.importers import Imported, Skipped, import_into, open_rows
from vstore.importers.importing import first_samples
from vstore.plugins import Columns, Rows


@pytest.fixture
def repository() -> Repository:
    return new_repository()


@pytest.fixture
def label(tmp_path: Path) -> Path:
    np.save(tmp_path / "label.npy", np.arange(10))
    return tmp_path / "label.npy"


def keyed(tmp_path: Path, *keys: str) -> str:
    path = tmp_path / f"{keys[0]}.txt"
    path.write_text("".join(f"{key}\n" for key in keys))
    return str(path)


def imported(repository: Repository, rows: Rows, **options: Any) -> Imported:
    with repository.transaction("main", message="Import") as tx:
        return import_into(tx, "t", rows, **options)


def numbers(repository: Repository) -> list[int]:
    found: list[int] = repository.checkout("main").tables["t"]["label"][:].tolist()
    return found


class TestTables:
    def test_a_table_is_created_for_the_samples(
        self, repository: Repository, tmp_path: Path
    ) -> None:
        write_idx(tmp_path / "image.idx", images(10))
        np.save(tmp_path / "label.npy", np.arange(10))
        rows = open_rows([tmp_path / "image.idx", tmp_path / "label.npy"], names=["x", "y"])
        assert (rows.count, rows.keys) == (10, None)
        assert imported(repository, rows) == Imported("t", 10, 10)
        table = repository.checkout("main").tables["t"]
        assert np.array_equal(table["x"][:], images(10))
        assert table["y"][:].tolist() == list(range(10))

    def test_samples_are_appended_to_a_table(self, repository: Repository, label: Path) -> None:
        rows = open_rows(label)
        imported(repository, rows)
        assert imported(repository, rows, append=True) == Imported("t", 10, 20)
        assert numbers(repository) == [*range(10), *range(10)]

    def test_a_table_that_is_there_is_not_touched_unasked(
        self, repository: Repository, label: Path
    ) -> None:
        imported(repository, open_rows(label))
        with pytest.raises(AlreadyExistsError, match="something at 't' already"):
            imported(repository, open_rows(label))
        assert numbers(repository) == list(range(10))

    def test_only_a_table_can_be_appended_to(self, repository: Repository, label: Path) -> None:
        with pytest.raises(NotFoundError, match="no table 't' to append to"):
            imported(repository, open_rows(label), append=True)
        with repository.transaction("main", message="Array") as tx:
            tx.create_array("t", shape=(1,), dtype="int8")
        with pytest.raises(InvalidInputError, match="'t' is not a table"):
            imported(repository, open_rows(label), append=True)

    def test_a_table_takes_what_fits_its_own_columns(self, repository: Repository) -> None:
        with repository.transaction("main", message="Table") as tx:
            tx.create_table("t", {"label": vstore.ndarray((), "uint8")})
        rows = numbered(300)
        with pytest.raises(InvalidInputError, match="item 256: the column 'label' holds uint8"):
            imported(repository, rows, append=True)
        found = imported(repository, rows, append=True, on_error="skip")
        assert (found.added, len(found.skipped)) == (256, 44)


class TestKeys:
    def test_samples_get_their_keys(
        self, repository: Repository, tmp_path: Path, label: Path
    ) -> None:
        imported(repository, open_rows(label, keys=keyed(tmp_path, *"abcdefghij")))
        assert repository.checkout("main").tables["t"].loc["c"]["label"] == 2

    def test_text_names_samples_by_integers_if_the_table_does(
        self, repository: Repository, tmp_path: Path, label: Path
    ) -> None:
        np.save(tmp_path / "keys.npy", np.arange(10))
        imported(repository, open_rows(label, keys=str(tmp_path / "keys.npy")))
        more = open_rows(label, keys=keyed(tmp_path, *map(str, range(10, 20))))
        imported(repository, more, append=True)
        assert repository.checkout("main").tables["t"].loc[17]["label"] == 7

    def test_text_names_samples_by_tuples_if_the_table_does(
        self, repository: Repository, tmp_path: Path, label: Path
    ) -> None:
        with repository.transaction("main", message="Table") as tx:
            tx.create_table("t", {"label": vstore.ndarray((), "int64")}, keys="tuple")
        rows = open_rows(label, keys=keyed(tmp_path, *[f'["a", {i}]' for i in range(10)]))
        imported(repository, rows, append=True)
        assert repository.checkout("main").tables["t"].loc["a", 7]["label"] == 7

    @pytest.mark.parametrize("key", ["a", "1.5", str(2**64)])
    def test_text_that_is_no_integer_names_no_sample_by_one(
        self, repository: Repository, tmp_path: Path, label: Path, key: str
    ) -> None:
        np.save(tmp_path / "keys.npy", np.arange(10))
        imported(repository, open_rows(label, keys=str(tmp_path / "keys.npy")))
        rows = open_rows(label, keys=keyed(tmp_path, *[key] * 10))
        with pytest.raises(InvalidInputError, match=r"'t' are integers|fit 64 bits"):
            imported(repository, rows, append=True)
        assert len(repository.checkout("main").tables["t"]) == 10

    def test_keys_are_refused_by_a_table_without(
        self, repository: Repository, tmp_path: Path, label: Path
    ) -> None:
        imported(repository, open_rows(label))
        rows = open_rows(label, keys=keyed(tmp_path, *"abcdefghij"))
        with pytest.raises(InvalidInputError, match="have no keys"):
            imported(repository, rows, append=True)

    def test_a_key_that_is_there_names_its_item(self, repository: Repository) -> None:
        rows = numbered(10, keys="int")
        imported(repository, rows)
        with pytest.raises(InvalidInputError, match=r"item 0: .* key 0 "):
            imported(repository, rows, append=True)


class Item(int):
    """What items are in these tests: numbers with a name."""

    def __str__(self) -> str:
        return f"item {int(self)}"


def numbered(count: int, *, keys: Any = None, read: Any = None) -> Rows:
    """Items that are one sample each: their number."""
    return Rows(
        {"label": vstore.ndarray((), "int64")},
        keys,
        items=list(map(Item, range(count))),
        read=read or (lambda i: {"label": int(i)}),
        key=int if keys == "int" else None,
    )


def many(items: int, each: int, *, read: Any = None) -> Rows:
    """Items of several samples."""
    return Rows(
        {"label": vstore.ndarray((), "int64")},
        items=list(map(Item, range(items))),
        read=read or (lambda i: ({"label": int(i) * each + j} for j in range(each))),
        many=True,
    )


def fails_at(*bad: int) -> Any:
    def read(item: int) -> dict[str, Any]:
        if item in bad:
            raise RuntimeError("broken")
        return {"label": int(item)}

    return read


def double(item: int) -> dict[str, Any]:
    return {"label": 2 * int(item)}


class TestOrder:
    def test_items_come_in_their_order(self, repository: Repository) -> None:
        imported(repository, numbered(1000), threads=4)
        assert numbers(repository) == list(range(1000))

    def test_so_do_items_of_many_samples(self, repository: Repository) -> None:
        imported(repository, many(7, 3000), threads=4)
        assert numbers(repository) == list(range(21_000))

    def test_processes_make_no_difference(self, repository: Repository) -> None:
        imported(repository, numbered(50, read=double), processes=2)
        assert numbers(repository) == list(range(0, 100, 2))

    def test_what_does_not_pickle_is_refused_before_work_begins(
        self, repository: Repository
    ) -> None:
        with pytest.raises(InvalidInputError, match="`read` does not pickle"):
            imported(repository, numbered(5), processes=2)

    def test_whole_columns_and_samples_may_be_mixed(self, repository: Repository) -> None:
        def read(item: int) -> Iterator[Any]:
            yield {"label": 0}
            yield Columns(label=np.arange(1, 5))
            yield {"label": 5}

        imported(repository, many(1, 0, read=read))
        assert numbers(repository) == list(range(6))

    def test_no_more_items_are_taken_than_are_needed(self, repository: Repository) -> None:
        taken = []

        def items() -> Iterator[Item]:
            for i in range(10**9):
                taken.append(i)
                yield Item(i)

        rows = Rows(
            {"label": vstore.ndarray((), "int64")}, items=items(), read=lambda i: {"label": int(i)}
        )
        assert imported(repository, rows, limit=100).added == 100
        assert len(taken) < 10_000
        assert numbers(repository) == list(range(100))

    def test_a_limit_cuts_items_of_many_samples(self, repository: Repository) -> None:
        def read(_: int) -> Iterator[dict[str, int]]:
            i = 0
            while True:
                yield {"label": i}
                i += 1

        imported(repository, many(1, 0, read=read), limit=1500)
        assert numbers(repository) == list(range(1500))

    def test_no_thread_is_left(self, repository: Repository) -> None:
        with pytest.raises(InvalidInputError, match="broken"):
            imported(repository, numbered(5000, read=fails_at(700)))
        assert not [t for t in threading.enumerate() if t.name.startswith("vstore-import")]


class TestErrors:
    def test_an_error_names_its_item_and_nothing_is_committed(self, repository: Repository) -> None:
        with pytest.raises(InvalidInputError, match="item 700: RuntimeError: broken"):
            imported(repository, numbered(1000, read=fails_at(700)))
        assert "main" not in repository.branches

    def test_a_row_of_an_item_is_named(self, repository: Repository) -> None:
        def read(item: int) -> Iterator[dict[str, Any]]:
            yield from ({"label": "x" if (item, j) == (1, 7) else j} for j in range(10))

        with pytest.raises(InvalidInputError, match="item 1, row 7: column 'label' holds int64"):
            imported(repository, many(3, 0, read=read))

    def test_so_is_a_row_of_whole_columns(self, repository: Repository) -> None:
        def read(item: int) -> Iterator[Columns]:
            yield Columns(label=[1, 2])
            yield Columns(label=[3, "x" if item == 1 else 4])

        rows = many(2, 0, read=read)
        with pytest.raises(InvalidInputError, match="item 1, row 3: column 'label' holds int64"):
            imported(repository, rows)

    def test_what_fails_is_skipped_if_that_is_asked_for(self, repository: Repository) -> None:
        told: list[Skipped] = []
        rows = numbered(1000, read=fails_at(3, 999))
        found = imported(repository, rows, on_error="skip", on_skip=told.append)
        assert (found.added, found.count) == (998, 998)
        assert list(found.skipped) == told
        assert told[0] == Skipped("item 3", None, None, "RuntimeError: broken")
        assert 3 not in numbers(repository)

    def test_rows_that_do_not_fit_are_skipped_one_by_one(self, repository: Repository) -> None:
        def read(_: int) -> Iterator[Any]:
            yield Columns(label=[0, "x", 2])
            yield from ({"label": value} for value in (3, None, 5))
            raise RuntimeError("the rest is lost")

        found = imported(repository, many(1, 0, read=read), on_error="skip")
        assert numbers(repository) == [0, 2, 3, 5]
        assert [each.row for each in found.skipped] == [1, 4, 6]

    def test_too_many_errors_fail(self, repository: Repository) -> None:
        rows = numbered(10, read=fails_at(1, 2, 3))
        with pytest.raises(InvalidInputError, match="more than 2 items have errors"):
            imported(repository, rows, on_error="skip", max_errors=2)

    @pytest.mark.parametrize(
        ("sample", "said"),
        [
            ({}, r"no values for \['label'\]"),
            ({"label": 1, "x": 2}, r"no such column: \['x'\]"),
            (7, "a sample is a mapping"),
            ({"label": [1, 2]}, "shape"),
        ],
    )
    def test_what_is_no_sample_is_refused(
        self, repository: Repository, sample: Any, said: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=f"item 0: .*{said}"):
            imported(repository, numbered(1, read=lambda _: sample))

    def test_rows_are_checked_when_they_are_made(self) -> None:
        with pytest.raises(InvalidInputError, match="mapping of names to descriptions"):
            Rows({"x": "int64"}, items=[], read=dict)  # type: ignore[dict-item]
        with pytest.raises(InvalidInputError, match="no kind of keys"):
            Rows({}, items=[], read=dict, key=str)


def test_attributes_of_rows_are_those_of_the_table(repository: Repository) -> None:
    rows = Rows(
        {"x": vstore.text()}, items=["a"], read=lambda x: {"x": x}, attributes={"from": "a shelf"}
    )
    imported(repository, rows)
    assert repository.checkout("main").tables["t"].attributes == {"from": "a shelf"}


def test_each_batch_is_told_of(repository: Repository) -> None:
    told: list[int] = []
    imported(repository, numbered(10), on_batch=told.append)
    assert sum(told) == 10


def test_a_look_shows_samples_of_whole_columns_one_by_one() -> None:
    found = [Columns(x=np.ma.array([1, 2], mask=[False, True]), t=["a", "b"]), {"x": 3, "t": "c"}]
    specs = {"x": vstore.ndarray((), "int64").as_optional(), "t": vstore.text()}
    rows = Rows(specs, items=["x"], read=lambda _: found, many=True)
    assert first_samples(rows, 5) == [{"x": 1, "t": "a"}, {"x": None, "t": "b"}, found[1]]
    assert first_samples(rows, 1) == [{"x": 1, "t": "a"}]
