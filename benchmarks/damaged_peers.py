"""The same small arrays stored by vstore, Zarr and Icechunk, to be damaged by the same script.

Each library is imported only where it is used, so that this runs where only one is installed.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ATTRIBUTES = {"source": "camera", "scale": 0.5}


@dataclass(frozen=True)
class Library:
    """How a library stores the arrays and reads them back, with its default settings."""

    build: Callable[[Path], None]
    read: Callable[[Path], dict[str, Any]]
    errors: Callable[[], tuple[type[BaseException], ...]]
    version: Callable[[], str]
    private: tuple[str, ...] = ()


def arrays() -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Return the data and the shapes of its chunks: noise, counters and something smooth."""
    chance = np.random.default_rng(0)
    return {
        "image": (chance.integers(0, 255, (12, 16, 16), "uint8"), (4, 16, 16)),
        "label": (np.arange(60), (20,)),
        "wave": (np.sin(np.linspace(0, 9, 400)).reshape(20, 20), (10, 10)),
    }


def _build_vstore(folder: Path) -> None:
    import vstore

    with vstore.create(folder).transaction("main", message="Store") as tx:
        for name, (data, chunks) in arrays().items():
            array = tx.create_array(
                name, shape=data.shape, dtype=data.dtype, chunk_shape=chunks, attributes=ATTRIBUTES
            )
            array[...] = data


def _read_vstore(folder: Path) -> dict[str, Any]:
    import vstore

    return _read_group(vstore.checkout(folder, "main"), "attributes")


def _build_zarr(folder: Path) -> None:
    import zarr

    _fill_zarr(zarr.create_group(folder))


def _fill_zarr(group: Any) -> None:
    for name, (data, chunks) in arrays().items():
        array = group.create_array(
            name, shape=data.shape, dtype=data.dtype, chunks=chunks, attributes=ATTRIBUTES
        )
        array[...] = data


def _read_zarr(folder: Path) -> dict[str, Any]:
    import zarr

    return _read_group(zarr.open_group(folder, mode="r"), "attrs")


def _read_group(group: Any, attributes: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in arrays():
        found[name] = np.asarray(group[name][...])
        found[f"{name} attributes"] = dict(getattr(group[name], attributes))
    return found


def _build_icechunk(folder: Path) -> None:
    os.environ.setdefault("ICECHUNK_LOG", "error")  # it warns each time that it opens a folder
    import icechunk  # type: ignore[import-not-found]
    import zarr

    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder)))
    session = repository.writable_session("main")
    _fill_zarr(zarr.create_group(session.store))
    session.commit("Store")


def _read_icechunk(folder: Path) -> dict[str, Any]:
    import icechunk
    import zarr

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)))
    session = repository.readonly_session("main")
    return _read_group(zarr.open_group(session.store, mode="r"), "attrs")


def _vstore_errors() -> tuple[type[BaseException], ...]:
    from vstore import VstoreError

    return (VstoreError,)


def _any_error() -> tuple[type[BaseException], ...]:
    return (BaseException,)


def _vstore_version() -> str:
    import vstore

    return f"vstore {vstore.__version__}"


def _version_of(package: str) -> Callable[[], str]:
    def version() -> str:
        from importlib.metadata import version as installed

        return f"{package} {installed(package)}"

    return version


LIBRARIES = {
    "vstore": Library(_build_vstore, _read_vstore, _vstore_errors, _vstore_version, (".vstore",)),
    "zarr": Library(_build_zarr, _read_zarr, _any_error, _version_of("zarr")),
    "icechunk": Library(_build_icechunk, _read_icechunk, _any_error, _version_of("icechunk")),
}
"""For the others any error counts as an honest answer; for vstore only its own do."""
