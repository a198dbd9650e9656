"""Tables as Arrow beside Parquet, Lance and DuckDB's own storage: `python -m benchmarks.lake`.

One process, data in the page cache, every way over the same samples: 2,000,000 rows of four
scalars, an embedding of 16 floats and a short text (`--rows`). Figures are CPU seconds of all
threads, the best of some rounds: on a machine that does other work, only ratios mean anything.
Needs duckdb, polars and pylance besides the extra `arrow`; what is not installed is left out.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

import vstore
import vstore.arrow
from vstore.storage.counting import CountingStore
from vstore.storage.local import LocalStore

SCALARS = ["label", "when", "score", "flag"]
CLASSES = 1000


def samples(rows: int) -> pa.Table:
    """Return the samples, clustered by label, as data that is appended class by class is."""
    rng = np.random.default_rng(0)
    text = [f"sample {i} of some text" for i in range(rows)]
    return pa.table(
        {
            "label": np.sort(rng.integers(0, CLASSES, rows)),
            "when": np.arange(rows).astype("datetime64[us]"),
            "score": rng.random(rows),
            "flag": rng.random(rows) < 0.5,
            "emb": pa.FixedShapeTensorArray.from_numpy_ndarray(rng.random((rows, 16), np.float32)),
            "text": text,
        }
    )


def write(folder: Path, rows: int) -> None:
    """Write the samples in every form."""
    table = samples(rows)
    repository = vstore.create(str(folder / "vstore"))
    emb = vstore.ndarray((16,), "float32", codecs="none")
    specs = vstore.arrow.column_specs(table.schema, emb=emb)
    plain = {name: vstore.ndarray((), specs[name].dtype) for name in SCALARS}
    with repository.transaction("main", message="Add") as tx:
        tx.write_arrow("t", table, columns={**plain, "emb": emb, "text": vstore.text()})
    pq.write_table(table, folder / "t.parquet", row_group_size=131_072, compression="zstd")
    if has("lance"):
        import lance

        lance.write_dataset(table, str(folder / "t.lance"))
    if has("duckdb"):
        import duckdb

        listed = table.set_column(4, "emb", table["emb"].combine_chunks().storage)
        with duckdb.connect(str(folder / "t.duckdb")) as connection:
            connection.register("listed", listed)
            connection.execute("create table t as select * from listed")


def has(library: str) -> bool:
    """Return whether a library is installed."""
    try:
        __import__(library)
    except ImportError:
        return False
    return True


def drain(batches: Iterable[Any]) -> int:
    """Take every batch and let it go."""
    return sum(batch.num_rows for batch in batches)


def cpu(work: Callable[[], object], rounds: int) -> float:
    """Return the CPU seconds of the best round."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best


def ways(folder: Path, names: list[str]) -> dict[str, Callable[[], object]]:
    """Return how each library reads some columns."""
    table = vstore.checkout(f"{folder}/vstore@main")["t"]
    found: dict[str, Callable[[], object]] = {
        "vstore": lambda: drain(table.arrow(names).reader()),
        "parquet": lambda: drain(pads.dataset(folder / "t.parquet").to_batches(columns=names)),
    }
    if has("lance"):
        import lance

        dataset = lance.dataset(str(folder / "t.lance"))
        found["lance"] = lambda: drain(dataset.to_batches(columns=names))
    return found


def queries(folder: Path) -> dict[str, dict[str, Callable[[], object]]]:
    """Return queries of DuckDB, over each kind of storage."""
    import duckdb

    table = vstore.checkout(f"{folder}/vstore@main")["t"]
    over = duckdb.connect()
    over.register("through_dataset", table.arrow().dataset())
    over.register("through_stream", table)
    over.execute(f"create view parquet as from '{folder}/t.parquet'")
    own = duckdb.connect(str(folder / "t.duckdb"), read_only=True)
    asked = {
        "count where label": "select count(*) from {} where label = 17",
        "group by label": "select label, count(*), avg(score) from {} group by label",
        "text equality": "select count(*) from {} where text = 'sample 17 of some text'",
    }
    return {
        name: {
            "vstore dataset": lambda q=query: over.sql(q.format("through_dataset")).fetchall(),
            "vstore stream": lambda q=query: over.sql(q.format("through_stream")).fetchall(),
            "parquet": lambda q=query: over.sql(q.format("parquet")).fetchall(),
            "duckdb": lambda q=query: own.sql(q.format("t")).fetchall(),
        }
        for name, query in asked.items()
    }


def selective(folder: Path) -> dict[str, int]:
    """Return the bytes and requests of a condition that one class fulfills, and of everything."""
    store = CountingStore(LocalStore(folder / "vstore"))
    table = vstore.Repository(store).checkout("main")["t"]
    found: dict[str, int] = {}
    for name, where in (("one class", "label = 17"), ("all", None)):
        store.reset()
        drain(table.arrow(where=where).reader())
        found[f"bytes, {name}"] = store.nbytes_received
        found[f"requests, {name}"] = store.count("get", "get_range")
    return found


def peak(folder: Path, way: str) -> int:
    """Return how many MiB one way takes at most above what its imports take."""
    command = [sys.executable, "-m", "benchmarks.lake", "--peak", way, str(folder)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_peak(folder: Path, way: str) -> None:
    """Print the growth of this process while it drains all columns."""
    names = [*SCALARS, "emb", "text"]
    run = ways(folder, names)[way]
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what is taken now
    before = highest_kib()
    run()
    print((highest_kib() - before) // 1024)


def highest_kib() -> int:
    """Return how much memory this process has taken at most."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    """Measure everything and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", nargs=2, metavar=("WAY", "FOLDER"))
    options = parser.parse_args()
    if options.peak:
        measure_peak(Path(options.peak[1]), options.peak[0])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows)
        for what, names in (
            ("scalars", SCALARS),
            ("tensors", ["emb"]),
            ("text", ["text"]),
            ("all", [*SCALARS, "emb", "text"]),
        ):
            show(what, ways(folder, names), options.rounds)
        if has("duckdb"):
            for what, asked in queries(folder).items():
                show(f"duckdb: {what}", asked, options.rounds)
        print(json.dumps({"selective": selective(folder)}))
        print(json.dumps({"peak MiB": {way: peak(folder, way) for way in ways(folder, ["emb"])}}))


def show(what: str, found: dict[str, Callable[[], object]], rounds: int) -> None:
    """Print the CPU milliseconds of each way."""
    taken = {name: round(cpu(work, rounds) * 1000) for name, work in found.items()}
    print(json.dumps({what: taken}), flush=True)


if __name__ == "__main__":
    main()
