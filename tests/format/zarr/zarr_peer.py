"""zarr-python as the outside witness: what it writes and reads for one array."""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.buffer import Buffer, cpu
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.storage import MemoryStore


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what zarr-python says about codecs and data types outside the core specification."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def normalized(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as zarr-python writes it after reading it."""
    with quiet():
        parsed = ArrayV3Metadata.from_dict(json.loads(json.dumps(document)))
        written: dict[str, Any] = json.loads(json.dumps(parsed.to_dict()))
    return written


def write(document: Mapping[str, Any], array: NDArray[Any]) -> dict[str, bytes]:
    """Return the chunks that zarr-python writes for the array, by key."""
    with quiet():
        objects: dict[str, Buffer] = {
            "zarr.json": cpu.Buffer.from_bytes(json.dumps(document).encode())
        }
        node = zarr.open_array(MemoryStore(objects), mode="r+", zarr_format=3)
        node[...] = array
    return {key: data.to_bytes() for key, data in objects.items() if key != "zarr.json"}


def read(document: Mapping[str, Any], chunks: Mapping[str, bytes | memoryview]) -> NDArray[Any]:
    """Return the array that zarr-python reads from the chunks."""
    objects: dict[str, Buffer] = {
        key: cpu.Buffer.from_bytes(bytes(data)) for key, data in chunks.items()
    }
    objects["zarr.json"] = cpu.Buffer.from_bytes(json.dumps(document).encode())
    with quiet():
        node = zarr.open_array(MemoryStore(objects), mode="r", zarr_format=3)
        return np.asarray(node[...])
