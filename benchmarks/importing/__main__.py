"""`python -m benchmarks.importing`: imports of five kinds of sources, vstore beside its peers.

Each way runs in a process of its own, one after the other, in each round in turn; the table has
the median of the rounds. A peer that is not installed is left out and named. DVC is the program
`dvc`, or that of `--dvc`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.importing.ways import WAYS

Measured = dict[str, float]


def main() -> None:
    """Make the data, run all ways, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="1 for the sizes of the report")
    parser.add_argument("--dvc", default=shutil.which("dvc"), help="the program")
    parser.add_argument("--only", nargs="*", default=list(WAYS), help="kinds of sources")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="importing-") as folder:
        data = Path(folder) / "data"
        # Not here: a process counts the memory of the one that started it as its own.
        make = [sys.executable, "-m", "benchmarks.importing.data", data, str(given.scale)]
        subprocess.run(make, check=True)
        print("| source | way | seconds | CPU seconds | peak memory | stored / source |")
        print("|---|---|---|---|---|---|")
        for kind in given.only:
            rounds = _rounds(kind, data / kind, Path(folder), given)
            size = sum(p.stat().st_size for p in (data / kind).rglob("*") if p.is_file())
            for way, found in rounds.items():
                print(_line(kind, way, found, size), flush=True)


def _rounds(kind: str, source: Path, folder: Path, given: Any) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {}
    for _ in range(given.rounds):
        for way in WAYS[kind]:
            if way == "dvc add" and given.dvc is None:
                continue
            measured = _run(kind, way, source, folder / "target", given.dvc)
            if measured is not None:
                found.setdefault(way, []).append(measured)
    return found


def _run(kind: str, way: str, source: Path, target: Path, dvc: str | None) -> Measured | None:
    command = [sys.executable, "-m", "benchmarks.importing.ways", kind, way, source, target]
    environment = os.environ | {"DVC": dvc or "", "HF_HOME": str(target.parent / "hf")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    shutil.rmtree(target, ignore_errors=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        print(f"{kind}, {way}: left out: {errors[-1]}", file=sys.stderr)
        return None
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def _line(kind: str, way: str, found: list[Measured], size: int) -> str:
    median = {name: statistics.median(each[name] for each in found) for name in found[0]}
    return (
        f"| {kind} | {way} | {median['seconds']:.2f} | {median['cpu']:.2f} | "
        f"{median['peak'] / 1e6:.0f} MB | {median['nbytes'] / size:.2f} |"
    )


if __name__ == "__main__":
    main()
