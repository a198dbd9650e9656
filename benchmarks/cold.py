"""How long a fresh process takes to its first element: imports, opening and reading.

    python -m benchmarks.cold [--rounds 20]

vstore, zarr, Icechunk, Lance and h5py take turns, each in a process of its own, with the same
images in a local folder, uncompressed and in chunks of 1,024. Shown are medians, the processor's
time and the delay, each less what an interpreter that imports NumPy takes, and the delay as a
multiple of vstore's in the same round. A peer that is not installed is left out.
"""

import argparse
import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import vstore

SHAPE = (4096, 28, 28)
ROWS = 1024


@dataclass(frozen=True)
class Subject:
    """What keeps an array in a folder: how it is written, and a script that reads an element."""

    name: str
    module: str
    write: Callable[[Path, Any], None]
    script: str


def write_vstore(folder: Path, values: Any) -> None:
    """Write a table with one column."""
    kind = vstore.ndarray(values.shape[1:], values.dtype, rows_per_chunk=ROWS, codecs="none")
    with vstore.create(folder / "vstore").transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": kind}).extend({"x": values})


def write_zarr(folder: Path, values: Any) -> None:
    """Write an array."""
    import zarr

    chunks = (ROWS, *values.shape[1:])
    array = zarr.create_array(
        folder / "zarr", shape=values.shape, chunks=chunks, dtype=values.dtype, compressors=None
    )
    array[:] = values


def write_icechunk(folder: Path, values: Any) -> None:
    """Write an array, and commit it."""
    import icechunk
    import zarr

    storage = icechunk.local_filesystem_storage(str(folder / "icechunk"))
    session = icechunk.Repository.create(storage).writable_session("main")
    chunks = (ROWS, *values.shape[1:])
    array = zarr.create_array(
        session.store, name="x", shape=values.shape, chunks=chunks, dtype="u1", compressors=None
    )
    array[:] = values
    session.commit("Add")


def write_lance(folder: Path, values: Any) -> None:
    """Write lists of fixed length."""
    import lance
    import pyarrow as pa

    flat = pa.array(values.reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, values[0].size)
    lance.write_dataset(pa.table({"x": column}), str(folder / "lance"))


def write_h5py(folder: Path, values: Any) -> None:
    """Write a chunked dataset."""
    import h5py

    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(ROWS, *values.shape[1:]))


BARE = "import numpy\n"
SUBJECTS = (
    Subject(
        "vstore",
        "vstore",
        write_vstore,
        "import vstore\nprint(vstore.checkout({folder!r} + '/vstore@main')['t']['x'][5][0, 0])\n",
    ),
    Subject(
        "zarr",
        "zarr",
        write_zarr,
        "import zarr\nprint(zarr.open_array({folder!r} + '/zarr', mode='r')[5, 0, 0])\n",
    ),
    Subject(
        "Icechunk",
        "icechunk",
        write_icechunk,
        "import icechunk, zarr\n"
        "repo = icechunk.Repository.open(\n"
        "    icechunk.local_filesystem_storage({folder!r} + '/icechunk'))\n"
        "store = repo.readonly_session('main').store\n"
        "print(zarr.open_array(store, path='x', mode='r')[5, 0, 0])\n",
    ),
    Subject(
        "Lance",
        "lance",
        write_lance,
        "import lance\nprint(lance.dataset({folder!r} + '/lance').take([5])['x'][0].as_py()[0])\n",
    ),
    Subject(
        "h5py",
        "h5py",
        write_h5py,
        "import h5py\nprint(h5py.File({folder!r} + '/x.h5')['x'][5, 0, 0])\n",
    ),
)


def run(script: str) -> tuple[float, float]:
    """Run a script in a fresh interpreter; return how long it took, and the processor's time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return taken, spent


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    values = np.random.default_rng(0).integers(0, 256, SHAPE, dtype="uint8")
    subjects = [each for each in SUBJECTS if importlib.util.find_spec(each.module)]
    with tempfile.TemporaryDirectory() as name:
        for subject in subjects:
            subject.write(Path(name), values)
        scripts = {"bare": BARE}
        scripts |= {each.name: each.script.format(folder=name) for each in subjects}
        found: dict[str, list[tuple[float, float]]] = {each: [] for each in scripts}
        for number in range(rounds + 1):
            for each in list(scripts)[:: 1 if number % 2 else -1]:
                measured = run(scripts[each])
                if number:  # the first round compiles modules, and reads them from the disk
                    found[each].append(measured)
    show(found)


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, less those of an interpreter with NumPy."""
    bare = found.pop("bare")
    print("| | delay, ms | CPU, ms | delay to vstore's |")
    print("|---|---|---|---|")
    for name, several in found.items():
        less = [(a - c, b - d) for (a, b), (c, d) in zip(several, bare, strict=True)]
        delay, spent = (1e3 * statistics.median(each) for each in zip(*less, strict=True))
        ours = [a / b for (a, _), (b, _) in zip(several, found["vstore"], strict=True)]
        print(f"| {name} | {delay:.0f} | {spent:.0f} | {statistics.median(ours):.2f} |")
    delay, spent = (1e3 * statistics.median(each) for each in zip(*bare, strict=True))
    print(f"\nAn interpreter that imports NumPy: {delay:.0f} ms, {spent:.0f} of the processor.")


if __name__ == "__main__":
    main()
