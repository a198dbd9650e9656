"""Imports that were stopped go on where they were; files are known by their contents."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.importers import Imported, import_into, open_rows, resuming
from vstore.plugins import Columns, Rows

COLUMNS = {"n": vstore.ndarray((), "int64"), "text": vstore.text()}


@pytest.fixture(autouse=True)
def noted_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "NOTED_NBYTES", 0)


def sample(number: int) -> dict[str, Any]:
    return {"n": number, "text": f"number {number}"}


def rows(read: Any, *, many: bool = False, keys: bool = False, count: int = 900) -> Rows:
    if many:
        return Rows(COLUMNS, items=range(4), read=read, many=True)
    key = {"key": lambda i: f"k{i}"} if keys else {}
    return Rows(COLUMNS, "str" if keys else None, items=range(count), read=read, **key)  # type: ignore[arg-type]


class StoppedError(Exception):
    """What ends an import in its middle, as a signal would."""


def stopped_once(repo: vstore.Repository, make: Any, journal: Path, after: int, **how: Any) -> None:
    """Import until so many batches were written."""
    batches = 0

    def stop(_: int) -> None:
        nonlocal batches
        batches += 1
        if batches > after:
            raise StoppedError

    with pytest.raises(StoppedError), repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", make(), resume=journal, on_batch=stop, batch_nbytes=500, **how)


def finished(repo: vstore.Repository, make: Any, journal: Path | None, **how: Any) -> Imported:
    with repo.transaction("main", message="Import") as tx:
        return import_into(tx, "t", make(), resume=journal, batch_nbytes=500, **how)


@pytest.mark.parametrize("after", [1, 4, 9])
@pytest.mark.parametrize("keys", [False, True])
def test_an_import_goes_on_behind_what_was_written(tmp_path: Path, keys: bool, after: int) -> None:
    read: list[int] = []

    def reading(number: int) -> dict[str, Any]:
        read.append(number)
        return sample(number)

    repo, journal = new_repository(), tmp_path / "journal"
    make = lambda: rows(reading, keys=keys)  # noqa: E731
    stopped_once(repo, make, journal, after)
    assert "main" not in repo.branches
    done = json.loads(journal.read_text())["items"]
    assert done > 0
    read.clear()
    found = finished(repo, make, journal)
    assert (found.added, found.count) == (900, 900)
    assert min(read) == done
    table = repo.checkout("main").table("t")
    assert table["n"][:].tolist() == list(range(900))
    assert table["text"][:].tolist() == [f"number {i}" for i in range(900)]
    if keys:
        assert table.loc["k899"]["n"] == 899
    assert repo.fsck(mode="full", decode=True).is_sound


@pytest.mark.parametrize("whole", [False, True])
def test_an_item_of_many_samples_goes_on_in_its_middle(tmp_path: Path, whole: bool) -> None:
    def reading(item: int) -> Iterator[Any]:
        for start in range(0, 3000, 500):
            numbers = range(item * 3000 + start, item * 3000 + start + 500)
            if whole:
                yield Columns(n=np.array(numbers), text=[f"number {i}" for i in numbers])
            else:
                yield from (
                    sample(i) if i % 1000 else vstore.InvalidInputError("bad") for i in numbers
                )

    repo, journal = new_repository(), tmp_path / "journal"
    make = lambda: rows(reading, many=True)  # noqa: E731
    stopped_once(repo, make, journal, 4, on_error="skip")
    assert json.loads(journal.read_text())["row"] > 0
    found = finished(repo, make, journal, on_error="skip")
    expected = [i for i in range(12000) if whole or i % 1000]
    assert repo.checkout("main").table("t")["n"][:].tolist() == expected
    assert len(found.skipped) == 12000 - len(expected)
    assert found.added == len(expected)


def test_an_update_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.bin").write_bytes(bytes([i]) * 600)
    repo, journal = new_repository(), tmp_path / "journal"
    make = lambda: open_rows(folder, with_="files")  # noqa: E731
    finished(repo, make, None)
    for i in range(0, 60, 2):
        (folder / f"{i:02}.bin").write_bytes(bytes([i + 100]) * 601)
    (folder / "59.bin").unlink()
    stopped_once(repo, make, journal, 1, existing="update", prune=True, threads=1)
    found = finished(repo, make, journal, existing="update", prune=True)
    assert (found.added, found.replaced, found.equal, found.removed) == (0, 30, 29, 1)
    again = finished(repo, make, None, existing="update", prune=True)
    assert (again.replaced, again.equal) == (0, 59)


def test_what_is_of_another_import_is_refused(tmp_path: Path) -> None:
    repo, journal = new_repository(), tmp_path / "journal"
    make = lambda: rows(sample)  # noqa: E731
    stopped_once(repo, make, journal, 2)
    with pytest.raises(vstore.InvalidInputError, match="of another import"):
        finished(repo, make, journal, on_error="skip")
    with pytest.raises(vstore.InvalidInputError, match="not in the repository"):
        finished(new_repository(), make, journal)
    renamed = Rows(COLUMNS, items=[f"i{i}" for i in range(900)], read=lambda i: sample(int(i[1:])))
    with pytest.raises(vstore.InvalidInputError, match="where the source has i"):
        finished(repo, lambda: renamed, journal)
    with repo.transaction("main", message="Other") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")
    with pytest.raises(vstore.InvalidInputError, match="another commit"):
        finished(repo, make, journal)
    journal.write_text("hello")
    with pytest.raises(vstore.InvalidInputError, match="no journal"):
        finished(repo, make, journal)
    journal.write_text('{"format": "x"}')
    with pytest.raises(vstore.InvalidInputError, match="not written over"):
        finished(repo, make, journal)
    with pytest.raises(vstore.InvalidInputError, match="limit"):
        finished(repo, make, journal, limit=1)


def test_checksums_tell_what_times_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    paths = [folder / f"{i}.bin" for i in range(5)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]) * 9)
    repo = new_repository()
    make = lambda: open_rows(folder, with_="files")  # noqa: E731
    finished(repo, make, None, checksum=True)
    before = repo.commit("main").id
    told = paths[0].stat()
    paths[0].write_bytes(b"x" * 9)
    os.utime(paths[0], ns=(told.st_atime_ns, told.st_mtime_ns))  # the same size and time
    os.utime(paths[1], (1, 1))
    assert finished(repo, make, None, existing="update").replaced == 0
    found = finished(repo, make, None, existing="update", checksum=True)
    assert (found.replaced, found.equal) == (1, 4)
    assert repo.checkout("main").table("t").loc["0.bin"]["data"] == b"x" * 9
    after = repo.commit("main").id
    assert after != before
    os.utime(paths[2], (2, 2))
    assert finished(repo, make, None, existing="update", checksum=True).equal == 5
    assert repo.commit("main").id == after


def test_checksums_may_come_later(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    repo = new_repository()
    make = lambda: open_rows(folder, with_="files")  # noqa: E731
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(folder, with_="files"))
    assert "digest" not in repo.checkout("main").table("t.imported").columns
    assert finished(repo, make, None, existing="update").equal == 1
    (folder / "b").write_bytes(b"b")
    found = finished(repo, make, None, existing="update", checksum=True)
    assert (found.added, found.equal) == (1, 1)
    assert finished(repo, make, None, existing="update", checksum=True).equal == 2
