"""In which stored rows of a table keys are, whether or not those rows are deleted."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.numbers import ChunkNumbers, Ints, StoredRows
from vstore.format.table import key_index
from vstore.format.table.key_index import Marks
from vstore.reading.array import ChunkSource, read
from vstore.reading.assembly import Load

_BUCKETS_AT_ONCE = 256
_CHUNKS_AT_ONCE = 16


class KeyRows(Protocol):
    """Finds the rows that hold keys, given as they are stored."""

    def find(self, stored: NDArray[Any]) -> tuple[Ints, StoredRows]:
        """Return pairs (i, row): the row holds the i-th key. A deleted row may, too."""

    def find_below(self, prefix: tuple[int | str, ...]) -> StoredRows:
        """Return the rows, ascending, whose tuple keys begin with `prefix`."""


class NoKeys:
    """A table without rows."""

    def find(self, stored: NDArray[Any]) -> tuple[Ints, StoredRows]:  # noqa: ARG002
        """Return nothing."""
        return _none(), _none()

    def find_below(self, prefix: tuple[int | str, ...]) -> StoredRows:  # noqa: ARG002
        """Return nothing."""
        return _none()


class ScannedKeys:
    """Keys without an index: all of them are read once, when one is first looked up."""

    def __init__(self, source: ChunkSource, rows: int) -> None:
        self._source = source
        self._rows = rows

    @cached_property
    def _all(self) -> list[Any]:
        keys: list[Any] = read(self._source, slice(0, self._rows)).tolist()
        return keys

    @cached_property
    def _by_key(self) -> tuple[dict[Any, int], dict[Any, list[int]]]:
        """The first row of each key, and the others of those that have more."""
        first: dict[Any, int] = {}
        others: dict[Any, list[int]] = {}
        for row, key in enumerate(self._all):
            if first.setdefault(key, row) != row:
                others.setdefault(key, []).append(row)
        return first, others

    def find(self, stored: NDArray[Any]) -> tuple[Ints, StoredRows]:
        """Return pairs (i, row) for keys that are there."""
        first, others = self._by_key
        found: list[tuple[int, int]] = []
        for i, key in enumerate(stored.tolist()):
            row = first.get(key)
            if row is not None:
                found.append((i, row))
                found += [(i, other) for other in others.get(key, ())]
        return _columns(found)

    def find_below(self, prefix: tuple[int | str, ...]) -> StoredRows:
        """Return the rows whose keys begin with `prefix`."""
        begins = Beginning(prefix)
        return np.array([i for i, key in enumerate(self._all) if begins(key)], np.int64)


class IndexedKeys:
    """Keys with an index: only the buckets and chunks that may hold one are read.

    What the index says is never taken on trust: each key is compared with the one that is
    stored. Both arrays may grow together while this is in use.
    """

    def __init__(self, source: ChunkSource, index: ChunkSource) -> None:
        self._source = source
        self._index = index

    @property
    def _rows(self) -> int:
        return self._source.metadata.shape[0]

    def find(self, stored: NDArray[Any]) -> tuple[Ints, StoredRows]:
        """Return pairs (i, row) for keys that are there."""
        which, blocks = self._named(key_index.marks_of_keys(stored))
        order = np.argsort(blocks, kind="stable")
        numbers, starts = np.unique(blocks[order], return_index=True)
        members = np.split(which[order], starts[1:])
        keys = stored.tolist()
        found: list[tuple[int, int]] = []
        for (block, chunk), here in zip(self._chunks(numbers), members, strict=False):
            wanted: dict[Any, list[int]] = {}
            for i in here.tolist():
                wanted.setdefault(keys[i], []).append(i)
            for row, key in enumerate(chunk.tolist(), block * self._step):
                if key in wanted:
                    found += [(i, row) for i in wanted[key]]
        return _columns(found)

    def find_below(self, prefix: tuple[int | str, ...]) -> StoredRows:
        """Return the rows whose keys begin with `prefix`."""
        begins = Beginning(prefix)
        _, blocks = self._named(key_index.marks_of([begins.whole]))
        rows: list[int] = []
        for block, chunk in self._chunks(np.unique(blocks)):
            first = block * self._step
            rows += [row for row, key in enumerate(chunk.tolist(), first) if begins(key)]
        return np.array(rows, np.int64)

    @property
    def _step(self) -> int:
        return self._source.metadata.chunk_shape[0]

    def _named(self, marks: Marks) -> tuple[Ints, ChunkNumbers]:
        """Return pairs (i, chunk): what the index has under the i-th mark."""
        homes = key_index.bucket_of(marks, self._index.metadata.shape[0])
        order = np.argsort(homes, kind="stable")
        which, blocks = [_none()], [_none()]
        buckets, starts = np.unique(homes[order], return_index=True)
        members = np.split(order, starts[1:])
        for start in range(0, len(buckets), _BUCKETS_AT_ONCE):
            wave = slice(start, start + _BUCKETS_AT_ONCE)
            for data, here in zip(read(self._index, (buckets[wave],)), members[wave], strict=True):
                held, at = key_index.decode_bucket(data)
                first = np.searchsorted(held, marks[here], "left")
                counts = np.searchsorted(held, marks[here], "right") - first
                which.append(np.repeat(here, counts))
                blocks.append(at[key_index.ranges(first, counts)])
        return np.concatenate(which), np.concatenate(blocks)

    def _chunks(self, blocks: ChunkNumbers) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield chunks of the keys by their numbers, as far as there are rows."""
        if len(blocks) and blocks[-1] * self._step >= self._rows:
            raise FormatError(
                f"the key index names the chunk {blocks[-1]}, which is not there",
                code="malformed-key-index",
            )
        for start in range(0, len(blocks), _CHUNKS_AT_ONCE):
            numbers = blocks[start : start + _CHUNKS_AT_ONCE].tolist()
            loaded: dict[int, NDArray[Any]] = {}

            def take(i: int, load: Load, loaded: dict[int, NDArray[Any]] = loaded) -> None:
                loaded[i] = load(None)

            self._source.visit(numbers, take)
            for i, number in enumerate(numbers):
                yield number, loaded[i][: self._rows - number * self._step]


class Beginning:
    """Tells whether a stored tuple begins with another."""

    def __init__(self, prefix: tuple[int | str, ...]) -> None:
        self.whole = key_index.text_below(prefix)
        self._longer = f"{self.whole[:-1]},"

    def __call__(self, stored: str) -> bool:
        """Tell it of one, given as it is stored."""
        return stored == self.whole or stored.startswith(self._longer)


def _columns(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    both = np.array(pairs, np.int64).reshape(len(pairs), 2)
    return both[:, 0], both[:, 1]


def _none() -> Ints:
    return np.zeros(0, np.int64)
