"""A table of a commit, opened for reading."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.array import ChunkSource, read
from vstore.column import Column
from vstore.errors import FormatError, NotFoundError
from vstore.format.metadata import ArrayMetadata
from vstore.format.rows import Rows
from vstore.format.sample_keys import SampleKey, check_key, from_stored
from vstore.format.samples import DELETED, KEYS, SHAPE_SUFFIX, VALID_SUFFIX
from vstore.format.tree import ArrayNode, ColumnInfo, GroupNode


class OpenArray(Protocol):
    """Opens the array that stands at a name below a table."""

    def __call__(self, name: str) -> ChunkSource:
        """Return the chunks of the array called `name`."""


class Table:
    """Samples under named columns, by position and, where they have keys, by key.

    `table["image"]` is a column, `table[17]` one sample as a dict, `table[10:20]` a dict
    of arrays; `table.loc[key]` finds samples by key. A table of a commit pickles, as do
    its columns.
    """

    def __init__(self, path: str, node: GroupNode, open_array: OpenArray) -> None:
        self._path = path
        self._node = node
        self._open = open_array

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self._path, self._node, self._open)

    @property
    def path(self) -> str:
        """Where the table stands in the repository."""
        return self._path

    @property
    def attributes(self) -> dict[str, Any]:
        """The table's attributes, as a copy."""
        return dict(self._node.metadata.get("attributes", {}))

    @property
    def node(self) -> GroupNode:
        """The table's node as it is stored."""
        return self._node

    def find_source(self, name: str) -> ChunkSource | None:
        """Return the chunks of a column or a companion array, None where there is none."""
        return self._open(name) if name in self._node.children else None

    @property
    def key_kind(self) -> str | None:
        """How samples are named: `int`, `str`, `tuple`, or None for position only."""
        return self._node.table.keys if self._node.table else None

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
        shapes = None
        if info.kind == "ragged":
            shape = (self.rows.stored, len(info.shape or ()))
            shapes = self._companion(name + SHAPE_SUFFIX, shape, "int64")
        valid = None
        if info.optional:
            valid = self._companion(name + VALID_SUFFIX, (self.rows.stored,), "bool")
        return Column(name, source, info, self.rows, shapes=shapes, valid=valid, table=self)

    @cached_property
    def rows(self) -> Rows:
        """The stored rows, and which of them are deleted."""
        first = next(iter(self.infos), KEYS if KEYS in self._node.children else None)
        if first is None:
            return Rows(0)
        stored = self._open(first).metadata.shape[0]
        if DELETED not in self._node.children:
            return Rows(stored)
        marks = self._companion(DELETED, (stored,), "bool")
        return Rows(stored, np.flatnonzero(read(marks, slice(None))))

    def _companion(self, name: str, shape: tuple[int, ...], dtype: str) -> ChunkSource:
        """Return an array that the table keeps beside its columns, in the form it must have."""
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

    def __contains__(self, name: object) -> bool:
        return name in self.infos

    def __getitem__(self, index: Any) -> Any:
        """Return a column by name, else a dict of what the index picks from each column."""
        if isinstance(index, str):
            if index not in self.infos:
                names = ", ".join(map(repr, self.infos)) or "none"
                raise NotFoundError(
                    f"the table {self._path!r} has no column {index!r}; its columns: {names}"
                )
            return self.columns[index]
        return {name: column[index] for name, column in self.columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the samples, each a dict."""
        names = list(self.columns)
        iterators = [iter(column) for column in self.columns.values()]
        for values in zip(*iterators, strict=True):
            yield dict(zip(names, values, strict=True))

    def keys(self) -> NDArray[Any]:
        """Return the samples' keys in order; positions where the samples have no keys."""
        if self.key_kind is None:
            return np.arange(len(self), dtype=np.int64)
        return self._keys_at(self.rows.locate(slice(None)))

    def keys_of(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the keys of stored rows; their positions where the samples have no keys."""
        return self.rows.position(rows) if self.key_kind is None else self._keys_at(rows)

    def _keys_at(self, stored: Any) -> NDArray[Any]:
        dtype = "int64" if self.key_kind == "int" else "object"
        if KEYS not in self._node.children and not self.rows.stored:
            return np.zeros(0, dtype)
        keys: NDArray[Any] = read(self._companion(KEYS, (self.rows.stored,), dtype), (stored,))
        return from_stored(keys, self.key_kind)

    @property
    def loc(self) -> "KeyIndexer":
        """Find samples by key: `table.loc["shoe-17"]`, `table.loc[[3, 5]]`."""
        return KeyIndexer(self)

    @cached_property
    def _positions(self) -> dict[Any, int]:
        return {key: i for i, key in enumerate(self.keys().tolist())}

    def position(self, key: SampleKey) -> int:
        """Return where the sample with this key stands, or raise `NotFoundError`."""
        self.check_key(key)
        if self.key_kind is None:
            if not 0 <= key < len(self):  # type: ignore[operator]
                raise NotFoundError(
                    f"the table {self._path!r} has {len(self)} samples and no keys; got {key!r}"
                )
            return int(key)  # type: ignore[arg-type]
        found = self._positions.get(key)
        if found is None:
            raise NotFoundError(f"the table {self._path!r} has no sample with the key {key!r}")
        return found

    def has_key(self, key: SampleKey) -> bool:
        """Tell whether a sample has this key."""
        self.check_key(key)
        return key in self._positions if self.key_kind else 0 <= key < len(self)  # type: ignore[operator]

    def check_key(self, key: object) -> None:
        """Raise `InvalidInputError` unless `key` is of the kind this table's keys are."""
        check_key(key, self.key_kind, path=self._path)

    def positions_below(self, prefix: object) -> NDArray[np.int64]:
        """Return where the samples stand whose tuple keys begin with `prefix`.

        Raises:
            NotFoundError: there is none.
        """
        parts = prefix if isinstance(prefix, tuple) else (prefix,)
        check_key(parts, self.key_kind, path=self._path)
        found = [i for key, i in self._positions.items() if key[: len(parts)] == parts]
        if not found:
            raise NotFoundError(f"the table {self._path!r} has no sample below {prefix!r}")
        return np.array(found, np.int64)

    def metadata(self, name: str) -> ArrayMetadata:
        """Return the Zarr v3 metadata of a column."""
        metadata: ArrayMetadata = self[name].metadata
        return metadata

    def __repr__(self) -> str:
        columns = ", ".join(
            f"{name}: {column.dtype}{list(column.shape[1:]) or ''}"
            if column.kind in ("ndarray", "ragged")
            else f"{name}: {column.kind}"
            for name, column in self.columns.items()
        )
        keys = f", keyed by {self.key_kind}" if self.key_kind else ""
        return f"<vstore.Table {self._path!r} {len(self):,} samples{keys}; {columns}>"


class KeyIndexer:
    """Finds samples of a table by their keys."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getitem__(self, key: Any) -> dict[str, Any]:
        """Return one sample by key, or a dict of arrays for a list of keys.

        Where keys are tuples, their first part (or parts, as a shorter tuple) gives all
        samples whose keys begin so: `table.loc["patient-7"]`.

        Raises:
            NotFoundError: no sample has the key.
            InvalidInputError: the key is of the wrong kind.
        """
        found: dict[str, Any]
        if isinstance(key, (list, np.ndarray)):
            positions = [self._table.position(item) for item in _plain(key)]
            found = self._table[np.array(positions, np.int64)]
        elif self._is_prefix(key):
            found = self._table[self._table.positions_below(key)]
        else:
            found = self._table[self._table.position(key)]
        return found

    def _is_prefix(self, key: Any) -> bool:
        """Tell whether a key stands for all tuple keys that begin with it."""
        if self._table.key_kind != "tuple":
            return False
        return not isinstance(key, tuple) or not self._table.has_key(key)

    def __contains__(self, key: Any) -> bool:
        return self._table.has_key(key)

    def __repr__(self) -> str:
        return f"<{self._table.key_kind or 'no'} keys of {self._table!r}>"


def _plain(keys: Any) -> list[Any]:
    return keys.tolist() if isinstance(keys, np.ndarray) else list(keys)
