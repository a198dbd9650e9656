"""The keys of a table in a transaction: which rows have them, which are new, and their index."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.numbers import ChunkNumbers, Ints, StoredRows
from vstore.format.table import key_index
from vstore.format.table.key_index import Marks
from vstore.format.table.names import KEY_INDEX
from vstore.format.table.sample_keys import KeyKind, as_list
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import read
from vstore.reading.key_rows import Beginning, KeyRows
from vstore.writing.staged_array import StagedArray

RECENT = 2**16
"""How many keys are kept as they are; of all others a mark and a row, 16 bytes."""

_BUCKETS_AT_ONCE = 512

CODECS = (
    {"name": "vlen-bytes"},
    {"name": "zstd", "configuration": {"level": 3, "checksum": False}},
)


class AddedKeys:
    """Finds the rows of keys that were added, and tells what an index is to say of them.

    `read` returns the stored keys of some rows: a mark alone is never taken for a key.
    """

    def __init__(self, kind: KeyKind | None, read: Callable[[StoredRows], NDArray[Any]]) -> None:
        self._kind = kind
        self._read = read
        self._recent: dict[Any, int] = {}
        self._batches: list[tuple[NDArray[Any], int]] = []
        self._runs: list[tuple[Marks, StoredRows]] = []
        self._below: list[tuple[Marks, StoredRows]] = []

    def __len__(self) -> int:
        return len(self._recent) + sum(len(marks) for marks, _ in self._runs)

    def add(self, stored: NDArray[Any], first_row: int) -> None:
        """Take the keys of new rows, as they are stored."""
        self._recent |= {key: row for row, key in enumerate(stored.tolist(), first_row)}
        self._batches.append((stored, first_row))
        if len(self._recent) > RECENT:
            self._settle()

    def find(self, stored: NDArray[Any]) -> tuple[Ints, StoredRows]:
        """Return pairs (i, row): the row holds the i-th key. A row deleted since may, too."""
        recent = [self._recent.get(key, -1) for key in stored.tolist()]
        rows = np.array(recent, np.int64)
        which = np.flatnonzero(rows >= 0)
        if not self._runs:
            return which, rows[which]
        found = [(which, rows[which])]
        marks = key_index.marks_of_keys(stored)
        for held, at in self._runs:
            first = np.searchsorted(held, marks, "left")
            counts = np.searchsorted(held, marks, "right") - first
            if counts.any():
                found.append(
                    (np.repeat(np.arange(len(marks)), counts), at[key_index.ranges(first, counts)])
                )
        which, rows = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not len(rows):
            return which, rows
        is_right = self._read(rows) == stored[which]
        return which[is_right], rows[is_right]

    def find_below(self, prefix: tuple[int | str, ...]) -> StoredRows:
        """Return the rows whose tuple keys begin with `prefix`, deleted ones too."""
        begins = Beginning(prefix)
        found = [np.array([row for key, row in self._recent.items() if begins(key)], np.int64)]
        (mark,) = key_index.marks_of([begins.whole])
        for held, at in (*self._runs, *self._below):
            rows = at[held == mark]
            if len(rows):
                found.append(rows[[begins(key) for key in self._read(rows).tolist()]])
        return np.unique(np.concatenate(found))

    def entries(self, step: int) -> tuple[Marks, ChunkNumbers]:
        """Return what an index says of the keys, in chunks of `step` rows; see `entries_of`."""
        self._settle()
        parts = [(marks, rows // step) for marks, rows in self._runs]
        parts += [(marks, rows // step) for marks, rows in self._below]
        if not parts:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64)
        marks, blocks = (np.concatenate(each) for each in zip(*parts, strict=True))
        return marks, blocks

    def _settle(self) -> None:
        """Keep only the marks of the recent keys, in a run that grows like those before it."""
        for stored, first_row in self._batches:
            rows = np.arange(first_row, first_row + len(stored), dtype=np.int64)
            self._runs.append(_sorted(key_index.marks_of_keys(stored), rows))
            while len(self._runs) > 1 and len(self._runs[-2][0]) <= 2 * len(self._runs[-1][0]):
                (a, b), (c, d) = self._runs.pop(), self._runs.pop()
                self._runs.append(_sorted(np.concatenate([a, c]), np.concatenate([b, d])))
            if self._kind is not None and self._kind.has_prefixes:
                self._below.append(key_index.entries_below(stored, rows))
        self._batches.clear()
        self._recent.clear()


def _sorted(marks: Marks, rows: StoredRows) -> tuple[Marks, StoredRows]:
    order = np.argsort(marks, kind="stable")
    return marks[order], rows[order]


class KeySet:
    """Which live rows of a table in a transaction hold which keys.

    `before` finds what the table held when the transaction began, and is made when it is
    first needed; what the transaction adds is kept next to it.
    """

    def __init__(
        self,
        kind: KeyKind | None,
        before: Callable[[], KeyRows],
        read: Callable[[StoredRows], NDArray[Any]],
        are_live: Callable[[StoredRows], NDArray[np.bool_]],
    ) -> None:
        self.kind = kind
        self.added = AddedKeys(kind, read)
        self._read = read
        self._are_live = are_live
        self._make = before
        self._before: KeyRows | None = None

    def rebase(self, before: Callable[[], KeyRows]) -> None:
        """Forget what was added: `before` finds that, too."""
        self.added = AddedKeys(self.kind, self._read)
        self._make, self._before = before, None

    def check(self, keys: Any, count: int, *, path: str) -> NDArray[Any] | None:
        """Return the keys of new samples as they are stored; None where there are none.

        Raises:
            InvalidInputError: missing, too many or few, doubled, or of the wrong kind.
        """
        if self.kind is None:
            if keys is not None:
                raise InvalidInputError(
                    f"the samples of {path!r} have no keys",
                    code="unexpected-keys",
                    hint="leave keys= out, or create the table with keys, as in "
                    f"`tx.create_table({path!r}, columns, keys='str')`",
                    path=path,
                )
            return None
        if keys is None:
            raise InvalidInputError(
                f"the samples of {path!r} have {self.kind.name} keys, and none were given",
                code="missing-keys",
                hint="give one for each sample, as in `table.extend(values, keys=keys)`",
                path=path,
            )
        plain = as_list(keys, path=path)
        if len(plain) != count:
            raise InvalidInputError(f"{len(plain)} keys for {count} samples of {path!r}")
        for key in plain:
            self.kind.check(key, path)
        return self._check_unique(plain, self.kind.to_stored(plain), path)

    def _check_unique(self, plain: list[Any], stored: NDArray[Any], path: str) -> NDArray[Any]:
        """Return stored keys, or raise `InvalidInputError` for one that is taken."""
        seen: set[Any] = set()
        for key in plain:
            if key in seen:
                raise InvalidInputError(f"the key {key!r} is given twice")
            seen.add(key)
        taken = np.flatnonzero(self._rows(stored) >= 0)
        if len(taken):
            raise InvalidInputError(
                f"{path!r} has a sample with the key {plain[taken[0]]!r} already",
                code="key-exists",
                hint=f"change it with `tx[{path!r}].loc[{plain[taken[0]]!r}] = sample`, or delete "
                f"it first with `tx[{path!r}].delete(keys=[{plain[taken[0]]!r}])`",
                path=path,
                key=plain[taken[0]],
            )
        return stored

    def add(self, stored: NDArray[Any], first_row: int) -> None:
        """Take the keys of new rows, which were checked, as they are stored."""
        self.added.add(stored, first_row)

    @property
    def _held(self) -> KeyRows:
        """What finds the keys that the table had before."""
        if self._before is None:
            self._before = self._make()
        return self._before

    def _rows(self, stored: NDArray[Any]) -> StoredRows:
        """Return the live row of each key, given as it is stored; -1 for those of none."""
        found = np.full(len(stored), -1, np.int64)
        for held in (self._held, self.added):
            which, rows = held.find(stored)
            live = self._are_live(rows)
            found[which[live]] = rows[live]
        return found

    def hold_any(self, stored: NDArray[Any]) -> bool:
        """Return whether a sample has one of some keys, given as they are stored."""
        return bool((self._rows(stored) >= 0).any())

    def find(self, keys: Sequence[Any], *, path: str) -> StoredRows:
        """Return in which rows the samples with some keys are, -1 for keys of none."""
        kind = self._kind(path)
        for key in keys:
            kind.check(key, path)
        return self._rows(kind.to_stored(keys))

    def _kind(self, path: str) -> KeyKind:
        if self.kind is None:
            raise InvalidInputError(
                f"the samples of {path!r} have no keys",
                code="unexpected-keys",
                hint=f"use positions, as in `tx[{path!r}].delete([0])`",
                path=path,
            )
        return self.kind

    def rows_below(self, prefix: object, *, path: str) -> StoredRows:
        """Return in which rows the samples are whose tuple keys begin with `prefix`.

        Raises:
            NotFoundError: there is none.
        """
        parts = prefix if isinstance(prefix, tuple) else (prefix,)
        self._kind(path).check(parts, path)
        found = np.union1d(self._held.find_below(parts), self.added.find_below(parts))
        found = found[self._are_live(found)]
        if not len(found):
            raise NotFoundError(
                f"the table {path!r} has no sample below {prefix!r}", code="sample-not-found"
            )
        return found

    def rows(self, keys: Any, *, path: str) -> StoredRows:
        """Return in which rows the samples with some keys are, or raise `NotFoundError`."""
        self._kind(path)
        listed = as_list(keys, path=path)
        found = self.find(listed, path=path)
        absent = np.flatnonzero(found < 0)
        if len(absent):
            raise NotFoundError(
                f"the table {path!r} has no sample with the key {listed[absent[0]]!r}",
                code="sample-not-found",
            )
        return found


def index_metadata() -> ArrayMetadata:
    """Return the metadata of an index without buckets: each is a chunk of its own."""
    return ArrayMetadata.create(
        shape=(0,),
        dtype="variable_length_bytes",
        chunk_shape=(1,),
        codecs=CODECS,
        dimension_names=(f"{KEY_INDEX}.bucket",),
    )


def add_entries(index: StagedArray, marks: Marks, blocks: ChunkNumbers, *, buckets: int) -> None:
    """Put entries into an index that is to have this many buckets, at least as many as it has.

    A bucket is read where it gets entries, or gives some to a new one.
    """
    before = index.metadata.shape[0]
    index.grow(buckets)
    sources = _sources(key_index.bucket_of(marks, buckets), before, buckets)
    homes = key_index.bucket_of(marks, before or buckets)
    order = np.argsort(homes, kind="stable")
    bounds = np.searchsorted(homes[order], [sources, sources + 1])
    for start in range(0, len(sources), _BUCKETS_AT_ONCE):
        wave = slice(start, min(start + _BUCKETS_AT_ONCE, len(sources)))
        new = order[bounds[0, wave.start] : bounds[1, wave.stop - 1]]
        held = list(_held(index, sources[wave])) if before else []
        _write(
            index,
            sources[wave] if before else np.zeros(0, np.int64),
            np.concatenate([marks[new], *(each for each, _ in held)]),
            np.concatenate([blocks[new], *(each for _, each in held)]),
        )


def _sources(homes: Ints, before: int, after: int) -> Ints:
    """Return the buckets, of those before, whose entries are to be looked at."""
    if not before:
        return np.unique(homes)
    fresh = np.arange(before, after).astype(np.uint64)
    touched = [np.unique(homes[homes < before])]
    # New buckets split others; entries that go into new ones come from where those came from.
    touched.append(key_index.bucket_of(fresh << np.uint64(8), before))
    return np.unique(np.concatenate(touched))


def _held(index: StagedArray, numbers: Ints) -> Iterator[tuple[Marks, ChunkNumbers]]:
    yield from map(key_index.decode_bucket, read(index, (numbers,)))


def _write(index: StagedArray, emptied: Ints, marks: Marks, blocks: ChunkNumbers) -> None:
    """Write all buckets that any of the entries is in; these are all there are in them.

    `emptied` are buckets that had entries, and are left empty unless some are there.
    """
    marks, blocks = key_index.distinct(marks, blocks)
    homes = key_index.bucket_of(marks, index.metadata.shape[0])
    order = np.argsort(homes, kind="stable")
    numbers = np.union1d(emptied, homes)
    bounds = np.searchsorted(homes[order], [numbers, numbers + 1])
    elements = np.empty(len(numbers), object)
    for i, (start, stop) in enumerate(bounds.T.tolist()):
        here = order[start:stop]
        elements[i] = key_index.encode_bucket(marks[here], blocks[here])
    if len(numbers):
        index.write((numbers,), elements)
