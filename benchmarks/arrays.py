"""How fast arrays are written and read through zarr and xarray, beside Icechunk and plain Zarr.

    python -m benchmarks.arrays                  # local disk, and S3 with 20 ms more per request
    python -m benchmarks.arrays --places local --rounds 7
    python -m benchmarks.arrays --places local --unflushed   # vstore without fsync, as the others

Everything is done in turns in one process, with each library's defaults, from opening the
repository to the end of the commit. Shown are medians, how many times as long the others took,
and, on S3, how many requests each sent. Icechunk 2 needs Python 3.12.
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import xarray as xr
import zarr

from benchmarks.array_libraries import Library, Place, libraries
from benchmarks.delay_proxy import delayed

sys.path.insert(0, str(Path(__file__).parents[1] / "localstack"))

from serve import running  # type: ignore[import-not-found, unused-ignore]

DELAY_SECONDS = 0.02
BUCKET = "arrays"
Count = Callable[[], int]

warnings.filterwarnings("ignore", module="zarr|xarray")


@dataclass(frozen=True)
class Data:
    """What is written: images as a table has them, and a field as a climate model has it."""

    images: Any
    field: xr.Dataset
    rows: Any

    @classmethod
    def made(cls, *, remote: bool, quick: bool) -> "Data":
        """Return data of a size that suits the place."""
        chance = np.random.default_rng(0)
        count = 4_000 if quick else 60_000
        images = np.minimum(chance.integers(0, 64, (count, 28, 28), "uint8"), 32)
        steps = 32 if quick else 256
        field = chance.normal(size=(steps, 180, 360)).astype("f4").round(1)
        times = np.arange(steps)
        dataset = xr.Dataset({"t": (("time", "y", "x"), field)}, {"time": times})
        rows = chance.choice(count, 50 if remote or quick else 1000, replace=False)
        return cls(images, dataset, np.sort(rows))


CHUNKS = {"images": (1000, 28, 28), "t": (16, 90, 180)}


def write_images(store: Any, data: Data) -> None:
    """Write all images."""
    array = zarr.open_group(store, mode="a").create_array(
        "images", shape=data.images.shape, chunks=CHUNKS["images"], dtype="u1"
    )
    array[:] = data.images


def append_images(store: Any, data: Data) -> None:
    """Write two chunks more."""
    opened(store, "r+").append(data.images[:2000])


def opened(store: Any, mode: Any = "r") -> Any:
    """Return the array of images."""
    return zarr.open_group(store, mode=mode)["images"]


def write_field(store: Any, data: Data) -> None:
    """Write the field."""
    encoding = {"t": {"chunks": CHUNKS["t"]}}
    data.field.to_zarr(store, group="field", consolidated=False, encoding=encoding)


def append_field(store: Any, data: Data) -> None:
    """Write sixteen steps more."""
    more = data.field.isel(time=slice(0, 16))
    more.to_zarr(store, group="field", consolidated=False, append_dim="time")


def open_field(store: Any) -> Any:
    """Return the field, nothing of it loaded."""
    return xr.open_zarr(store, group="field", consolidated=False, chunks=None)


def some_of(dataset: Any) -> Any:
    """Return a month of a region."""
    return dataset.isel(time=slice(20, 50), y=slice(30, 100), x=slice(50, 150))


WRITES = {
    "zarr: write": write_images,
    "xarray: write": write_field,
    "zarr: append": append_images,
    "xarray: append": append_field,
}
READS: dict[str, Callable[[Any, Data], Any]] = {
    "zarr: read all": lambda store, _: opened(store)[:],
    "zarr: read a region": lambda store, _: opened(store)[1500:3500, 7:21, 7:21],
    "zarr: rows one by one": lambda store, data: one_by_one(opened(store), data),
    "zarr: rows in one call": lambda store, data: opened(store).oindex[data.rows, :, :],
    "xarray: read all": lambda store, _: open_field(store)["t"].values,
    "xarray: read a region": lambda store, _: some_of(open_field(store))["t"].values,
}
ORDER = [*list(WRITES)[:2], *READS, *list(WRITES)[2:]]


def one_by_one(array: Any, data: Data) -> Any:
    """Return rows, each asked for by itself."""
    return np.stack([array[int(row)] for row in data.rows])


def expected(operation: str, data: Data) -> Any:
    """Return what reading must give."""
    values = data.field["t"].values
    found: dict[str, Callable[[], Any]] = {
        "zarr: read all": lambda: data.images,
        "zarr: read a region": lambda: data.images[1500:3500, 7:21, 7:21],
        "zarr: rows one by one": lambda: data.images[data.rows],
        "zarr: rows in one call": lambda: data.images[data.rows],
        "xarray: read all": lambda: values,
        "xarray: read a region": lambda: some_of(data.field)["t"].values,
    }
    return found[operation]()


class Cost(NamedTuple):
    """What one operation took."""

    seconds: float
    cpu_seconds: float
    requests: float


@dataclass
class Measured:
    """Seconds, seconds of the processor and requests, by operation and library."""

    taken: dict[tuple[str, str], list[Cost]] = field(default_factory=dict)

    def take(self, operation: str, library: str, cost: Cost) -> None:
        """Take one measurement."""
        self.taken.setdefault((operation, library), []).append(cost)

    def median(self, operation: str, library: str) -> Cost:
        """Return the median of each."""
        costs = self.taken[operation, library]
        return Cost(*(median(each) for each in zip(*costs, strict=True)))


def measure(
    found: list[Library], data: Data, places: Callable[[], Place], count: Count, rounds: int
) -> Measured:
    """Do everything in turns; the first round warms up and is not counted."""
    measured = Measured()
    for turn in range(rounds + 1):
        at = {library.name: places() for library in found}
        for library in found:
            library.create(at[library.name])
        for operation in ORDER:
            shift = turn % len(found)
            for library in [*found[shift:], *found[:shift]]:
                took = run(library, at[library.name], operation, data, count)
                if turn:
                    measured.take(operation, library.name, took)
        for place in at.values():
            if not place.is_remote:
                shutil.rmtree(place.url)
    return measured


def run(library: Library, place: Place, operation: str, data: Data, count: Count) -> Cost:
    """Do one operation; return what it took."""
    gc.collect()
    before, cpu_started, started = count(), time.process_time(), time.perf_counter()
    values = None
    if operation in WRITES:
        library.write(place, lambda store: WRITES[operation](store, data))
    else:
        values = READS[operation](library.read(place), data)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    cost = Cost(seconds, cpu_seconds, count() - before)
    if values is not None and not np.array_equal(values, expected(operation, data)):
        raise AssertionError(f"{library.name}, {operation}: read something else")
    return cost


def show(title: str, measured: Measured, names: list[str], *, with_requests: bool) -> None:
    """Print a table of medians and ratios, and how many of the ratios are good."""
    ours, *others = names
    print(f"\n{title}\n")
    heads = [ours, *(f"{name} takes" for name in others), *(["requests"] * with_requests)]
    print(f"{'':24}{heads[0]:>16}" + "".join(f"{head:>36}" for head in heads[1:]))
    ratios: dict[str, list[float]] = {name: [] for name in others}
    for operation in ORDER:
        costs = {name: measured.median(operation, name) for name in names}
        line = f"{operation:24}{costs[ours].seconds:>14.3f} s"
        for name in others:
            ratio = costs[name].seconds / costs[ours].seconds
            cpu = costs[name].cpu_seconds / costs[ours].cpu_seconds
            ratios[name].append(ratio)
            line += f"{f'{costs[name].seconds:.3f} s = {ratio:.2f}x, cpu {cpu:.2f}x':>36}"
        if with_requests:
            line += f"{' / '.join(f'{costs[name].requests:.0f}' for name in names):>36}"
        print(line)
    for name, values in ratios.items():
        good = sum(value >= 1 for value in values)
        print(f"{name}: vstore is as fast or faster in {good} of {len(values)}, ", end="")
        print(f"the worst ratio is {min(values):.2f}")


@contextmanager
def local(folder: str | None) -> Iterator[tuple[Callable[[], Place], Count]]:
    """Yield what makes places on local disk."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        yield lambda: Place(f"{scratch}/{uuid4().hex}", {}), lambda: 0


