"""A table inside a transaction: samples are added, changed and deleted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.array import ChunkSource, read
from vstore.column import Column
from vstore.errors import AlreadyExistsError, ClosedError, InvalidInputError, NotFoundError
from vstore.fetch import Fetcher
from vstore.format.commit import Changes
from vstore.format.keys import check_node_name
from vstore.format.metadata import ArrayMetadata
from vstore.format.rows import Rows
from vstore.format.samples import (
    DELETED,
    KEYS,
    RESERVED_SUFFIXES,
    SHAPE_SUFFIX,
    ColumnSpec,
    is_variable,
)
from vstore.format.selection import split
from vstore.format.tree import ArrayNode, ColumnInfo, GroupNode
from vstore.table import SampleKey
from vstore.writing.assignments import Assignment, Target, assignments
from vstore.writing.batches import (
    Batch,
    SampleForm,
    as_rows,
    batch_of_one,
    batches,
    check_columns,
    common_length,
)
from vstore.writing.deletions import Deletions
from vstore.writing.key_set import KeySet, as_list
from vstore.writing.new_column import column_metadata, companion_metadata
from vstore.writing.packs import PackWriter
from vstore.writing.staged_array import StagedArray
from vstore.writing.staged_column import StagedColumn, StagedIndexer

DELETED_ROWS = 2**20


@dataclass(frozen=True, slots=True)
class Staging:
    """What every staged table and array of one transaction shares."""

    writer: PackWriter
    fetcher: Fetcher
    require_open: Callable[[], None]


class StagedTable:
    """A table of a transaction. Reading sees what was written; nobody else does yet."""

    def __init__(
        self,
        staging: Staging,
        path: str,
        node: GroupNode,
        children: Mapping[str, ArrayNode],
        *,
        specs: Mapping[str, ColumnSpec] | None = None,
    ) -> None:
        self._staging = staging
        self._path = path
        self._node = node
        self._specs = dict(specs or {})
        self._arrays: dict[str, StagedArray] = {
            name: self._stage(name, child) for name, child in children.items()
        }
        self._infos: dict[str, ColumnInfo] = {
            name: child.column for name, child in children.items() if child.column is not None
        }
        self._infos |= {name: spec.info for name, spec in self._specs.items()}
        self._stored = _stored_rows(self._arrays, self._infos)
        self._base_rows = self._stored
        self._deletions = Deletions(self._read_deleted())
        self._changed: list[NDArray[np.int64]] = []
        self._has_new_schema = False
        self._is_deleted = False
        self._keys = KeySet(node.table.keys if node.table else None, self.keys)

    def _require_usable(self) -> None:
        self._staging.require_open()
        if self._is_deleted:
            raise ClosedError(f"{self._path!r} was deleted or replaced in this transaction")

    def forget(self) -> None:
        """Refuse use from now on: the table was deleted, or others took its place."""
        self._is_deleted = True

    def _stage(self, name: str, child: ArrayNode) -> StagedArray:
        metadata = ArrayMetadata.from_dict(child.metadata)
        return StagedArray(
            self._staging.writer,
            self._staging.fetcher,
            f"{self._path}/{name}",
            metadata,
            base=child,
        )

    def _open(self, name: str) -> ChunkSource:
        if name not in self._arrays:
            raise NotFoundError(f"the table {self._path!r} has no array {name!r}")
        return self._arrays[name]

    def _read_deleted(self) -> NDArray[np.int64]:
        if DELETED not in self._arrays:
            return np.zeros(0, np.int64)
        return np.flatnonzero(read(self._arrays[DELETED], slice(None)))

    @property
    def path(self) -> str:
        """Where the table stands in the repository."""
        return self._path

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(sorted(self._infos))

    @property
    def _rows(self) -> Rows:
        return Rows(self._stored, self._deletions.rows)

    def __len__(self) -> int:
        return len(self._rows)

    def extend(
        self, samples: Batch | Iterable[Batch], *, keys: Sequence[SampleKey] | None = None
    ) -> None:
        """Add samples: one mapping of whole columns, or an iterable of such batches.

        Every batch gives every column, all of one length; an iterable may be larger than
        memory. Where the table has keys they come in `keys`, or in each batch as
        `sample`. A batch is checked whole before any of it is taken.

        Raises:
            InvalidInputError: a column missing, unknown, of another length, data type or
                shape; a key missing, doubled or of the wrong kind.

        >>> import vstore
        >>> repo = vstore.create("memory://extend-doc")
        >>> with repo.transaction("main", message="Add") as tx:
        ...     table = tx.create_table("train", {"x": vstore.ndarray((2,), "float32")})
        ...     table.extend({"x": [[1, 2], [3, 4]]})
        ...     len(table)
        2
        """
        self._require_usable()
        if isinstance(samples, Mapping):
            self._extend(samples, keys)
            return
        if keys is not None:
            raise InvalidInputError(
                "with an iterable of batches, give the keys in each as 'sample'"
            )
        for batch in batches(samples):
            self._extend(batch, None)

    def append(self, sample: Batch, *, key: SampleKey | None = None) -> None:
        """Add one sample: a mapping of column names to values."""
        single = batch_of_one(sample, self._infos)
        self.extend(single, keys=None if key is None else [key])

    def _extend(self, batch: Batch, keys: Sequence[SampleKey] | None) -> None:
        values = dict(batch)
        if keys is None and self._keys.kind is not None:
            keys = values.pop(KEYS, None)
        check_columns(values, self._infos, path=self._path)
        count = common_length(values, path=self._path)
        checked_keys = self._keys.check(keys, count, path=self._path)
        ready = {name: self._ready(name, value) for name, value in values.items()}
        if count == 0:
            return
        with self._staging.writer.uninterrupted():
            for name, arrays in ready.items():
                self._column_array(name, arrays[""])
                for suffix, rows in arrays.items():
                    self._arrays[name + suffix].append(rows)
            if checked_keys is not None:
                self._key_array(checked_keys).append(checked_keys)
                self._keys.add(checked_keys)
            self._stored += count

    def _ready(self, name: str, values: Any) -> dict[str, NDArray[Any]]:
        return as_rows(name, self._infos[name], self._sample_form(name), values)

    def _sample_form(self, name: str) -> SampleForm:
        if name in self._arrays:
            metadata = self._arrays[name].metadata
            return SampleForm(metadata.dtype, metadata.shape[1:])
        spec = self._specs[name]
        return SampleForm(spec.dtype, tuple(length or 0 for length in spec.shape))

    def _column_array(self, name: str, first: NDArray[Any]) -> None:
        """Make the arrays of a column that has had no samples yet."""
        if name in self._arrays:
            return
        spec = self._specs[name]
        metadata = column_metadata(spec, first, name=name)
        self._arrays[name] = self._new(name, metadata, spec.info)
        if spec.info.kind == "ragged":
            companion = name + SHAPE_SUFFIX
            shape = (len(spec.info.shape or ()),)
            rows = metadata.chunk_shape[0]
            self._arrays[companion] = self._new(
                companion, companion_metadata(companion, shape, "int64", rows), None
            )

    def _new(self, name: str, metadata: Any, info: ColumnInfo | None) -> StagedArray:
        staging = self._staging
        path = f"{self._path}/{name}"
        return StagedArray(staging.writer, staging.fetcher, path, metadata, column=info)

    def _key_array(self, keys: NDArray[Any]) -> StagedArray:
        if KEYS not in self._arrays:
            info = ColumnInfo("text" if self._keys.kind == "str" else "ndarray")
            spec = ColumnSpec(info, keys.dtype)
            self._arrays[KEYS] = self._new(KEYS, column_metadata(spec, keys, name=KEYS), None)
        return self._arrays[KEYS]

    def delete(self, index: Any = None, *, keys: Sequence[SampleKey] | None = None) -> int:
        """Delete samples by position (integer, slice, array, mask) or by key; return how many.

        They are marked, not rewritten; positions behind them move up at once.

        Raises:
            OutOfBoundsError: a position outside the table.
            NotFoundError: no sample has the key.
        """
        self._require_usable()
        if (index is None) == (keys is None):
            raise InvalidInputError("delete takes either positions or keys=")
        rows = self._rows
        if keys is not None:
            positions = [
                self._keys.position(key, path=self._path) for key in as_list(keys, path=self._path)
            ]
            stored = rows.locate(np.array(positions, np.int64))
        else:
            stored = np.atleast_1d(_as_positions(rows.locate(index), rows.stored))
        stored = np.unique(stored)
        self.delete_rows(stored)
        return len(stored)

    def delete_rows(self, rows: NDArray[np.int64]) -> None:
        """Mark stored rows, live until now, as deleted."""
        self._keys.remove(self._live_keys(rows))
        self._deletions.add(rows)

    def restore_rows(self, rows: NDArray[np.int64]) -> None:
        """Make deleted rows live again; their keys must be free."""
        self._deletions.restore(rows)
        self._keys.forget()

    def _live_keys(self, stored: NDArray[np.int64]) -> list[Any]:
        if self._keys.kind is None or not len(stored):
            return []
        found: list[Any] = read(self._arrays[KEYS], (stored,)).tolist()
        return found

    @property
    def loc(self) -> StagedIndexer:
        """Read or change samples by key: `table.loc["a"] = {"label": 3}`."""
        return StagedIndexer(self)

    def position(self, key: SampleKey) -> int:
        """Return where the sample with this key stands, or raise `NotFoundError`."""
        self._require_usable()
        return self._keys.position(key, path=self._path)

    def keys(self) -> NDArray[Any]:
        """Return the samples' keys in order; positions where the samples have no keys."""
        self._require_usable()
        if self._keys.kind is None:
            return np.arange(len(self), dtype=np.int64)
        if KEYS not in self._arrays:
            return np.zeros(0, np.int64 if self._keys.kind == "int" else object)
        keys: NDArray[Any] = read(self._arrays[KEYS], (self._rows.locate(slice(None)),))
        return keys

    def __contains__(self, name: object) -> bool:
        return name in self._infos

    def __getitem__(self, name: str) -> StagedColumn:
        """Return a column, to read or to assign to."""
        self._require_usable()
        if name not in self._infos:
            raise NotFoundError(
                f"the table {self._path!r} has no column {name!r}; its columns: "
                f"{', '.join(map(repr, self.columns)) or 'none'}"
            )
        if name not in self._arrays:
            self._column_array(name, np.zeros(0, self._specs[name].dtype))
        return StagedColumn(self, name)

    def open_column(self, name: str) -> Column:
        """Return a column as it stands now, for reading."""
        self._require_usable()
        info = self._infos[name]
        shapes = self._arrays.get(name + SHAPE_SUFFIX) if info.kind == "ragged" else None
        return Column(name, self._arrays[name], info, self._rows, shapes=shapes)

    def assign(self, index: Any, values: Batch) -> None:
        """Change samples of some columns in place, or none of them if any value does not fit.

        See `StagedColumn.__setitem__`.
        """
        self._require_usable()
        fitting: list[Assignment] = []
        changed: list[NDArray[np.int64]] = []
        for name, value in values.items():
            target = self._target(name)
            first, rest = split(index, target.arrays[""].metadata.ndim)
            stored = self._rows.locate(first)
            fitting += assignments(target, stored, rest, value)
            changed.append(np.atleast_1d(_as_positions(stored, self._stored)))
        with self._staging.writer.uninterrupted():
            for assignment in fitting:
                assignment.store()
        self._changed += changed

    def _target(self, name: str) -> Target:
        suffixes = [suffix for suffix in ("", SHAPE_SUFFIX) if name + suffix in self._arrays]
        arrays = {suffix: self._arrays[name + suffix] for suffix in suffixes}
        return Target(name, self._infos[name], self._sample_form(name), arrays)

    def write_rows(self, name: str, rows: NDArray[np.int64], elements: NDArray[Any]) -> None:
        """Change stored rows of one array, given as the elements that are stored."""
        self._arrays[name].write((rows,), elements)
        self._changed.append(rows)

    def write_sample(self, name: str, row: int, sample: Any) -> None:
        """Change one stored row of a column, given as a sample."""
        info = self._infos[name]
        values = [sample] if is_variable(info) else np.asarray(sample)[np.newaxis]
        for suffix, rows in self._ready(name, values).items():
            self.write_rows(name + suffix, np.array([row], np.int64), rows)

    def append_rows(self, elements: Mapping[str, NDArray[Any]], count: int) -> None:
        """Add rows, given as the elements that are stored, keys among them.

        Arrays that are not given are filled with their fill value.
        """
        for name, rows in elements.items():
            self._arrays[name].grow(self._stored)
            self._arrays[name].append(rows)
        if KEYS in elements:
            self._keys.add(elements[KEYS])
        self._stored += count
        for name, array in self._arrays.items():
            if name != DELETED:
                array.grow(self._stored)

    def array_metadata(self, name: str) -> ArrayMetadata | None:
        """Return the metadata of one of the table's arrays, None where there is none."""
        return self._arrays[name].metadata if name in self._arrays else None

    def add_array(self, name: str, metadata: ArrayMetadata, info: ColumnInfo | None) -> None:
        """Add an array with no stored chunk; its elements hold the fill value."""
        array = self._new(name, metadata.resized((self._stored, *metadata.shape[1:])), info)
        self._arrays[name] = array
        if info is not None:
            self._infos[name] = info
            self._has_new_schema = True

    def drop_array(self, name: str) -> None:
        """Remove a column or a companion array."""
        self._arrays.pop(name, None)
        self._specs.pop(name, None)
        if self._infos.pop(name, None) is not None:
            self._has_new_schema = True

    def rename_column(self, name: str, new_name: str) -> None:
        """Give a column another name; no chunk is touched."""
        self._require_usable()
        if name not in self._infos:
            raise NotFoundError(f"the table {self._path!r} has no column {name!r}")
        check_column_name(new_name)
        if new_name in self._infos:
            raise AlreadyExistsError(f"the table {self._path!r} has a column {new_name!r} already")
        for suffix in ("", SHAPE_SUFFIX):
            if name + suffix in self._arrays:
                self._arrays[new_name + suffix] = self._arrays.pop(name + suffix)
        if name in self._specs:
            self._specs[new_name] = self._specs.pop(name)
        self._infos[new_name] = self._infos.pop(name)
        self._has_new_schema = True

    def attributes(self, column: str | None = None) -> dict[str, Any]:
        """Return the attributes of the table, or of one of its columns, as a copy."""
        if column is not None:
            return dict(self._arrays[column].metadata.attributes)
        return dict(self._node.metadata.get("attributes", {}))

    def set_attributes(self, attributes: Mapping[str, Any], *, column: str | None = None) -> None:
        """Replace the attributes of the table, or of one of its columns."""
        if column is not None:
            self._arrays[column].set_attributes(attributes)
        else:
            metadata = self._node.metadata | {"attributes": dict(attributes)}
            self._node = replace(self._node, metadata=metadata)
        self._has_new_schema = True

    def flush(self) -> None:
        """Send all that is still held as plain arrays to the codec."""
        for name in self._infos:
            if name not in self._arrays:
                self._column_array(name, np.zeros(0, self._specs[name].dtype))
        self._write_deleted()
        for name in sorted(self._arrays):
            self._arrays[name].flush()

    def _write_deleted(self) -> None:
        if DELETED not in self._arrays:
            if not len(self._deletions.rows):
                return
            metadata = companion_metadata(DELETED, (), "bool", DELETED_ROWS)
            self._arrays[DELETED] = self._new(DELETED, metadata, None)
        marks = self._arrays[DELETED]
        marks.grow(self._stored)
        marks.write((self._deletions.added,), np.ones((), bool))
        marks.write((self._deletions.restored,), np.zeros((), bool))

    def arrays(self) -> Iterator[tuple[str, StagedArray]]:
        """Yield the table's arrays by name."""
        yield from sorted(self._arrays.items())

    @property
    def node(self) -> GroupNode:
        """The group's node; its children are as they were."""
        return self._node

    def changes(self) -> Changes:
        """Return how many samples were added, changed and removed."""
        base = self._base_rows
        removed, restored = self._deletions.added, self._deletions.restored
        changed = np.setdiff1d(_distinct(self._changed), removed)
        return Changes(
            added=self._stored - base - int((removed >= base).sum()) + len(restored),
            changed=int((changed < base).sum()),
            removed=int((removed < base).sum()),
            schema=bool(self._specs) or self._has_new_schema,
        )

    def __repr__(self) -> str:
        return f"<vstore.StagedTable {self._path!r} {len(self):,} samples>"


def _stored_rows(arrays: Mapping[str, StagedArray], infos: Mapping[str, ColumnInfo]) -> int:
    for name in (*sorted(infos), KEYS):
        if name in arrays:
            return arrays[name].metadata.shape[0]
    return 0


def _as_positions(stored: Any, size: int) -> Any:
    return np.arange(*stored.indices(size)) if isinstance(stored, slice) else stored


def _distinct(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def check_column_name(name: str) -> None:
    """Raise `InvalidInputError` unless a column may be called `name`."""
    check_node_name(name, what="column")
    if name == KEYS or name.endswith(RESERVED_SUFFIXES):
        raise InvalidInputError(f"the column name {name!r} is taken by vstore; choose another one")
