"""How fast vstore reads and writes for training, beside memory and beside others, in one run.

    python -m benchmarks.loaders                 # everything (an hour on two cores)
    python -m benchmarks.loaders --quick         # small data, one round: does it all run?
    python -m benchmarks.loaders epochs --data images --loaders memory "vstore auto" LitData
    python -m benchmarks.loaders writing rows    # writing, and random rows, beside Icechunk
    python -m benchmarks.loaders s3              # from a server that answers 20 ms late
    python -m benchmarks.loaders ways            # single samples, transforms, worker processes
    python -m benchmarks.loaders epochs ways --beside before=../before    # another checkout, too

Every measurement is a process of its own, with one OpenMP thread; the loaders take turns, round
after round, and what counts are medians and their ratios. Others come from an environment of
their own (`benchmarks/requirements.txt`), since they want other versions of the same packages:
`--python` says which. A loader whose package is missing is left out.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.loading import (  # noqa: F401 - they register loaders
    codecs_alone,
    ours,
    rows,
    shards,
    ways,
    writing,
)
from benchmarks.loading.beside import Checkout
from benchmarks.loading.data import DATASETS
from benchmarks.loading.latency import delayed_server
from benchmarks.loading.loader import ALL, LOADERS, Loader
from benchmarks.loading.report import (
    Figures,
    print_beside,
    print_epochs,
    print_ratios,
    print_rows,
    print_ways,
    print_writing,
    whole,
)

PARTS = ("epochs", "ways", "s3", "writing", "rows")
OURS = tuple(name for name in LOADERS if name.startswith(("memory", "codecs alone", "vstore")))


class Run:
    """One run of the benchmark: where things are, and what was measured."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder: Path = options.folder
        self.pythons = dict(each.split("=", 1) for each in options.python)
        self.checkouts = {
            name: Checkout(Path(path), self.folder / f"beside-{name}")
            for name, path in (each.split("=", 1) for each in options.beside)
        }
        self.figures: dict[str, Any] = {}
        self.failed: set[tuple[str, str]] = set()

    def save(self) -> None:
        """Write all figures so far to a file, where one is wanted."""
        if self.options.json:
            self.options.json.write_text(json.dumps(self.figures, indent=1))

    def python(self, loader: str) -> str:
        """Return the interpreter that runs a loader."""
        return self.pythons.get(loader) or self.pythons.get("*") or sys.executable

    def call(self, *words: str, loader: str) -> dict[str, Any] | None:
        """Run one process; return what it measured, or None if it cannot."""
        root = Path(__file__).parents[1]
        path = [str(root)]
        _, _, beside = loader.partition(" @")
        if beside:
            path.insert(0, str(self.checkouts[beside].importable()))
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path), OMP_NUM_THREADS="1")
        # -P, so that this folder's vstore does not come before that of another checkout.
        command = [self.python(loader), "-P", "-m", "benchmarks.loading.run_one", *words]
        found = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, check=False
        )
        lines = [line for line in found.stdout.splitlines() if line.startswith("{")]
        if not lines:
            last = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"  left out: {' '.join(words[:3])}: {last[:150]}", file=sys.stderr)
            return None
        measured: dict[str, Any] = json.loads(lines[-1])
        return measured

    def place(self, loader: str, dataset: str) -> Path:
        """Return where a loader's form of a data set lies."""
        base, _, beside = loader.partition(" @")
        base = base.partition(": ")[0]
        name = "".join(c if c.isalnum() else "-" for c in f"{dataset} {base} {beside}".strip())
        return self.folder / name

    def with_beside(self, names: Iterable[str]) -> list[str]:
        """Return names of loaders, each of vstore's followed by those of other checkouts."""
        found = []
        for name in names:
            found.append(name)
            if name.startswith("vstore"):
                found += [f"{name} @{beside}" for beside in self.checkouts]
        return found

    def prepare(self, loader: str, dataset: str, *more: str) -> bool:
        """Convert a data set once; return whether that was possible."""
        place = self.place(loader, dataset)
        done = place / "measured.json"
        if done.exists() and not more:
            return True
        place.mkdir(parents=True, exist_ok=True)
        plain = loader.partition(" @")[0]
        measured = self.call("prepare", plain, dataset, str(place), *more, loader=loader)
        if measured is None:
            return False
        done.write_text(json.dumps(measured))
        self.figures.setdefault("conversion", {})[f"{dataset}/{loader}"] = measured
        return True

    def read(self, loader: str, dataset: str, workers: int, *more: str) -> dict[str, Any] | None:
        """Read epochs once."""
        options = self.options
        counts = ["--openings", "5", "--epochs", "3", "--seconds", str(options.seconds)]
        place = str(self.place(loader, dataset))
        plain = loader.partition(" @")[0]
        words = ["read", plain, dataset, place, "--workers", str(workers), *counts, *more]
        return self.call(*words, loader=loader)


