"""What it costs to append one row after another, each a commit of its own, and to read them all.

    python -m benchmarks.appends [--rows 1000] [--nbytes 800]

vstore, Icechunk, Lance and SQLite append the same rows to a new repository in a local folder.
Shown are the bytes stored for each byte appended, the processor's time for a commit, and how long
the whole column takes to be read by a fresh handle, as a multiple of what the same rows take that
were written at once. SQLite keeps one version, the others keep all. A peer that is not installed
is left out.
"""

import argparse
import importlib.util
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import vstore

Rows = NDArray[np.int64]


class Subject(Protocol):
    """Something that keeps rows in a folder."""

    name: str

    def create(self, folder: Path, first: Rows) -> None:
        """Make a repository that holds some rows."""

    def append(self, folder: Path, row: Rows) -> None:
        """Add one row, in a commit of its own, by a fresh handle."""

    def read(self, folder: Path) -> Rows:
        """Return all rows, by a fresh handle."""


class Vstore:
    """A table with one column."""

    def __init__(self, codecs: str) -> None:
        self.codecs = codecs
        self.name = f"vstore, {codecs}"

    def create(self, folder: Path, first: Rows) -> None:
        repo = vstore.create(folder)
        with repo.transaction("main", message="Add") as tx:
            column = vstore.ndarray(first.shape[1:], "int64", codecs=self.codecs)
            tx.create_table("t", {"x": column}).extend({"x": first})

    def append(self, folder: Path, row: Rows) -> None:
        with vstore.open(folder).transaction("main", message="Add") as tx:
            tx["t"].extend({"x": row})

    def read(self, folder: Path) -> Rows:
        found: Rows = vstore.open(folder).checkout("main")["t"]["x"][:]
        return found


class Icechunk:
    """An array through zarr, in chunks of about 1 MiB."""

    name = "Icechunk"

    def __init__(self) -> None:
        self.icechunk: Any = import_module("icechunk")
        self.zarr: Any = import_module("zarr")

    def _open(self, folder: Path) -> Any:
        return self.icechunk.Repository.open(self.icechunk.local_filesystem_storage(str(folder)))

    def create(self, folder: Path, first: Rows) -> None:
        storage = self.icechunk.local_filesystem_storage(str(folder))
        session = self.icechunk.Repository.create(storage).writable_session("main")
        rows = max(1, 2**20 // (8 * first.shape[1]))
        array = self.zarr.group(store=session.store).create_array(
            "x", shape=first.shape, chunks=(rows, first.shape[1]), dtype="int64"
        )
        array[:] = first
        session.commit("Add")

    def append(self, folder: Path, row: Rows) -> None:
        session = self._open(folder).writable_session("main")
        self.zarr.open_group(session.store, mode="r+")["x"].append(row)
        session.commit("Add")

    def read(self, folder: Path) -> Rows:
        session = self._open(folder).readonly_session("main")
        found: Rows = self.zarr.open_group(session.store, mode="r")["x"][:]
        return found


class Lance:
    """A dataset with one column of lists of fixed length."""

    name = "Lance"

    def __init__(self) -> None:
        self.lance: Any = import_module("lance")
        self.arrow: Any = import_module("pyarrow")

    def _table(self, rows: Rows) -> Any:
        flat = self.arrow.array(rows.reshape(-1))
        return self.arrow.table(
            {"x": self.arrow.FixedSizeListArray.from_arrays(flat, rows.shape[1])}
        )

    def create(self, folder: Path, first: Rows) -> None:
        self.lance.write_dataset(self._table(first), str(folder))

    def append(self, folder: Path, row: Rows) -> None:
        self.lance.write_dataset(self._table(row), str(folder), mode="append")

    def read(self, folder: Path) -> Rows:
        column = self.lance.dataset(str(folder)).to_table()["x"].combine_chunks()
        flat: Rows = column.flatten().to_numpy()
        return flat.reshape(len(column), -1)


class Sqlite:
    """A table of blobs, one transaction a row."""

    name = "SQLite"

    def create(self, folder: Path, first: Rows) -> None:
        folder.mkdir()
        with sqlite3.connect(folder / "rows.db") as db:
            db.execute("CREATE TABLE t (x BLOB)")
            db.executemany("INSERT INTO t VALUES (?)", [(row.tobytes(),) for row in first])

    def append(self, folder: Path, row: Rows) -> None:
        with sqlite3.connect(folder / "rows.db") as db:
            db.execute("INSERT INTO t VALUES (?)", (row.tobytes(),))

    def read(self, folder: Path) -> Rows:
        with sqlite3.connect(folder / "rows.db") as db:
            found = [np.frombuffer(x, np.int64) for (x,) in db.execute("SELECT x FROM t")]
        return np.stack(found)


def subjects() -> list[Subject]:
    """Return vstore and the peers that are installed."""
    found: list[Subject] = [Vstore("none"), Vstore("auto")]
    if importlib.util.find_spec("icechunk"):
        found.append(Icechunk())
    if importlib.util.find_spec("lance"):
        found.append(Lance())
    return [*found, Sqlite()]


def nbytes_in(folder: Path) -> int:
    """Return how much the files in a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def seconds(work: Callable[[], object], *, rounds: int) -> float:
    """Return the median time that something takes."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(subject: Subject, rows: Rows, folder: Path) -> list[str]:
    """Append rows one by one and return the cells of a line."""
    one_by_one, at_once = folder / "one-by-one", folder / "at-once"
    subject.create(one_by_one, rows[:1])
    start = time.process_time()
    for i in range(1, len(rows)):
        subject.append(one_by_one, rows[i : i + 1])
    spent = (time.process_time() - start) / (len(rows) - 1)
    subject.create(at_once, rows)
    for each in (one_by_one, at_once):
        if not np.array_equal(subject.read(each), rows):
            raise SystemExit(f"{subject.name} does not give back what was appended")
    ratio = seconds(lambda: subject.read(one_by_one), rounds=9) / seconds(
        lambda: subject.read(at_once), rounds=9
    )
    stored = nbytes_in(one_by_one) / rows.nbytes
    return [subject.name, f"{stored:.1f}", f"{1e3 * spent:.1f}", f"{ratio:.2f}"]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--nbytes", type=int, default=800)
    options = parser.parse_args()
    rows = np.random.default_rng(0).integers(0, 2**40, (options.rows, options.nbytes // 8))
    print(
        "| | bytes stored for each appended | CPU ms a commit | reading, to one written at once |"
    )
    print("|---|---|---|---|")
    for subject in subjects():
        folder = Path(tempfile.mkdtemp(prefix="vstore-appends-"))
        try:
            print(f"| {' | '.join(measure(subject, rows, folder))} |", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
