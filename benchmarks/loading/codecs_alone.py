"""The least that any reader of compressed chunks has to do: decode them, and gather batches."""

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

_THREADS = 2
_AHEAD = 3
_BUFFERS = _AHEAD + 2
"""One is with the consumer, and one is being filled."""


@dataclass(frozen=True)
class CodecsAlone:
    """A limit: vstore's own chunks, in memory before, decoded by numcodecs on both cores.

    No file is read, nothing is verified and no plan is made. As in every reader, one window is
    decoded before the first batch comes; all others follow at once, and batches are gathered
    ahead of the consumer, several at a time.
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
        chunks = np.arange(len(stored.encoded))
        if job.is_shuffled:
            np.random.default_rng(0).shuffle(chunks)
        first = max(1, WINDOW_NBYTES // stored.chunk_nbytes)
        windows = [chunks[:first], chunks[first:]]
        decoded: list[NDArray[Any]] = []

        def begin(epoch: int) -> Batches:
            random = np.random.default_rng(epoch)
            parts = [stored.rows_of(window) for window in windows]
            if job.is_shuffled:
                parts = [random.permutation(part) for part in parts]
            order = np.concatenate(parts)
            if decoded:
                yield from _gathered(decoded[0], order)
                return
            from vstore.reading.buffers import allocate

            memory = allocate(len(chunks) * stored.chunk_nbytes).reshape(len(chunks), -1)
            rows = memory.view(stored.dtype).reshape(-1, *stored.chunk_shape[1:])
            stored.decode(windows[0], memory)
            yield rows.take(order[:BATCH_SIZE], 0), order[:BATCH_SIZE]
            stored.decode(windows[1], memory)
            decoded.append(rows)
            yield from _gathered(rows, order[BATCH_SIZE:])

        return begin


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

    def rows_of(self, chunks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the rows of some chunks."""
        per = self.chunk_shape[0]
        rows = (chunks[:, None] * per + np.arange(per)).reshape(-1)
        return rows[rows < self.rows]

    def decode(self, numbers: NDArray[np.int64], memory: NDArray[np.uint8]) -> None:
        """Decode chunks to their places, on both cores."""

        def decode(number: int) -> None:
            self.codec(self.encoded[number], memory[number])

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(decode, numbers.tolist()))


def _stored(job: Job) -> _Stored:
    import zarr
    from numcodecs import blosc, zstd

    import vstore

    store = vstore.checkout(f"{job.folder / 'repository'}@main").store
    path = f"train/{job.dataset.column}"
    array = zarr.open_array(store, path=path, mode="r")
    beside = (0,) * (len(array.shape) - 1)
    keys = [array.metadata.encode_chunk_key((i, *beside)) for i in range(array.cdata_shape[0])]
    encoded = [store.get_sync(f"{path}/{key}").to_bytes() for key in keys]
    blosc.use_threads = False
    name = array.metadata.to_dict()["codecs"][-1]["name"]
    decompress = {"blosc": blosc.decompress, "zstd": zstd.decompress}[name]
    return _Stored(encoded, decompress, array.shape[0], array.chunks, array.dtype)


def _gathered(rows: NDArray[Any], order: NDArray[np.int64]) -> Iterator[Any]:
    """Yield batches, several of which are gathered ahead into memory that is used again."""
    from vstore.reader.load.engine import GROUP_BATCHES, GROUP_NBYTES
    from vstore.reader.load.feeds import pick
    from vstore.reading.buffers import allocate

    together = max(1, min(GROUP_BATCHES, GROUP_NBYTES // (BATCH_SIZE * rows[0].nbytes)))
    length = together * BATCH_SIZE
    nbytes = _BUFFERS * length * rows[0].nbytes
    buffers = allocate(nbytes).view(rows.dtype).reshape(_BUFFERS, length, *rows.shape[1:])
    groups = [order[start : start + length] for start in range(0, len(order), length)]

    def gather(number: int) -> NDArray[Any]:
        out = buffers[number % _BUFFERS][: len(groups[number])]
        pick(rows, groups[number], out)
        return out

    with ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(gather, number) for number in range(min(_AHEAD, len(groups)))]
        for number, picked in enumerate(groups):
            values = futures[number].result()
            for start, stop in spans(len(picked)):
                yield values[start:stop], picked[start:stop]
            if number + _AHEAD < len(groups):
                futures.append(pool.submit(gather, number + _AHEAD))


register("codecs alone, lz4", CodecsAlone("fast"))
register("codecs alone, zstd", CodecsAlone("balanced"))