def epochs(run: Run, loaders: list[str], *more: str, label: str = "local") -> None:
    """Measure epochs of every data set in both orders."""
    for dataset in run.options.data:
        chosen = [
            name
            for name in run.with_beside(loaders)
            if dataset in loader_of(name).datasets and run.prepare(name, dataset, *more)
        ]
        for order in run.options.orders:
            flags = ["--shuffled"] if order == "shuffled" else []
            best: dict[str, int] = {}
            figures: dict[str, Figures] = {}
            for number in range(run.options.rounds):
                for name in chosen:
                    tried = loader_of(name).workers if not number else (best.get(name, 0),)
                    for workers in tried:
                        measured = run.read(name, dataset, workers, *flags, *more)
                        if measured is not None:
                            held = figures.setdefault(name, Figures())
                            best[name] = held.add(measured, workers)
            key = f"{label}/{dataset}/{order}"
            run.figures[key] = {name: each.summary() for name, each in figures.items()}
            print_epochs(key, run.figures[key])
            print_beside({name: each.rounds for name, each in figures.items()})
            run.save()
    print_ratios(run.figures, label)


def loader_of(name: str) -> Loader:
    """Return a loader by its name, be it with that of another checkout."""
    return LOADERS[name.partition(" @")[0]]


def read_in_ways(run: Run) -> None:
    """Measure whole epochs of samples that are reached in other ways, in rounds."""
    for way, names in ways.WAYS.items():
        (dataset,) = LOADERS[names[0]].datasets
        tried = [
            (name, workers)
            for name in run.with_beside(names)
            if run.prepare(name, dataset)
            for workers in loader_of(name).workers
        ]
        measured: dict[str, list[dict[str, Any]]] = {}
        for _ in range(run.options.rounds):
            for name, workers in tried:
                found = run.read(name, dataset, workers, "--shuffled")
                if found is not None:
                    row = f"{name}, {workers} workers" if workers else name
                    measured.setdefault(row, []).append(found)
        run.figures[f"ways/{way}"] = {name: whole(each) for name, each in measured.items()}
        print_ways(f"{way} of {dataset}", run.figures[f"ways/{way}"])
        print_beside(measured)
        run.save()


def s3(run: Run) -> None:
    """Measure epochs from a server of this machine, every request of which takes 20 ms more."""
    names = [name for name in LOADERS if "S3" in name or name in ("memory", "vstore auto")]
    with delayed_server(run.options.delay, run.options.server) as server:
        more = ["--url", server.url, "--storage-options", json.dumps(server.storage_options)]
        epochs(run, names, *more, label="s3")


def write_and_rows(run: Run, action: str) -> None:
    """Measure writing, or random rows, in rounds."""
    results: dict[str, list[Any]] = {}
    for _ in range(run.options.rounds):
        for name in writing.WRITERS:
            with tempfile.TemporaryDirectory(dir=run.folder) as place:
                measured = run.call(action, name, "fashion", place, loader=name)
            if measured is not None:
                results.setdefault(name, []).append(measured)
    run.figures[action] = results
    (print_writing if action == "writing" else print_rows)(results)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--data", nargs="+", choices=sorted(DATASETS), default=list(ALL))
    parser.add_argument("--orders", nargs="+", default=["shuffled", "sequential"])
    parser.add_argument("--loaders", nargs="+", choices=sorted(LOADERS), metavar="LOADER")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="about, for each process")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds added per request")
    parser.add_argument("--server", default="ministack", help="of those in localstack/serve.py")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--folder", type=Path, help="where data lie; temporary when left out")
    parser.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="LOADER=PATH",
        help="interpreters of other environments; * means every loader that is not named",
    )
    parser.add_argument(
        "--beside",
        nargs="+",
        default=[],
        metavar="NAME=PATH",
        help="other checkouts of this project, whose vstore takes turns with this one's",
    )
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {min(unknown)!r}")
    options.parts = options.parts or list(PARTS)
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return options


def main() -> None:
    """Run."""
    options = _options()
    with ExitStack() as stack:
        options.folder = stack.enter_context(_folder(options.folder))
        more = [LOADERS[names[0]].datasets[0] for names in ways.WAYS.values()]
        for name in {*options.data, *(more if "ways" in options.parts else ())}:
            dataset = DATASETS[name]
            if not dataset.exists(options.folder):
                dataset.write(options.folder, is_quick=options.quick)
        run = Run(options)
        run.figures["machine"] = {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        }
        if "epochs" in options.parts:
            local = [name for name in LOADERS if "S3" not in name and ": " not in name]
            epochs(run, options.loaders or local)
        if "ways" in options.parts:
            read_in_ways(run)
        if "s3" in options.parts:
            s3(run)
        for action in ("writing", "rows"):
            if action in options.parts:
                write_and_rows(run, action)
        run.save()


if __name__ == "__main__":
    main()
