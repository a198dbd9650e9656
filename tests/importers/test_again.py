"""Imports of what is there already: left, replaced, updated without reading, pruned."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.importers.test_folders import png
from tests.repositories import new_repository
from vstore import InvalidInputError, Repository
from vstore.importers import Imported, import_into, open_rows
from vstore.plugins import Columns, Rows


@pytest.fixture
def repository() -> Repository:
    return new_repository()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i in range(6):
        folder = tmp_path / "photos" / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.png").write_bytes(png(i))
    return tmp_path / "photos"


def imported(repository: Repository, rows: Rows | Path, **options: Any) -> Imported:
    opened = rows if isinstance(rows, Rows) else open_rows(rows)
    with repository.transaction("main", message="Import") as tx:
        return import_into(tx, "t", opened, **options)


def counts(found: Imported) -> tuple[int, int, int, int]:
    return found.added, found.replaced, found.equal, found.removed


def unread(photos: Path) -> Rows:
    """The same files; reading one is an error."""
    rows = open_rows(photos)

    def read(_: Any) -> Any:
        raise AssertionError("it was read")

    return Rows(rows.columns, "str", items=rows.items, read=read, key=rows.key)


@pytest.mark.parametrize("existing", ["skip", "replace", "update"])
def test_nothing_changed_makes_no_commit(
    repository: Repository, photos: Path, existing: str
) -> None:
    imported(repository, photos)
    before = repository.commit("main").id
    assert counts(imported(repository, photos, existing=existing)) == (0, 0, 6, 0)
    assert repository.commit("main").id == before


@pytest.mark.parametrize("existing", ["skip", "update"])
def test_what_is_known_is_not_read(repository: Repository, photos: Path, existing: str) -> None:
    imported(repository, photos)
    assert counts(imported(repository, unread(photos), existing=existing)) == (0, 0, 6, 0)


def test_what_changed_is_replaced_and_what_is_gone_pruned(
    repository: Repository, photos: Path
) -> None:
    imported(repository, photos)
    os.utime(photos / "a/0.png", (1, 1))
    (photos / "b/1.png").write_bytes(png(50))
    os.utime(photos / "b/1.png", (2, 2))
    (photos / "c/2.png").unlink()
    (photos / "a/new.png").write_bytes(png(60))
    found = imported(repository, photos, existing="update", prune=True)
    assert counts(found) == (1, 1, 4, 1)
    table = repository.checkout("main")["t"]
    assert not table.has_key("c/2.png")
    at = table.position("b/1.png")
    assert table["image"].encoded(at) == png(50)
    assert counts(imported(repository, unread(photos), existing="update", prune=True)) == (
        (0, 0, 6, 0)
    )
    assert len(repository.checkout("main")["t.imported"]) == 6


def test_a_known_key_is_an_error_otherwise(repository: Repository, photos: Path) -> None:
    imported(repository, photos)
    with pytest.raises(InvalidInputError, match=r"a/0\.png: .*already"):
        imported(repository, photos, append=True)


def test_numbers_of_classes_stay_what_they_are(repository: Repository, photos: Path) -> None:
    imported(repository, photos)
    (photos / "aa").mkdir()
    (photos / "aa/x.png").write_bytes(png(70))
    assert counts(imported(repository, photos, existing="update")) == (1, 0, 6, 0)
    table = repository.checkout("main")["t"]
    classes = table["label"].attributes["classes"]
    assert classes == ["a", "b", "c", "aa"]
    for key in table.sample_keys().tolist():
        assert classes[table.loc[key]["label"]] == key.split("/")[0]


def test_rows_of_files_are_replaced_by_key(repository: Repository, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,x\na,1\nb,2\n")
    imported(repository, open_rows(path, key="id"), existing="replace")
    path.write_text("id,x\nb,3\nc,4\n")
    found = imported(repository, open_rows(path, key="id"), existing="replace", prune=True)
    assert counts(found) == (1, 1, 0, 1)
    table = repository.checkout("main")["t"]
    assert {key: row["x"] for key, row in table.loc.items()} == {"b": 3, "c": 4}


def test_a_key_that_is_given_twice_names_its_item(repository: Repository, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,x\na,1\na,2\n")
    for existing in ("error", "replace"):
        with pytest.raises(InvalidInputError, match=r"rows\.csv.*'a' is given twice"):
            imported(repository, open_rows(path, key="id"), existing=existing)


@pytest.mark.parametrize("existing", ["error", "skip", "replace", "update"])
def test_both_items_of_one_key_are_named(repository: Repository, existing: str) -> None:
    rows = Rows(
        {"x": vstore.text()},
        "str",
        items=["one", "two", "eno"],
        read=lambda item: {"x": item},
        key=lambda item: "".join(sorted(item)),
    )
    with pytest.raises(InvalidInputError, match="eno: the key 'eno' is given twice, also for one"):
        imported(repository, rows, existing=existing)


def test_samples_without_keys_cannot_be_replaced(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n1\n")
    with pytest.raises(InvalidInputError, match="without keys"):
        imported(repository, tmp_path / "x.csv", existing="replace")


def test_options_that_do_not_go_together(repository: Repository, photos: Path) -> None:
    with pytest.raises(InvalidInputError, match="existing is one of"):
        imported(repository, photos, existing="overwrite")
    with pytest.raises(InvalidInputError, match="prune goes with"):
        imported(repository, photos, prune=True)


def test_what_was_left_out_is_not_pruned(repository: Repository, photos: Path) -> None:
    imported(repository, photos)
    (photos / "a/0.png").write_bytes(png(9)[:50])
    found = imported(repository, photos, existing="replace", prune=True, on_error="skip")
    assert counts(found) == (0, 0, 5, 0)
    assert repository.checkout("main")["t"].has_key("a/0.png")


@pytest.mark.parametrize(
    "labels", [[0, None, 1], np.ma.array([0, 0, 1], mask=[False, True, False])]
)
def test_classes_may_be_missing_where_their_numbers_change(
    repository: Repository, labels: Any
) -> None:
    def rows(classes: list[str]) -> Rows:
        spec = vstore.ndarray((), "int64", attributes={"classes": classes}).as_optional()
        read = [Columns(label=labels)]
        return Rows({"label": spec}, items=["x"], read=lambda _: read, many=True)

    imported(repository, rows(["a", "b"]))
    imported(repository, rows(["b", "c"]), append=True)
    column = repository.checkout("main")["t"]["label"]
    assert column.attributes["classes"] == ["a", "b", "c"]
    found = zip(column[:].tolist(), column.valid[:].tolist(), strict=True)
    assert [number if there else None for number, there in found] == [0, None, 1, 1, None, 2]
