"""The least that any reader of compressed chunks has to do: decode them, and gather batches."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.loading.arrays import WINDOW_NBYTES, spans
from benchmarks.loading.data import BATCH_SIZE
from benchmarks.loading.loader import DENSE, Batches, Job, register
from benchmarks.loading.ours import Ours
from vstore.reader.buffers import allocate

_THREADS = 2
_AHEAD = 3
_BUFFERS = _AHEAD + 2
"""One is with the consumer, and one is being filled."""


@dataclass(frozen=True)
class CodecsAlone:
    """A limit: vstore's own chunks, in memory before, decoded by numcodecs on both cores.

    No file is read, nothing is verified and no plan is made. As in every reader, one window is
    decoded before the first batch comes; all others follow at once, and batches are gathered
    on one core while the consumer copies on the other.
    """

    codecs: str
    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = DENSE

    def prepare(self, samples: Any, job: Job) -> None:
        """Commit the samples."""
        Ours(self.codecs).prepare(samples, job)

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Load the chunks as they are stored."""
        stored = _stored(job)
        random = np.random.default_rng(0)
        chunks = random.permutation(len(stored.encoded)) if job.is_shuffled else None
        first = max(1, WINDOW_NBYTES // stored.chunk_nbytes)
        places = stored.rows_by_chunk(chunks)
        decoded: dict[str, NDArray[Any]] = {}

        def begin(epoch: int) -> Batches:
            windows = [np.concatenate(places[:first]), np.concatenate([*places[first:], _NONE])]
            if job.is_shuffled:
                windows = [np.random.default_rng(epoch).permutation(each) for each in windows]
            order = np.concatenate(windows)
            if "rows" in decoded:
                yield from _gathered(decoded["rows"], order, 0)
                return
            shape = len(stored.encoded), stored.chunk_nbytes
            memory = allocate(shape[0] * shape[1]).reshape(shape)
            numbers = np.arange(len(places)) if chunks is None else chunks
            stored.decode(numbers[:first], memory)
            rows = stored.shown(memory)
            yield rows.take(order[:BATCH_SIZE], 0), order[:BATCH_SIZE]
            stored.decode(numbers[first:], memory)
            decoded["rows"] = rows
            yield from _gathered(rows, order, BATCH_SIZE)

        return begin


_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class _Stored:
    """The chunks of a column, encoded."""

    encoded: list[bytes]
    codec: Callable[[bytes, NDArray[Any]], Any]
    rows: int
    chunk_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def chunk_nbytes(self) -> int:
        return int(np.prod(self.chunk_shape)) * self.dtype.itemsize

    def rows_by_chunk(self, chunks: Any) -> list[NDArray[np.int64]]:
        """Return the numbers of the rows of each chunk, in an order of the chunks."""
        per = self.chunk_shape[0]
        numbers = range(len(self.encoded)) if chunks is None else chunks.tolist()
        return [np.arange(c * per, min(self.rows, (c + 1) * per)) for c in numbers]

    def decode(self, numbers: NDArray[np.int64], memory: NDArray[np.uint8]) -> None:
        """Decode chunks to their places, on both cores."""

        def decode(number: int) -> None:
            self.codec(self.encoded[number], memory[number])

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(decode, numbers.tolist()))

    def shown(self, memory: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the rows in the memory that chunks were decoded to."""
        return memory.view(self.dtype).reshape(-1, *self.chunk_shape[1:])


def _stored(job: Job) -> _Stored:
    import zarr
    from numcodecs import blosc, zstd
    from zarr.core.buffer import default_buffer_prototype

    import vstore

    store = vstore.checkout(f"{job.folder / 'repository'}@main").store
    path = f"train/{job.dataset.column}"
    array = zarr.open_array(store, path=path, mode="r")
    prototype = default_buffer_prototype()

    async def read() -> list[bytes]:
        found = []
        zeros = "/0" * (len(array.shape) - 1)
        for number in range(-(-array.shape[0] // array.chunks[0])):
            chunk = await store.get(f"{path}/c/{number}{zeros}", prototype)
            found.append(chunk.to_bytes())
        return found

    blosc.use_threads = False
    name = array.metadata.to_dict()["codecs"][-1]["name"]
    decompress = {"blosc": blosc.decompress, "zstd": zstd.decompress}[name]
    return _Stored(asyncio.run(read()), decompress, array.shape[0], array.chunks, array.dtype)


def _gathered(rows: NDArray[Any], order: NDArray[np.int64], start: int) -> Iterator[Any]:
    """Yield batches from a sample on, gathered ahead into memory that is used again."""
    flat = rows.reshape(len(rows), -1)
    nbytes = BATCH_SIZE * flat.shape[1] * flat.dtype.itemsize
    shape = _BUFFERS, BATCH_SIZE, flat.shape[1]
    buffers = allocate(_BUFFERS * nbytes).view(flat.dtype).reshape(shape)

    def gather(number: int, picked: NDArray[np.int64]) -> Any:
        out = buffers[number % _BUFFERS][: len(picked)]
        np.take(flat, picked, 0, out, mode="clip")
        return out.reshape(-1, *rows.shape[1:]), picked

    parts = [order[start:][a:b] for a, b in spans(len(order) - start)]
    with ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(gather, i, part) for i, part in enumerate(parts[:_AHEAD])]
        for number in range(len(parts)):
            yield futures[number].result()
            if number + _AHEAD < len(parts):
                futures.append(pool.submit(gather, number + _AHEAD, parts[number + _AHEAD]))


register("codecs alone, lz4", CodecsAlone("fast"))
register("codecs alone, zstd", CodecsAlone("balanced"))
