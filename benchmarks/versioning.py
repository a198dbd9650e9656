"""What versioning costs: vstore, Icechunk and Git do the same to the same data, in one run.

    python -m benchmarks.versioning [--rounds 7] [--tables small,large] [--where memory,s3,disk]

Every operation begins as a script does, by opening the repository, in memory, on an S3 server of
this machine, or on its disk. Peers take turns within a round; shown are medians in milliseconds,
and how many times as long a peer takes as vstore. What a peer does not have is left blank:
Icechunk has no merge of branches, so that the nearest it has is shown too, a session that lost a
race and rebases; its diff names chunks, vstore's samples. Nothing is compressed. Git keeps a file
for each chunk.

On disk vstore waits until each object is safe from a power cut, which neither peer does: there
the disk is measured, and how busy it is. That is why memory and S3 come first.
"""

import argparse
import importlib.util
import json
import logging
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

import vstore

ROWS = {"small": 1024, "large": 1024, "many": 256}


def small() -> Any:
    """Return 2,000 images: two chunks."""
    return np.random.default_rng(0).integers(0, 256, (2_000, 28, 28), dtype="uint8")


def large() -> Any:
    """Return 60,000 images: 59 chunks, 47 MB."""
    return np.random.default_rng(0).integers(0, 256, (60_000, 28, 28), dtype="uint8")


def many() -> Any:
    """Return a million numbers: 3,907 chunks of 2 kB."""
    return np.arange(1_000_000, dtype="int64")


TABLES: dict[str, Callable[[], Any]] = {"small": small, "large": large, "many": many}


@dataclass(frozen=True)
class Place:
    """Where one repository lies."""

    where: str
    address: str
    options: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    """What a peer needs to find its repository in memory again."""

    @property
    def folder(self) -> Path:
        return Path(self.address)


class Peer(Protocol):
    """One way to keep versions of an array; each verb opens the repository itself."""

    name: str

    def create(self, place: Place, data: Any, rows: int) -> None:
        """Make a repository with one commit of the data."""

    def change(self, place: Place, sample: int, branch: str = "main") -> None:
        """Change one sample and commit."""

    def branch(self, place: Place, name: str) -> None:
        """Make a branch at the head of main."""

    def first(self, place: Place) -> Any:
        """Open main and read the first sample."""

    def diff(self, place: Place) -> object:
        """Find out what the last commit changed."""


@dataclass(frozen=True)
class Vstore:
    """vstore."""

    name: str = "vstore"

    def _open(self, place: Place) -> Any:
        return vstore.open(place.address, storage_options=place.options)

    def create(self, place: Place, data: Any, rows: int) -> None:
        repo = vstore.create(place.address, storage_options=place.options)
        with repo.transaction("main", message="Add") as tx:
            kind = vstore.ndarray(data.shape[1:], data.dtype, rows_per_chunk=rows, codecs="none")
            tx.create_table("t", {"x": kind}).extend({"x": data})

    def change(self, place: Place, sample: int, branch: str = "main") -> None:
        with self._open(place).transaction(branch, message="Change") as tx:
            column = tx["t"]["x"]
            column[sample] = column[sample] + 1

    def branch(self, place: Place, name: str) -> None:
        self._open(place).branches.create(name)

    def first(self, place: Place) -> Any:
        return self._open(place).checkout("main")["t"]["x"][0]

    def diff(self, place: Place) -> object:
        changed = self._open(place).diff("main~1", "main").tables["t"].changed
        assert len(changed["x"]) == 1
        return changed

    def merge(self, place: Place, branch: str) -> None:
        """Merge two branches that changed a sample each."""
        assert self._open(place).merge(branch, into="main").kind == "merge"

    def race(self, place: Place, first: int, second: int) -> None:
        """Commit on a head that another writer has just moved."""
        repo = self._open(place)
        with repo.transaction("main", message="Second") as tx:
            column = tx["t"]["x"]
            column[second] = column[second] + 1
            self.change(place, first)


