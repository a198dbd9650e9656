"""What it takes to push, fetch and clone, beside a plain copy of the same bytes and DVC.

    python -m benchmarks.transfer [--rounds 3] [--mbytes 196] [--files 50000] [--dvc DVC]

Two repositories on the local disk: images of `--mbytes`, and `--files` samples of 70 bytes, as DVC
would hold them in files of their own. Each is pushed to an empty place, pushed again with nothing
to do, cloned, and fetched into a clone that lacks the last commit. `copy` is a recursive copy of
the repository's folder in this process; `copy, flushed` also waits until each file is on disk, as
vstore does. With `--dvc`, the same samples are files in a DVC project with a folder as remote.

Times are medians; what is shown are seconds, seconds of the processor (which mean more on a busy
machine) and, for whole transfers, the share of the speed of both copies. The caches of the system
are warm.
"""

import argparse
import math
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import vstore

AUTHOR = "Ann Lee <ann@example.org>"
_FILE_NBYTES = 70


def make_images(folder: Path, mbytes: int) -> vstore.Repository:
    """Make a repository of images that do not compress."""
    repository = vstore.create(folder, author=AUTHOR)
    count = mbytes * 1_000_000 // 784
    rng = np.random.default_rng(0)
    spec = {"image": vstore.ndarray((28, 28), "uint8"), "label": vstore.ndarray((), "int64")}
    with repository.transaction(message="Add images") as tx:
        table = tx.create_table("train", spec)
        for start in range(0, count, 20_000):
            size = min(20_000, count - start)
            images = rng.integers(0, 256, (size, 28, 28), dtype="uint8")
            table.extend({"image": images, "label": np.arange(start, start + size) % 10})
    return repository


def make_small(folder: Path, files: int) -> vstore.Repository:
    """Make a repository of small samples."""
    repository = vstore.create(folder, author=AUTHOR)
    with repository.transaction(message="Add files") as tx:
        table = tx.create_table("files", {"data": vstore.bytes_()}, keys="str")
        table.extend(
            {"data": [small(i) for i in range(files)]}, keys=[f"{i}.txt" for i in range(files)]
        )
    return repository


def small(number: int) -> bytes:
    """Return the contents of one small file."""
    return f"{number} ".encode().ljust(_FILE_NBYTES, b"x")


def change(repository: vstore.Repository) -> None:
    """Commit one changed sample."""
    (table,) = repository.checkout().tables
    with repository.transaction(message="Change") as tx:
        if table == "files":
            tx["files"].loc["7.txt"] = {"data": b"changed"}
        else:
            tx["train"]["label"][7] = 0


@contextmanager
def scratch(base: Path) -> Iterator[Path]:
    """Yield a path where nothing is, and remove what was put there."""
    place = Path(tempfile.mkdtemp(dir=base)) / "place"
    try:
        yield place
    finally:
        shutil.rmtree(place.parent)


class Taken(NamedTuple):
    """How long something takes, and how long the processor works for it; NaN where unknown."""

    wall: float
    processor: float = math.nan

    def share(self, other: "Taken") -> float:
        """Return what part of the speed of another this has."""
        return other.wall / self.wall


def seconds(work: Callable[[], object]) -> Taken:
    """Return how long something takes."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - started, time.process_time() - worked)


def copy_flushed(source: Path, place: Path) -> None:
    """Copy a folder, and wait until every file is on disk."""
    shutil.copytree(source, place)
    flush(place)


def flush(folder: Path) -> None:
    """Wait until every file below a folder is on disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def measure(repository: vstore.Repository, base: Path, rounds: int) -> dict[str, Taken]:
    """Return the median seconds of each operation."""
    source = Path(repository.url)
    found: dict[str, list[Taken]] = {}
    for _ in range(rounds):
        with scratch(base) as place:
            copying = partial(shutil.copytree, source, place)
            found.setdefault("copy", []).append(seconds(copying))
        with scratch(base) as place:
            found.setdefault("copy, flushed", []).append(
                seconds(lambda: copy_flushed(source, place))
            )
        with scratch(base) as place:
            remote = vstore.open(source).remotes.open(str(place))
            found.setdefault("push, all", []).append(seconds(partial(remote.push, "main")))
            found.setdefault("push, nothing", []).append(seconds(partial(remote.push, "main")))
        with scratch(base) as place:
            found.setdefault("clone", []).append(seconds(partial(vstore.clone, source, place)))
            change(vstore.open(source, author=AUTHOR))
            remote = vstore.open(place).remotes["origin"]
            found.setdefault("fetch, one sample", []).append(seconds(partial(remote.fetch, "main")))
    return {
        name: Taken(*(statistics.median(each) for each in zip(*times, strict=True)))
        for name, times in found.items()
    }


def measure_dvc(dvc: str, files: dict[str, bytes], base: Path) -> dict[str, Taken]:
    """Return the seconds that DVC takes for the same samples as files, with a folder as remote."""
    project, remote, copy = (base / name for name in ("project", "remote", "copy"))
    (project / "data").mkdir(parents=True)
    for name, data in files.items():
        (project / "data" / name).write_bytes(data)

    def run(*words: str, where: Path = project) -> None:
        subprocess.run([dvc, *words], cwd=where, check=True, stdout=subprocess.DEVNULL)

    run("init", "--no-scm", "-q")
    run("remote", "add", "-d", "there", str(remote))
    found = {"add": seconds(lambda: run("add", "-q", "data"))}
    found["push, all"] = seconds(lambda: run("push", "-q"))
    found["push, nothing"] = seconds(lambda: run("push", "-q"))
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("data", "cache"))
    found["clone"] = seconds(lambda: run("pull", "-q", where=copy))
    return found


def show(title: str, found: dict[str, Taken], dvc: dict[str, Taken]) -> None:
    """Print one table."""
    print(f"\n{title}")
    for name, taken in found.items():
        shares = ""
        if name in {"push, all", "clone"}:
            plain, flushed = (taken.share(found[each]) for each in ("copy", "copy, flushed"))
            shares = f"{plain:6.2f} of the copy's speed, {flushed:.2f} of the flushed one's"
        other = dvc.get(name)
        rival = other and f"   DVC {other.wall:7.2f} s, {taken.share(other):.0f} times"
        print(
            f"  {name:<20} {taken.wall:8.3f} s, processor {taken.processor:.3f} s  {shares}"
            f"{rival or ''}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mbytes", type=int, default=196)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--dvc", help="the dvc command, to measure it as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        base = Path(made)
        images = make_images(base / "images", options.mbytes)
        show(f"images, {options.mbytes} MB", measure(images, base, options.rounds), {})
        files = make_small(base / "small", options.files)
        dvc: dict[str, Taken] = {}
        if options.dvc:
            contents = {f"{i}.txt": small(i) for i in range(options.files)}
            dvc = measure_dvc(options.dvc, contents, base / "dvc")
        show(f"{options.files} files of 70 bytes", measure(files, base, options.rounds), dvc)


if __name__ == "__main__":
    main()
