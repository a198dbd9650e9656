"""Print what each framework was given: `python -m benchmarks.frameworks [FRAMEWORK ...]`."""

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.frameworks.runs import WAYS, Outcome, Way, make_data, run

HEAD = [
    "| Framework | Reads through | Ranks | Workers | An epoch | Killed and resumed |",
    "|---|---|---|---|---|---|",
]


def line(way: Way, ranks: int, workers: int, outcome: Outcome) -> str:
    """Return one row of the table."""
    whole, resumed = (f"{a} / {b}" for a, b in (outcome.whole, outcome.resumed))
    wrong = "" if outcome.is_right else " **wrong**"
    name = f"{way.framework} {version(way.framework.lower())}"
    return f"| {name} | {way.name} | {ranks} | {workers} | {whole} | {resumed}{wrong} |"


def main() -> int:
    """Run every way whose libraries are installed; return 1 if a sample was missed or repeated."""
    chosen = {name.lower() for name in sys.argv[1:]}
    is_right = True
    print("\n".join(HEAD))
    with tempfile.TemporaryDirectory() as scratch:
        url = make_data(Path(scratch))
        for way in WAYS:
            if chosen and way.framework.lower() not in chosen:
                continue
            if way.missing:
                print(f"{way.framework}: {', '.join(way.missing)} missing", file=sys.stderr)
                continue
            for ranks in (1, 2):
                for workers in way.workers:
                    folder = Path(scratch, f"{way.module}-{way.name}-{ranks}-{workers}")
                    outcome = run(way, url, folder, ranks=ranks, workers=workers)
                    is_right &= outcome.is_right
                    print(line(way, ranks, workers, outcome), flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