@contextmanager
def remote() -> Iterator[tuple[Callable[[], Place], Count]]:
    """Yield what makes places in a bucket behind a delay, and counts requests."""
    with running("ministack", bucket=BUCKET) as server:
        options: Mapping[str, Any] = server.storage_options
        target = options.get("endpoint_url") or options["client_kwargs"]["endpoint_url"]
        with delayed(str(target), DELAY_SECONDS) as proxy:
            given = {**options, "endpoint_url": proxy.url}
            given.pop("client_kwargs", None)
            yield lambda: Place(f"s3://{BUCKET}/{uuid4().hex}", given), proxy.count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--places", nargs="+", default=["local", "s3"], choices=["local", "s3"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to put temporary folders")
    parser.add_argument("--quick", action="store_true", help="with little data")
    parser.add_argument("--unflushed", action="store_true", help="leave out every fsync of Python")
    options = parser.parse_args()
    if options.unflushed:
        os.fsync = lambda _: None
    found = libraries()
    names = [library.name for library in found]
    print(f"Python {sys.version.split()[0]}, zarr {zarr.__version__}, xarray {xr.__version__}")
    for name in options.places:
        is_remote = name == "s3"
        data = Data.made(remote=is_remote, quick=options.quick)
        with remote() if is_remote else local(options.folder) as (places, count):
            measured = measure(found, data, places, count, options.rounds)
        title = f"S3, {DELAY_SECONDS * 1000:.0f} ms more per request" if is_remote else "local disk"
        show(title, measured, names, with_requests=is_remote)


if __name__ == "__main__":
    main()
