"""A table of a commit as the library sees it: its arrays, and its samples by stored rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, NotFoundError
from vstore.faces import internals
from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode
from vstore.format.numbers import Ints, Positions, StoredRows
from vstore.format.table.key_index import bucket_count
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.table.rows import Rows
from vstore.format.table.sample_keys import INT, KeyKind, find_key_kind
from vstore.format.zarr.attributes import attributes_of
from vstore.reading.array import ChunkSource, StoredArray, prefetch_rows, read
from vstore.reading.column import Column
from vstore.reading.deleted_samples import deleted_rows
from vstore.reading.key_indexer import rows_of
from vstore.reading.key_rows import IndexedKeys, KeyRows, NoKeys, ScannedKeys
from vstore.reading.stored_column import StoredColumn
from vstore.reading.text_labels import TextLabels
from vstore.wording import listed

MOST_UNSTORED_KEYS = 2**28
"""How many rows beyond those whose keys are stored a table has at most."""


class OpenArray(Protocol):
    """Opens the array that is at a name below a table."""

    def __call__(self, name: str) -> ChunkSource:
        """Return the chunks of the array called `name`."""


def each_sample(columns: Mapping[str, Iterable[Any]], count: int) -> Iterator[dict[str, Any]]:
    """Yield samples, each a dict of what columns yield; there are `count`, if no column too."""
    iterators = {name: iter(column) for name, column in columns.items()}
    for _ in range(count):
        yield {name: next(iterator) for name, iterator in iterators.items()}


class StoredTable:
    """The arrays of a table, and which stored rows its samples are.

    `reopen`, given the path, returns the table that users hold; None for one that is only
    looked at in passing. `commit` is the one that it is of, None for one that merges look at.
    """

    def __init__(
        self,
        path: str,
        node: GroupNode,
        open_array: OpenArray,
        *,
        reopen: Callable[[str], object] | None = None,
        commit: Digest | None = None,
    ) -> None:
        self.commit = commit
        self._path = path
        self._node = node
        self._open = open_array
        self._reopen = reopen

    def reopening(self) -> tuple[Any, ...]:
        """Return what a pickle of the table says: what opens it, and with which arguments."""
        if self._reopen is None:
            raise TypeError("a table that a merge looks at does not pickle")
        return self._reopen, (self._path,)

    @property
    def path(self) -> str:
        """Where the table is in the repository."""
        return self._path

    @property
    def attributes(self) -> dict[str, Any]:
        """The table's attributes, as a copy."""
        return attributes_of(self._node.metadata)

    @property
    def node(self) -> GroupNode:
        """The table's node as it is stored."""
        return self._node

    def find_source(self, name: str) -> ChunkSource | None:
        """Return the chunks of a column or a companion array, None where there is none."""
        return self._open(name) if name in self._node.children else None

    @property
    def key_kind(self) -> str | None:
        """How samples are named; see `Table.key_kind`."""
        return self._node.table.keys if self._node.table else None

    @property
    def _key_kind(self) -> KeyKind:
        """What keys are; samples without any are named by their positions, integers."""
        return find_key_kind(self.key_kind) or INT

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name, in the order of their names."""
        return {name: self._column(name, info) for name, info in self.infos.items()}

    @cached_property
    def infos(self) -> dict[str, ColumnInfo]:
        """What the table says of each of its columns."""
        infos: dict[str, ColumnInfo] = {}
        for name in sorted(self._node.children):
            child = self._node.children[name]
            node = (
                child if isinstance(child, ArrayNode) else getattr(self._open(name), "node", None)
            )
            if isinstance(node, ArrayNode) and node.column is not None:
                infos[name] = node.column
        return infos

    def _column(self, name: str, info: ColumnInfo) -> Column:
        source = self._open(name)
        if source.metadata.shape[:1] != (self.rows.stored,):
            raise FormatError(
                f"the columns of {self._path!r} have different lengths: {name!r} has "
                f"{source.metadata.shape[:1]}, the table {self.rows.stored}"
            )
        if not info.kind.may_be(source.metadata.data_type, source.metadata.ndim):
            raise FormatError(
                f"the array {name!r} of the table {self._path!r} is not one of {info.kind_name} "
                f"samples: it is {source.metadata.data_type} {source.metadata.shape}"
            )
        beside = {
            each.suffix: self._companion(
                name + each.suffix, (self.rows.stored, *each.shape(info)), each.dtype
            )
            for each in info.companions
        }
        return Column(StoredColumn(name, source, info, self.rows, beside=beside, table=self))

    @cached_property
    def rows(self) -> Rows:
        """The stored rows, and which of them are deleted."""
        first = next(iter(self.infos), KEYS if KEYS in self._node.children else None)
        if first is None:
            return Rows(0)
        stored = self._open(first).metadata.shape[0]
        counts = self._node.table.deleted if self._node.table is not None else ()
        self._check_counts(counts, stored)
        if DELETED not in self._node.children:
            return Rows(stored)
        marks = self._companion(DELETED, (stored,), "bool")
        return Rows(stored, deleted_rows(marks, counts))

    def _check_counts(self, counts: Sequence[int], stored: int) -> None:
        """Refuse counts of deleted rows that do not fit the rows of each block."""
        has_marks = DELETED in self._node.children
        blocks = range(0, stored, BLOCK_ROWS) if has_marks else ()
        fits = len(counts) <= len(blocks) and all(
            said <= min(BLOCK_ROWS, stored - first)
            for said, first in zip(counts, blocks, strict=False)
        )
        if not fits or (counts and counts[-1] == 0):
            raise FormatError(
                f"the table {self._path!r} of {stored:,} stored rows says that "
                f"{sum(counts):,} are deleted, which does not fit"
            )

    def _companion(self, name: str, shape: tuple[int, ...], dtype: str) -> ChunkSource:
        """Return an array that the table keeps next to its columns, in the form it must have."""
        if name not in self._node.children:
            raise FormatError(f"the table {self._path!r} lacks the array {name!r}")
        source = self._open(name)
        found = source.metadata
        if found.shape != shape or found.dtype != np.dtype(dtype):
            raise FormatError(
                f"the array {name!r} of the table {self._path!r} must be {dtype} {shape}, "
                f"not {found.dtype} {found.shape}"
            )
        return source

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the samples, each a dict."""
        return each_sample(self.columns, len(self))

    def sample_keys(self) -> NDArray[Any]:
        """Return the samples' keys in order; positions where the samples have no keys."""
        if self.key_kind is None:
            return np.arange(len(self), dtype=np.int64)
        return self._keys_at(self.rows.locate(slice(None)))

    def keys_of(self, rows: StoredRows) -> NDArray[Any]:
        """Return the keys of stored rows; their positions where the samples have no keys."""
        return self.rows.position(rows) if self.key_kind is None else self._keys_at(rows)

    def _keys_at(self, stored: Any) -> NDArray[Any]:
        source = self.key_source
        if source is None:
            return np.zeros(0, self._key_kind.dtype)
        keys: NDArray[Any] = read(source, (stored,))
        return self._key_kind.from_stored(keys)

    @property
    def key_source(self) -> ChunkSource | None:
        """The chunks of the keys of all stored rows; None where there is neither key nor row.

        Raises:
            FormatError: the keys are not there, or not one for each row.
        """
        if KEYS not in self._node.children and not self.rows.stored:
            return None
        labels = self._open(KEYS) if KEYS in self._node.children else None
        if labels is not None and labels.metadata.dtype.kind == "U":
            return TextLabels(labels)
        source = self._companion(KEYS, (self.rows.stored,), str(self._key_kind.dtype))
        self.check_stored_keys(source)
        return source

    def check_stored_keys(self, source: ChunkSource) -> None:
        """Raise if the rows are so many more than stored keys that no memory should be taken.

        Live rows differ in their keys, of which only one is not stored: the fill value.
        """
        if not isinstance(source, StoredArray) or self.rows.stored <= MOST_UNSTORED_KEYS:
            return
        chunks = 0 if source.node.chunks is None else source.node.chunks.chunks
        if self.rows.stored > chunks * source.metadata.chunk_shape[0] + MOST_UNSTORED_KEYS:
            raise FormatError(
                f"the table {self._path!r} says that it has {self.rows.stored:,} rows, and stores "
                f"{chunks:,} chunks of keys",
                code="malformed-key-index",
            )

    @cached_property
    def key_rows(self) -> KeyRows:
        """What finds stored rows by their keys; deleted rows are found, too."""
        source, stored = self.key_source, self.rows.stored
        if source is None:
            return NoKeys()
        keys = _keeping(source)
        buckets = bucket_count(stored)
        if not buckets or KEY_INDEX not in self._node.children:
            return ScannedKeys(keys, stored)
        index = self._companion(KEY_INDEX, (buckets,), "object")
        return IndexedKeys(keys, _keeping(index))

    def find_rows(self, keys: Sequence[Any]) -> StoredRows:
        """Return where in storage the samples with some keys are, -1 for keys of none."""
        for key in keys:
            self.check_key(key)
        if self.key_kind is None:
            return self.rows.find(keys)
        which, rows = self.key_rows.find(self._key_kind.to_stored(keys))
        live = self.rows.are_live(rows)
        self._check_distinct(keys, which[live])
        found = np.full(len(keys), -1, np.int64)
        found[which[live]] = rows[live]
        return found

    def _check_distinct(self, keys: Sequence[Any], which: Ints) -> None:
        """Raise if a key was found in several samples, as labels that xarray wrote may be."""
        numbers, counts = np.unique(which, return_counts=True)
        if len(numbers) < len(which):
            twice = numbers[counts > 1][0]
            raise FormatError(
                f"{counts.max()} samples of {self._path!r} are called {keys[twice]!r}: a key names "
                "one sample, and positions name them all",
                code="duplicate-key",
                path=self._path,
            )

    def rows_of(self, keys: Any) -> StoredRows:
        """Return where in storage the samples with some keys are, or raise `NotFoundError`."""
        return rows_of(self, keys)

    def positions(self, keys: Any) -> Positions:
        """Return where the samples with some keys are, or raise `NotFoundError`."""
        return self.rows.position(self.rows_of(keys))

    def check_key(self, key: object) -> None:
        """Raise `InvalidInputError` unless `key` is of the kind this table's keys are."""
        self._key_kind.check(key, self._path)

    def rows_below(self, prefix: object) -> StoredRows:
        """Return where in storage the samples are whose tuple keys begin with `prefix`.

        Raises:
            NotFoundError: there is none.
        """
        parts = prefix if isinstance(prefix, tuple) else (prefix,)
        self._key_kind.check(parts, self._path)
        found = self.key_rows.find_below(parts)
        found = found[self.rows.are_live(found)]
        if not len(found):
            raise NotFoundError(
                f"the table {self._path!r} has no sample below {prefix!r}", code="sample-not-found"
            )
        return found

    def at_rows(self, stored: int | StoredRows) -> dict[str, Any]:
        """Return the samples in stored rows; chunks that are small come together."""
        columns = self.columns.values()
        sources = [each for c in columns for each in internals(c).arrays]
        prefetch_rows(sources, np.unique(np.atleast_1d(np.asarray(stored, np.int64))))
        return {name: internals(column).at_rows(stored) for name, column in self.columns.items()}

    def __repr__(self) -> str:
        columns = listed(
            f"{name}: {column.dtype}{list(column.shape[1:]) or ''}"
            if internals(column).info.kind.is_told_by_dtype
            else f"{name}: {column.kind}"
            for name, column in self.columns.items()
        )
        keys = f", keyed by {self.key_kind}" if self.key_kind else ""
        return f"<vstore.Table {self.path!r} {len(self):,} samples{keys}; {columns}>"


def _keeping(source: ChunkSource) -> ChunkSource:
    """Return an array that leaves the chunks it reads with its fetcher: they are read again."""
    if not isinstance(source, StoredArray):
        return source
    return StoredArray(source.fetcher, source.node, path=source.path, keeps_chunks=True)
