"""Chunks that stay in other files: what very many cost. `python -m benchmarks.virtual`."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import vstore
from vstore import virtual
from vstore.storage.local import LocalStore

NBYTES = 8


def references(folder: str, chunks: int, files: int) -> dict[str, object]:
    """Return references to chunks of eight bytes, dealt to files."""
    each = chunks // files
    document = {
        "zarr_format": 2,
        "shape": [chunks],
        "chunks": [1],
        "dtype": "<f8",
        "fill_value": -1,
    }
    places = ((i, *divmod(i, each)) for i in range(chunks))
    parts = {f"x/{i}": [f"{folder}/{file}.bin", NBYTES * at, NBYTES] for i, file, at in places}
    return {"x/.zarray": json.dumps(document), **parts}


def peak_nbytes() -> int:
    """Return the most memory that this process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def report(what: str, since: float) -> None:
    """Print what something took: seconds, and the peak of memory so far."""
    seconds = time.perf_counter() - since
    print(f"{what}: {seconds:.2f} s, peak {peak_nbytes() / 2**20:,.0f} MiB", flush=True)


def write(folder: str, chunks: int, files: int) -> None:
    """Write a repository of references."""
    for i in range(files):
        data = np.arange(chunks // files) + i * (chunks // files)
        Path(folder, f"{i}.bin").write_bytes(data.astype("<f8").tobytes())
    refs = references(folder, chunks, files)
    print(f"references as JSON: {len(json.dumps(refs)):,} bytes")
    report("references in memory", time.perf_counter())
    repo = vstore.create(f"{folder}/repo", author="Ann")
    since = time.perf_counter()
    with repo.transaction("main", message="Refer") as tx:
        virtual.write(tx, refs, sources={folder: {}})
    report("write", since)
    store = LocalStore(f"{folder}/repo")
    stored = [info.nbytes for info in store.list_prefix("")]
    print(f"stored: {sum(stored):,} bytes in {len(stored):,} objects")


def read(folder: str, chunks: int) -> None:
    """Open the repository and read one chunk, then all."""
    print(f"imports: peak {peak_nbytes() / 2**20:,.0f} MiB")
    since = time.perf_counter()
    array = vstore.open(f"{folder}/repo", sources={folder: {}}).checkout()["x"]
    assert array[chunks // 2] == chunks // 2
    report("open and read one chunk", since)
    since = time.perf_counter()
    assert array[:].sum() == chunks * (chunks - 1) / 2
    report("read all chunks", since)


def main() -> None:
    """Run both, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--read", metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        read(given.read, given.chunks)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(folder, given.chunks, given.files)
        again = ["-m", "benchmarks.virtual", "--chunks", str(given.chunks), "--read", folder]
        subprocess.run([sys.executable, *again], check=True)


if __name__ == "__main__":
    main()
