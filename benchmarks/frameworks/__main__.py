"""Print what each framework was given: `python -m benchmarks.frameworks [FRAMEWORK ...]`."""

import argparse
import sys
import tempfile
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path

from benchmarks.frameworks.runs import WAYS, Outcome, Way, make_data, run

HEAD = [
    "| Framework | Reads through | Ranks | Workers | An epoch | Killed and resumed |",
    "|---|---|---|---|---|---|",
]
Row = tuple[Way, int, int]
"""A way to train, with how many ranks and how many workers."""


def rows(names: set[str]) -> list[Row]:
    """Return the rows of the table, those of the named frameworks only, or of all."""
    return [
        (way, ranks, workers)
        for way in WAYS
        if not names or way.framework.lower() in names
        for ranks, workers in product((1, 2), way.workers)
    ]


def in_turns(rows: list[Row]) -> list[Row]:
    """Return the rows so that each framework comes early: what runs if time is short.

    The hardest row of each, with most ranks and workers, comes first.
    """
    seen: dict[str, int] = {}
    turns = []
    for row in sorted(rows, key=lambda row: -(row[1] + row[2])):
        name = row[0].framework
        turns.append((seen.setdefault(name, 0), row))
        seen[name] += 1
    return [row for _, row in sorted(turns, key=lambda each: each[0])]


def line(row: Row, outcome: Outcome) -> str:
    """Return one row of the table."""
    way, ranks, workers = row
    whole, resumed = (f"{a} / {b}" for a, b in (outcome.whole, outcome.resumed))
    wrong = "" if outcome.is_right else " **wrong**"
    name = f"{way.framework} {version(way.framework.lower())}"
    return f"| {name} | {way.name} | {ranks} | {workers} | {whole} | {resumed}{wrong} |"


def main() -> int:
    """Run the rows whose libraries are installed; return 1 if a sample was missed or repeated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frameworks")
    parser.add_argument("frameworks", nargs="*", help="default: all")
    parser.add_argument("--minutes", type=float, help="begin no other row after that time")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * (arguments.minutes or float("inf"))
    chosen = rows({name.lower() for name in arguments.frameworks})
    outcomes: dict[Row, Outcome] = {}
    with tempfile.TemporaryDirectory() as scratch:
        url = make_data(Path(scratch))
        for row in in_turns(chosen):
            way, ranks, workers = row
            if way.missing:
                print(f"{way.framework}: {', '.join(way.missing)} missing", file=sys.stderr)
                continue
            if time.monotonic() > end:
                break
            folder = Path(scratch, f"{way.module}-{way.name}-{ranks}-{workers}")
            outcomes[row] = run(way, url, folder, ranks=ranks, workers=workers)
            print(line(row, outcomes[row]), file=sys.stderr, flush=True)
    print("\n".join([*HEAD, *(line(row, outcomes[row]) for row in chosen if row in outcomes)]))
    print(f"{len(outcomes)} of {len(chosen)} rows", file=sys.stderr)
    return 0 if all(outcome.is_right for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