@dataclass(frozen=True)
class Icechunk:
    """Icechunk, through zarr."""

    module: Any
    zarr: Any
    name: str = "Icechunk"

    def _storage(self, place: Place) -> Any:
        if place.where == "disk":
            return self.module.local_filesystem_storage(place.address)
        if place.where == "memory":
            return place.kept.setdefault("storage", self.module.in_memory_storage())
        bucket, _, prefix = place.address.removeprefix("s3://").partition("/")
        return self.module.s3_storage(
            bucket=bucket,
            prefix=prefix,
            region="us-east-1",
            endpoint_url=place.options["endpoint_url"],
            access_key_id=place.options["key"],
            secret_access_key=place.options["secret"],
            allow_http=True,
            force_path_style=True,
        )

    def _open(self, place: Place) -> Any:
        return self.module.Repository.open(self._storage(place))

    def create(self, place: Place, data: Any, rows: int) -> None:
        repo = self.module.Repository.create(self._storage(place))
        session = repo.writable_session("main")
        array = self.zarr.group(store=session.store).create_array(
            "x",
            shape=data.shape,
            chunks=(rows, *data.shape[1:]),
            dtype=data.dtype,
            compressors=None,
        )
        array[:] = data
        session.commit("Add")

    def _add(self, session: Any, sample: int) -> None:
        array = self.zarr.open_group(session.store, mode="r+")["x"]
        array[sample] = array[sample] + 1

    def change(self, place: Place, sample: int, branch: str = "main") -> None:
        session = self._open(place).writable_session(branch)
        self._add(session, sample)
        session.commit("Change")

    def branch(self, place: Place, name: str) -> None:
        repo = self._open(place)
        repo.create_branch(name, repo.lookup_branch("main"))

    def first(self, place: Place) -> Any:
        session = self._open(place).readonly_session("main")
        return self.zarr.open_group(session.store, mode="r")["x"][0]

    def diff(self, place: Place) -> object:
        repo = self._open(place)
        new, old, *_ = repo.ancestry(branch="main")
        return repo.diff(from_snapshot_id=old.id, to_snapshot_id=new.id)

    def race(self, place: Place, first: int, second: int) -> None:
        """Commit on a head that another writer has just moved; the two chunks differ."""
        session = self._open(place).writable_session("main")
        self._add(session, second)
        self.change(place, first)
        session.commit("Second", rebase_with=self.module.ConflictDetector())


@dataclass(frozen=True)
class Git:
    """Git, with a file for each chunk."""

    name: str = "Git"

    def _git(self, place: Place, *arguments: str) -> str:
        command = [
            "git",
            "-C",
            place.address,
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.org",
        ]
        done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def create(self, place: Place, data: Any, rows: int) -> None:
        place.folder.mkdir()
        (place.folder / "shape.json").write_text(
            json.dumps([rows, str(data.dtype), data.shape[1:]])
        )
        self._git(place, "init", "-q", "-b", "main")
        for number, start in enumerate(range(0, len(data), rows)):
            data[start : start + rows].tofile(place.folder / f"{number:06}.bin")
        self._git(place, "add", "-A")
        self._git(place, "commit", "-qm", "Add")

    def _form(self, place: Place) -> tuple[int, Any, list[int]]:
        rows, dtype, shape = json.loads((place.folder / "shape.json").read_text())
        return rows, np.dtype(dtype), shape

    def _chunk(self, place: Place, sample: int) -> tuple[Any, int]:
        rows, dtype, shape = self._form(place)
        file = place.folder / f"{sample // rows:06}.bin"
        return np.memmap(file, dtype, "r+").reshape(-1, *shape), sample % rows

    def change(self, place: Place, sample: int, branch: str = "main") -> None:
        self._git(place, "checkout", "-q", branch)
        chunk, row = self._chunk(place, sample)
        chunk[row] += 1
        chunk.flush()
        self._git(place, "commit", "-qam", "Change")
        if branch != "main":
            self._git(place, "checkout", "-q", "main")

    def branch(self, place: Place, name: str) -> None:
        self._git(place, "branch", name)

    def first(self, place: Place) -> Any:
        self._git(place, "rev-parse", "main")
        chunk, row = self._chunk(place, 0)
        return np.array(chunk[row])

    def diff(self, place: Place) -> object:
        return self._git(place, "diff", "--name-only", "main~1", "main")

    def merge(self, place: Place, branch: str) -> None:
        """Merge two branches that changed a file each."""
        self._git(place, "merge", "-q", "--no-edit", branch)


def peers(where: str) -> list[Any]:
    """Return vstore, and what of its peers is installed and can be there."""
    found: list[Any] = [Vstore()]
    try:
        import icechunk
        import zarr
    except ImportError:
        print("Icechunk is not installed (pip install -e '.[bench]', with Python 3.12 or newer)")
    else:
        found.append(Icechunk(icechunk, zarr))
    if where == "disk" and shutil.which("git"):
        found.append(Git())
    return found


