"""Importing into a table: created or appended to, whatever an importer makes of its source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.importers.idx_files import images, write_idx
from tests.repositories import new_repository
from vstore import AlreadyExistsError, ColumnSpec, InvalidInputError, NotFoundError, Repository
from vstore.importers import ArrayImporter, Imported, Importer, ImportSource, Rows, import_into
from vstore.importers import open_rows as open_files
from vstore.importers.importing import IMPORTERS, find_importer


@dataclass(frozen=True, slots=True)
class Lines:
    """Samples that are only known once they are read: one for each line of a text."""

    paths: tuple[Path, ...]
    keys: Any = "str"
    attributes: Mapping[str, Any] = ()  # type: ignore[assignment]
    count: None = None
    nbytes: None = None

    @property
    def columns(self) -> Mapping[str, ColumnSpec]:
        return {"text": vstore.text()}

    def batches(self) -> Iterator[dict[str, Any]]:
        for path in self.paths:
            lines = [line.split(" ", 1) for line in path.read_text().splitlines()]
            yield {"sample": [line[0] for line in lines], "text": [line[1] for line in lines]}


@dataclass(frozen=True, slots=True)
class LineImporter:
    """Reads text that begins with a number sign."""

    name: str = "lines"

    def fits(self, source: ImportSource) -> bool:
        return source.head(1) == b"#"

    def open(self, source: ImportSource, *, source_name: str = "") -> Lines:
        return Lines(source.paths, attributes={"source": source_name})


@pytest.fixture
def repository() -> Repository:
    return new_repository()


@pytest.fixture
def label(tmp_path: Path) -> Path:
    np.save(tmp_path / "label.npy", np.arange(10))
    return tmp_path / "label.npy"


def keyed(tmp_path: Path, *keys: str) -> Path:
    path = tmp_path / f"{keys[0]}.txt"
    path.write_text("".join(f"{key}\n" for key in keys))
    return path


def imported(repository: Repository, rows: Rows, **options: Any) -> Imported:
    with repository.transaction("main", message="Import") as tx:
        return import_into(tx, "t", rows, **options)


def numbers(repository: Repository) -> list[int]:
    found: list[int] = repository.checkout("main").tables["t"]["label"][:].tolist()
    return found


def test_a_table_is_created_for_the_samples(repository: Repository, tmp_path: Path) -> None:
    write_idx(tmp_path / "image.idx", images(10))
    np.save(tmp_path / "label.npy", np.arange(10))
    rows = open_files([tmp_path / "image.idx", tmp_path / "label.npy"], names=["x", "y"])
    assert (rows.count, rows.nbytes, rows.keys) == (10, 10 * 20 + 80, None)
    assert imported(repository, rows) == Imported("t", 10, 10)
    table = repository.checkout("main").tables["t"]
    assert np.array_equal(table["x"][:], images(10))
    assert table["y"][:].tolist() == list(range(10))


def test_samples_are_appended_to_a_table(repository: Repository, label: Path) -> None:
    rows = open_files([label])
    imported(repository, rows)
    assert imported(repository, rows, append=True) == Imported("t", 10, 20)
    assert numbers(repository) == [*range(10), *range(10)]


def test_a_table_that_is_there_is_not_touched_unasked(repository: Repository, label: Path) -> None:
    imported(repository, open_files([label]))
    with pytest.raises(AlreadyExistsError, match="something at 't' already"):
        imported(repository, open_files([label]))
    assert numbers(repository) == list(range(10))


def test_only_a_table_can_be_appended_to(repository: Repository, label: Path) -> None:
    with pytest.raises(NotFoundError, match="no table 't' to append to"):
        imported(repository, open_files([label]), append=True)
    with repository.transaction("main", message="Array") as tx:
        tx.create_array("t", shape=(1,), dtype="int8")
    with pytest.raises(InvalidInputError, match="'t' is not a table"):
        imported(repository, open_files([label]), append=True)


def test_samples_get_their_keys(repository: Repository, tmp_path: Path, label: Path) -> None:
    imported(repository, open_files([label], keys=keyed(tmp_path, *"abcdefghij")))
    assert repository.checkout("main").tables["t"].loc["c"]["label"] == 2


def test_text_names_samples_by_integers_if_the_table_does(
    repository: Repository, tmp_path: Path, label: Path
) -> None:
    np.save(tmp_path / "keys.npy", np.arange(10))
    imported(repository, open_files([label], keys=tmp_path / "keys.npy"))
    more = open_files([label], keys=keyed(tmp_path, *map(str, range(10, 20))))
    imported(repository, more, append=True)
    assert repository.checkout("main").tables["t"].loc[17]["label"] == 7


def test_text_names_samples_by_tuples_if_the_table_does(
    repository: Repository, tmp_path: Path, label: Path
) -> None:
    with repository.transaction("main", message="Table") as tx:
        tx.create_table("t", {"label": vstore.ndarray((), "int64")}, keys="tuple")
    rows = open_files([label], keys=keyed(tmp_path, *[f'["a", {i}]' for i in range(10)]))
    imported(repository, rows, append=True)
    assert repository.checkout("main").tables["t"].loc["a", 7]["label"] == 7


@pytest.mark.parametrize("key", ["a", "1.5", str(2**64)])
def test_text_that_is_no_integer_names_no_sample_by_one(
    repository: Repository, tmp_path: Path, label: Path, key: str
) -> None:
    np.save(tmp_path / "keys.npy", np.arange(10))
    imported(repository, open_files([label], keys=tmp_path / "keys.npy"))
    rows = open_files([label], keys=keyed(tmp_path, *[key] * 10))
    with pytest.raises(InvalidInputError, match=r"'t' are integers|fit 64 bits"):
        imported(repository, rows, append=True)
    assert len(repository.checkout("main").tables["t"]) == 10


def test_keys_are_refused_by_a_table_without(
    repository: Repository, tmp_path: Path, label: Path
) -> None:
    imported(repository, open_files([label]))
    rows = open_files([label], keys=keyed(tmp_path, *"abcdefghij"))
    with pytest.raises(InvalidInputError, match="have no keys"):
        imported(repository, rows, append=True)


def test_each_batch_is_told_of(repository: Repository, tmp_path: Path) -> None:
    told: list[int] = []
    for name, lines in (("a", "#1 x\n#2 y\n"), ("b", "#3 z\n")):
        (tmp_path / name).write_text(lines)
    rows = Lines((tmp_path / "a", tmp_path / "b"), attributes={})
    imported(repository, rows, on_batch=told.append)
    assert told == [2, 1]


def test_any_importer_brings_columns_keys_and_attributes(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "lines"
    path.write_text("#1 one\n#2 two\n")
    source = ImportSource.of([path])
    importer: Importer = LineImporter()
    assert find_importer(source, (*IMPORTERS, importer)) is importer
    rows = importer.open(source, source_name="the shelf")
    assert imported(repository, rows) == Imported("t", 2, 2)
    table = repository.checkout("main").tables["t"]
    assert table.loc["#2"]["text"] == "two"
    assert table.attributes == {"source": "the shelf"}


def test_two_importers_that_fit_are_both_named(label: Path) -> None:
    rival = ArrayImporter("rival")
    with pytest.raises(InvalidInputError, match="several importers: arrays and rival"):
        find_importer(ImportSource.of([label]), (ArrayImporter(), rival))


def test_what_no_importer_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"anything else")
    with pytest.raises(InvalidInputError, match="is of no known format"):
        open_files([tmp_path / "x"])
    with pytest.raises(InvalidInputError, match="no files to import"):
        open_files([])
