"""Writing Fashion-MNIST, and reading random rows of it: ours, Icechunk's and zarr's."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 1000


def vstore_written(codecs: Any, samples: Any, place: Path) -> Callable[[], Any]:
    """Commit the samples; return what opens them."""
    import vstore

    repo = vstore.create(place / "repo")
    with repo.transaction("main", message="Add the images") as tx:
        column = vstore.ndarray(samples.shape[1:], samples.dtype, codecs=codecs)
        tx.create_table("train", {"image": column}).extend({"image": samples})
    return lambda: vstore.checkout(f"{place / 'repo'}@main")["train"]["image"]


def icechunk_written(level: int, samples: Any, place: Path) -> Callable[[], Any]:
    """Commit an array of the same chunks; return what opens it. Level 0 is uncompressed."""
    import icechunk
    import zarr

    def store() -> Any:
        return icechunk.local_filesystem_storage(str(place / "repo"))

    repo = icechunk.Repository.create(store())
    session = repo.writable_session("main")
    array = zarr.create_array(
        session.store,
        name="image",
        shape=samples.shape,
        dtype=samples.dtype,
        chunks=(1024, *samples.shape[1:]),
        compressors=zarr.codecs.ZstdCodec(level=level) if level else None,
    )
    array[:] = samples
    session.commit("Add the images")

    def opened() -> Any:
        session = icechunk.Repository.open(store()).readonly_session("main")
        return zarr.open_array(session.store, path="image", mode="r")

    return opened


WRITERS: dict[str, Callable[[Any, Path], Callable[[], Any]]] = {
    "vstore zstd": lambda samples, place: vstore_written("balanced", samples, place),
    "Icechunk zstd": lambda samples, place: icechunk_written(3, samples, place),
    "vstore auto": lambda samples, place: vstore_written("auto", samples, place),
    "Icechunk auto": lambda samples, place: icechunk_written(3, samples, place),
    "vstore raw": lambda samples, place: vstore_written("none", samples, place),
    "Icechunk raw": lambda samples, place: icechunk_written(0, samples, place),
}


def measure_writing(name: str, samples: Any, place: Path) -> dict[str, float]:
    """Return how long one commit takes, and the size of what it stores."""
    WRITERS[name](samples[:2048], place / "warm")
    started = time.perf_counter()
    WRITERS[name](samples, place / "cold")
    seconds = time.perf_counter() - started
    files = [each for each in (place / "cold").rglob("*") if each.is_file()]
    return {"seconds": seconds, "nbytes": sum(each.stat().st_size for each in files)}


def measure_rows(name: str, samples: Any, place: Path) -> dict[str, float]:
    """Return how long random rows take in one call, and in one call each; opened anew."""
    opened = WRITERS[name](samples, place)
    picked = np.sort(np.random.default_rng(0).choice(len(samples), ROWS, replace=False))
    array = opened()
    is_ours = name.startswith("vstore")
    started = time.perf_counter()
    found = array[picked] if is_ours else array.oindex[picked]
    one_call = time.perf_counter() - started
    if not np.array_equal(found, samples[picked]):
        raise ValueError("the rows are wrong")
    array = opened()
    shuffled = np.random.default_rng(1).permutation(picked).tolist()
    started = time.perf_counter()
    for row in shuffled:
        array[row]
    return {"one_call": one_call, "calls": time.perf_counter() - started}