def steps(peer: Any, place: Place, data: Any, rows: int) -> dict[str, Callable[[], object]]:
    """Return what is timed, in order; each begins where the one before ended."""
    last = len(data) - 1
    wanted: dict[str, Callable[[], object]] = {
        "create and commit all": partial(peer.create, place, data, rows),
        "open, read a sample": partial(peer.first, place),
        "change a sample, commit": partial(peer.change, place, 3),
        "diff of that commit": partial(peer.diff, place),
        "make a branch": partial(peer.branch, place, "side"),
    }
    if hasattr(peer, "merge"):
        wanted |= {
            "-side": partial(peer.change, place, last, "side"),
            "-main": partial(peer.change, place, 5),
            "merge 1+1 samples": partial(peer.merge, place, "side"),
        }
    if hasattr(peer, "race"):
        wanted["lose a race, commit anyway"] = partial(peer.race, place, 7, last)
    return wanted


@contextmanager
def places(where: str) -> Iterator[Callable[[], Place]]:
    """Yield what gives a new place each time it is called."""
    if where == "memory":
        yield lambda: Place(where, f"memory://{uuid4().hex}")
    elif where == "disk":
        with tempfile.TemporaryDirectory() as folder:
            yield lambda: Place(where, f"{folder}/{uuid4().hex}")
    else:
        with serve().running("ministack") as server:
            options = dict(server.storage_options)
            yield lambda: Place(where, f"{server.url}/{uuid4().hex}", options)


def serve() -> Any:
    """Return the module that starts servers; its folder is no package."""
    file = Path(__file__).parents[1] / "localstack" / "serve.py"
    spec = importlib.util.spec_from_file_location("localstack_serve", file)
    if spec is None or spec.loader is None:
        raise ImportError(file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def measure(peer: Any, place: Place, data: Any, rows: int) -> dict[str, float]:
    """Do everything once in a new repository; return the seconds of each step."""
    seconds: dict[str, float] = {}
    for name, step in steps(peer, place, data, rows).items():
        started = time.perf_counter()
        step()
        if not name.startswith("-"):
            seconds[name] = time.perf_counter() - started
    if place.where == "disk":
        shutil.rmtree(place.address)
    return seconds


def compare(table: str, where: str, rounds: int) -> None:
    """Print medians and ratios for one table in one place."""
    data, candidates = TABLES[table](), peers(where)
    found: dict[str, dict[str, list[float]]] = {}
    with places(where) as new_place:
        for number in range(rounds + 1):
            order = candidates if number % 2 else candidates[::-1]
            for peer in order:
                for step, seconds in measure(peer, new_place(), data, ROWS[table]).items():
                    if number:  # the first round warms up
                        found.setdefault(step, {}).setdefault(peer.name, []).append(seconds)
    heading = f"{table} in {where}" if where != "disk" else f"{table} on {where}"
    show(f"{heading}: {data.shape} {data.dtype}, {rounds} rounds", candidates, found)


def show(heading: str, candidates: list[Any], found: dict[str, dict[str, list[float]]]) -> None:
    """Print a line for each step: medians, and the medians of peers as multiples of vstore.

    A multiple is taken within each round, so that it means the same while the machine is busy.
    """
    print(f"\n{heading}")
    names = [peer.name for peer in candidates]
    print(f"{'':28}" + "".join(f"{name + ' ms':>14}" for name in names), end="")
    print("".join(f"{name + '/vstore':>18}" for name in names[1:]))
    for step, by_peer in found.items():
        cells = [_cell(by_peer.get(name), 1000, "14.2f") for name in names]
        cells += [_multiple(by_peer.get(name), by_peer.get("vstore")) for name in names[1:]]
        print(f"{step:28}" + "".join(cells))


def _multiple(theirs: list[float] | None, ours: list[float] | None) -> str:
    rounds = None if theirs is None or ours is None else zip(theirs, ours, strict=True)
    return _cell(None if rounds is None else [a / b for a, b in rounds], 1, "17.2f", "x")


def _cell(values: list[float] | None, factor: float, form: str, unit: str = "") -> str:
    width = int(form.partition(".")[0]) + len(unit)
    return " " * width if values is None else f"{statistics.median(values) * factor:{form}}{unit}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tables", default="small,large,many")
    parser.add_argument("--where", default="memory,s3,disk")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    versions = [f"Python {platform.python_version()}", f"vstore {vstore.__version__}"]
    for name in ("icechunk", "zarr", "numpy"):
        try:
            versions.append(f"{name} {version(name)}")
        except ImportError:
            continue
    print(", ".join(versions))
    for where in options.where.split(","):
        for table in options.tables.split(","):
            compare(table, where, options.rounds)


if __name__ == "__main__":
    main()
