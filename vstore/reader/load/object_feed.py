"""Columns whose samples are Python objects: text, bytes, images, arrays of differing shape."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Ints, StoredRows
from vstore.format.table.element_rows import from_rows
from vstore.format.table.flat import Flat, Parts
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.load.chunks import OBJECT_NBYTES, SampleChunks
from vstore.reader.load.feeds import ABSENT, Feed, Part, Spread
from vstore.reader.load.loading import Loading, Receive, Request
from vstore.reading.assembly import Load
from vstore.reading.caches import LruCache


@dataclass(frozen=True, slots=True)
class Beside:
    """An array of numbers that belongs to a column of objects, and two ways to read it."""

    feed: Feed
    spare: Feed

    def open(self, rows: StoredRows) -> "BesidePart":
        """Return what belongs to the samples stored at `rows`."""
        part = self.feed.open(rows, spare=self.spare)
        if part is None:
            raise AssertionError("the spare always has room")
        return BesidePart(part, self.feed.row_shape or (), self.feed.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class BesidePart:
    """What belongs to the samples of a unit."""

    part: Part
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def taken(self, start: int, stop: int) -> NDArray[Any]:
        """Return what belongs to some samples, in an array of its own."""
        out = np.empty((stop - start, *self.row_shape), self.dtype)
        self.part.take(start, stop, out)
        return out


class ObjectFeed:
    """A column whose samples are Python objects: text, bytes, images, arrays of differing shape.

    Images stay encoded until a batch takes them. Of the chunks those that came first are kept:
    an epoch uses each once, so keeping the same ones is as good as any choice.
    """

    row_shape = None

    def __init__(
        self,
        info: ColumnInfo,
        chunks: SampleChunks,
        cache: LruCache[int, NDArray[Any]],
        beside: Mapping[str, Beside],
    ) -> None:
        self._info = info
        self._chunks = chunks
        self._cache = cache
        self._beside = beside
        self.dtype = np.dtype(object)

    def open(self, rows: StoredRows, *, spare: Feed | None = None) -> "ObjectPart":
        """Return the samples stored at `rows`; there is always room."""
        del spare
        spread = Spread.over(rows, self._chunks.rows_per_chunk)
        elements = np.empty(len(rows), object)
        wanted: list[int] = []
        receive: list[Receive] = []
        cuts = spread.cuts.tolist()
        for j, number in enumerate(spread.chunks.tolist()):
            inside = spread.inside[cuts[j] : cuts[j + 1]]
            target = elements[cuts[j] : cuts[j + 1]]
            chunk = self._cache.find(number)
            if chunk is not None:
                target[:] = chunk[inside]
                continue
            wanted.append(number)
            receive.append(self._kept(number, inside, target))
        requests = [Request(self._chunks, wanted, receive)] if wanted else []
        beside = {suffix: each.open(rows) for suffix, each in self._beside.items()}
        return ObjectPart(self._info, elements, spread.places(), requests, beside)

    def find(self, row: int) -> Any:
        """Return the sample stored at `row`, or `ABSENT` if it is not in memory."""
        number, inside = divmod(row, self._chunks.rows_per_chunk)
        if number not in self._cache:
            return ABSENT
        beside = {suffix: each.feed.find(row) for suffix, each in self._beside.items()}
        chunk = self._cache.find(number)
        if chunk is None or any(each is ABSENT for each in beside.values()):
            return ABSENT
        arrays = {suffix: np.asarray(each)[np.newaxis] for suffix, each in beside.items()}
        return from_rows(self._info, chunk[inside : inside + 1].copy(), arrays)[0]

    def _kept(self, number: int, inside: Ints, target: NDArray[Any]) -> Receive:
        def receive(load: Load) -> None:
            chunk = _one_axis(load(None))
            target[:] = chunk[inside]
            self._cache.add(number, chunk)

        return receive

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        # What says which samples are there is read, and counted, as a column of its own.
        own = [each for suffix, each in self._beside.items() if suffix != VALID_SUFFIX]
        counts = [feed.statistics() for each in own for feed in (each.feed, each.spare)]
        found, loaded = (sum(each) for each in zip((0, 0), *counts, strict=True))
        return self._cache.hits + found, self._cache.misses + loaded


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPart:
    """Samples of a unit as they are stored."""

    info: ColumnInfo
    elements: NDArray[Any]
    index: Ints
    own_requests: Sequence[Request]
    beside: Mapping[str, BesidePart]

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""
        beside = [each.part.requests for each in self.beside.values()]
        return [*self.own_requests, *itertools.chain.from_iterable(beside)]

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""
        awaited = {loading} if self.own_requests else set()
        return awaited.union(*(each.part.begin(loading) for each in self.beside.values()))

    def take(self, start: int, stop: int, out: list[Any]) -> None:
        """Decode samples into the end of a list, None where one is missing."""
        out.extend(from_rows(self.info, *self._stored(start, stop)).tolist())

    def flat(self, start: int, stop: int, *, parts: Parts | None = None) -> Flat:
        """Return samples, or parts of them, one behind the other, where their kind can be."""
        flatten = self.info.kind.flatten
        if flatten is None:
            raise AssertionError(f"samples of the kind {self.info.kind_name!r} are not flat")
        return flatten(self.info, *self._stored(start, stop), parts)

    def _stored(self, start: int, stop: int) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        """Return the elements of samples, and those of the companions by suffix."""
        beside = {suffix: each.taken(start, stop) for suffix, each in self.beside.items()}
        return self.elements[self.index[start:stop]], beside

    def close(self) -> None:
        """Let go of the memory."""
        for each in self.beside.values():
            each.part.close()


def _one_axis(chunk: NDArray[Any]) -> NDArray[Any]:
    """Return a chunk with one object for each sample: an array, where samples have axes."""
    if chunk.ndim == 1:
        return chunk
    samples = np.empty(len(chunk), object)
    for i, sample in enumerate(chunk):
        samples[i] = sample
    return samples


def objects_nbytes(chunk: NDArray[Any]) -> int:
    """Return about how much memory a chunk of text or bytes takes."""
    samples = chunk.tolist()
    if samples and isinstance(samples[0], np.ndarray):
        return sum(map(objects_nbytes, samples))
    return sum(map(len, samples)) + OBJECT_NBYTES * chunk.size
