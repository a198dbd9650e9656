"""What it takes to push, fetch and clone, beside a plain copy of the same bytes and DVC.

    python -m benchmarks.transfer [--rounds 3] [--mbytes 196] [--files 50000] [--dvc DVC]

Two repositories on the local disk: images of `--mbytes`, and `--files` samples of 70 bytes, as DVC
would hold them in files of their own. Each is pushed to an empty place, pushed again with nothing
to do, cloned, and fetched into a clone that lacks the last commit. `copy` is a recursive copy of
the repository's folder in this process; `copy, flushed` also waits until each file is on disk, as
vstore does. With `--dvc`, the same samples are files in a DVC project with a folder as remote.

Times are medians; what is shown are seconds and, for whole transfers, the share of the copy's
speed. The caches of the system are warm.
"""

import argparse
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


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def flush(folder: Path) -> None:
    """Wait until every file below a folder is on disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def measure(repository: vstore.Repository, base: Path, rounds: int) -> dict[str, float]:
    """Return the median seconds of each operation."""
    source = Path(repository.url)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        with scratch(base) as place:
            copying = partial(shutil.copytree, source, place)
            found.setdefault("copy", []).append(seconds(copying))
        with scratch(base) as place:
            flushed = seconds(partial(shutil.copytree, source, place))
            flushed += seconds(partial(flush, place))
            found.setdefault("copy, flushed", []).append(flushed)
        with scratch(base) as place:
            remote = vstore.open(source).remotes.open(str(place))
            found.setdefault("push, all", []).append(seconds(partial(remote.push, "main")))
            found.setdefault("push, nothing", []).append(seconds(partial(remote.push, "main")))
        with scratch(base) as place:
            found.setdefault("clone", []).append(seconds(partial(vstore.clone, source, place)))
            change(vstore.open(source, author=AUTHOR))
            remote = vstore.open(place).remotes["origin"]
            found.setdefault("fetch, one sample", []).append(seconds(partial(remote.fetch, "main")))
    return {name: statistics.median(times) for name, times in found.items()}


def measure_dvc(dvc: str, files: dict[str, bytes], base: Path) -> dict[str, float]:
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


def show(title: str, found: dict[str, float], dvc: dict[str, float]) -> None:
    """Print one table."""
    print(f"\n{title}")
    copied = found["copy"]
    for name, taken in found.items():
        share = (
            f"{copied / taken:6.2f} of the copy's speed" if name in {"push, all", "clone"} else ""
        )
        rival = f"   DVC {dvc[name]:7.2f} s, {dvc[name] / taken:.0f} times" if name in dvc else ""
        print(f"  {name:<20} {taken:8.3f} s  {share}{rival}")


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
        dvc: dict[str, float] = {}
        if options.dvc:
            contents = {f"{i}.txt": small(i) for i in range(options.files)}
            dvc = measure_dvc(options.dvc, contents, base / "dvc")
        show(f"{options.files} files of 70 bytes", measure(files, base, options.rounds), dvc)


if __name__ == "__main__":
    main()
