"""The arrays of a table being changed, row by row as they are stored."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import AlreadyExistsError, NotFoundError
from vstore.format.commit import Changes
from vstore.format.deleted_rows import BLOCK_ROWS, NONE_DELETED, DeletedRows
from vstore.format.nodes import ArrayNode, GroupNode, rewritten
from vstore.format.numbers import ChunkNumbers, StoredRows
from vstore.format.table import key_index
from vstore.format.table.key_index import Marks, bucket_count
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.table.rows import Rows
from vstore.format.table.sample_keys import INT, find_key_kind
from vstore.format.table.specs import ColumnSpec
from vstore.format.zarr.attributes import attributes_of, with_attributes
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import StoredArray, read
from vstore.reading.column import Column
from vstore.reading.deleted_samples import deleted_rows
from vstore.reading.fetch import Fetcher
from vstore.reading.key_rows import IndexedKeys, KeyRows, NoKeys, ScannedKeys
from vstore.reading.stored_column import StoredColumn
from vstore.writing.appending import Appending
from vstore.writing.compacting import fitting_rows
from vstore.writing.deletions import Deletions
from vstore.writing.door import Door
from vstore.writing.keys import KeySet, add_entries, index_metadata
from vstore.writing.new_column import column_metadata, companion_metadata, keys_metadata
from vstore.writing.packs import PackWriter
from vstore.writing.staged_array import StagedArray

_WAVE_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Staging:
    """What every staged table and array of one transaction shares."""

    writer: PackWriter
    fetcher: Fetcher
    door: Door
    new_id: Callable[[str], str]


class TableArrays:
    """The columns of a table, their companions, the keys and the deletion marks.

    Rows are counted as they are stored, deleted ones too, and values are given as the
    elements that are stored: checking what users pass is `TransactionTable`'s.
    """

    def __init__(
        self, staging: Staging, path: str, node: GroupNode, children: Mapping[str, ArrayNode]
    ) -> None:
        self.path = path
        self.node = node
        self.infos: dict[str, ColumnInfo] = {
            name: child.column for name, child in children.items() if child.column is not None
        }
        self._staging = staging
        self._arrays = {name: self._staged(name, child) for name, child in children.items()}
        self.count = self._stored_count()
        self._count_before = self.count
        self._rows_before = self.count
        self._deletions = Deletions(self._deleted_before(children.get(DELETED)))
        self._changed: list[StoredRows] = []
        self._has_new_schema = False
        self._carried = Changes()
        self._appending = Appending(self._arrays, self.infos, self._new, is_empty=not self.count)
        self.keys = KeySet(
            find_key_kind(node.table.keys if node.table else None),
            self._keys_before,
            self._keys_at,
            lambda rows: self.rows.are_live(rows),
        )

    def _staged(self, name: str, child: ArrayNode) -> StagedArray:
        staging, metadata = self._staging, ArrayMetadata.from_dict(child.metadata)
        path = f"{self.path}/{name}"
        array = StagedArray(staging.writer, staging.fetcher, path, metadata, base=child)
        array.has_patches = True
        return array

    def _new(self, name: str, metadata: ArrayMetadata, info: ColumnInfo | None) -> StagedArray:
        staging, path = self._staging, f"{self.path}/{name}"
        array = StagedArray(staging.writer, staging.fetcher, path, metadata, column=info)
        self._arrays[name] = array
        return array

    def _stored_count(self) -> int:
        for name in (*sorted(self.infos), KEYS):
            if name in self._arrays:
                return self._arrays[name].metadata.shape[0]
        return 0

    def _deleted_before(self, marks: ArrayNode | None) -> DeletedRows:
        """Return the rows that are deleted in the base commit, whatever is marked since."""
        if marks is None:
            return NONE_DELETED
        path = f"{self.path}/{DELETED}"
        source = StoredArray(self._staging.fetcher, marks, path=path, keeps_chunks=True)
        return deleted_rows(source, self.node.table.deleted if self.node.table else ())

    @property
    def rows(self) -> Rows:
        """The stored rows, and which of them are deleted."""
        return Rows(self.count, self._deletions.rows)

    def stored_keys(self, rows: Any) -> NDArray[Any]:
        """Return the keys of some rows, as they are stored."""
        if KEYS not in self._arrays:
            return np.zeros(0, (self.keys.kind or INT).dtype)
        return self._keys_at(rows)

    def _keys_at(self, rows: Any) -> NDArray[Any]:
        keys: NDArray[Any] = read(self._arrays[KEYS], (rows,))
        return keys

    def _keys_before(self) -> KeyRows:
        """Return what finds the keys that the table had before the transaction, or at a flush."""
        if KEYS not in self._arrays:
            return NoKeys()
        if KEY_INDEX in self._arrays:
            return IndexedKeys(self._arrays[KEYS], self._arrays[KEY_INDEX])
        return ScannedKeys(self._arrays[KEYS], self._rows_before)

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> StagedArray:
        if name not in self._arrays:
            raise NotFoundError(f"the table {self.path!r} has no array {name!r}")
        return self._arrays[name]

    def items(self) -> Iterator[tuple[str, StagedArray]]:
        """Yield the arrays by name."""
        yield from sorted(self._arrays.items())

    def column(self, name: str) -> Column:
        """Return a column as it is now, for reading."""
        info = self.infos[name]
        beside = {each.suffix: self[name + each.suffix] for each in info.companions}
        return Column(StoredColumn(name, self[name], info, self.rows, beside=beside))

    # Columns ------------------------------------------------------------------------

    def make_column(self, name: str, spec: ColumnSpec, first: NDArray[Any]) -> None:
        """Make the arrays of a new column; its rows so far hold the fill value."""
        metadata = column_metadata(spec, first, name=name)
        rows = metadata.chunk_shape[0]
        self.add_array(name, metadata, spec.info)
        self._appending.leave_open(name, spec, is_empty=not (len(first) or self.count))
        for companion in spec.info.companions:
            beside, shape = name + companion.suffix, companion.shape(spec.info)
            self.add_array(beside, companion_metadata(beside, shape, companion.dtype, rows), None)

    def add_array(self, name: str, metadata: ArrayMetadata, info: ColumnInfo | None) -> None:
        """Add an array with no stored chunk; its elements hold the fill value."""
        self._new(name, metadata.resized((self.count, *metadata.shape[1:])), info)
        if info is not None:
            self.infos[name] = info
            self._has_new_schema = True

    def drop_column(self, name: str) -> None:
        """Remove a column and its companions."""
        for suffix in self.infos.pop(name).suffixes:
            del self._arrays[name + suffix]
        self._appending.drop(name)
        self._has_new_schema = True

    def rename_column(self, name: str, new_name: str) -> None:
        """Give a column another name; no chunk is touched."""
        if new_name in self.infos:
            raise AlreadyExistsError(f"the table {self.path!r} has a column {new_name!r} already")
        info = self.infos.pop(name)
        for suffix in info.suffixes:
            self._arrays[new_name + suffix] = self._arrays.pop(name + suffix)
        self.infos[new_name] = info
        self._appending.rename(name, new_name)
        self._has_new_schema = True

    def rename_columns(self, names: Mapping[str, str]) -> None:
        """Give several columns other names at once, which may be those of each other."""
        for i, name in enumerate(names):
            self.rename_column(name, f"/{i}")
        for i, new_name in enumerate(names.values()):
            self.rename_column(f"/{i}", new_name)

    def attributes(self, column: str | None = None) -> dict[str, Any]:
        """Return the attributes of the table, or of one of its columns, as a copy."""
        if column is not None:
            return dict(self[column].metadata.attributes)
        return attributes_of(self.node.metadata)

    def set_attributes(self, attributes: Mapping[str, Any], *, column: str | None = None) -> None:
        """Replace the attributes of the table, or of one of its columns."""
        if column is not None:
            self[column].set_attributes(attributes)
        else:
            metadata = with_attributes(self.node.metadata, attributes)
            self.node = replace(self.node, metadata=metadata)
        self._has_new_schema = True

    # Rows ---------------------------------------------------------------------------

    def write_rows(self, name: str, rows: StoredRows, elements: NDArray[Any]) -> None:
        """Change rows of one array."""
        self[name].write((rows,), elements)
        self._changed.append(rows)

    def note_changed(self, rows: StoredRows) -> None:
        """Count rows as changed."""
        self._changed.append(rows)

    def append_rows(self, elements: Mapping[str, NDArray[Any]], count: int) -> None:
        """Add rows, keys among them; arrays that are not given hold their fill value there."""
        if KEYS in elements and KEYS not in self._arrays:
            dtype = elements[KEYS].dtype
            self._new(KEYS, keys_metadata(np.zeros(0, dtype)), None)
            self._appending.leave_keys_open(dtype)
        tails = [ref for name in self.row_arrays() for ref in self._arrays[name].tail()]
        self._staging.fetcher.prefetch(tails)
        with self._staging.writer.uninterrupted():
            for name in elements:
                self[name].grow(self.count)
            self._appending.append(elements, self.count, count)
            self._staging.writer.drain()
        if KEYS in elements:
            self.keys.add(elements[KEYS], self.count)
        self.count += count
        self._grow()

    def count_appended(self, count: int, keys: NDArray[Any] | None) -> None:
        """Take rows that each of the arrays has got already."""
        if keys is not None:
            self.keys.add(keys, self.count)
        self.count += count
        self._grow()

    def row_arrays(self) -> list[str]:
        """Return the names of the arrays that have an element for each row, but the marks."""
        return sorted(self._arrays.keys() - {DELETED, KEY_INDEX})

    def _grow(self) -> None:
        for name in self.row_arrays():
            self._arrays[name].grow(self.count)

    def settle(self) -> None:
        """Choose what is still open of new columns, by the rows that there are."""
        self._appending.settle()

    def delete_rows(self, rows: StoredRows) -> None:
        """Mark rows, live until now, as deleted."""
        self._deletions.add(rows)

    def restore_rows(self, rows: StoredRows) -> None:
        """Make deleted rows live again; their keys must be free."""
        self._deletions.restore(rows)

    def flush(self) -> None:
        """Send all that is still held as plain arrays to the codec."""
        self.settle()
        for name, info in self.infos.items():
            if not info.kind.is_plain and self[name].is_overweight:
                self._rechunk(name, fitting_rows(self[name]))
        self._write_deleted()
        self._write_index()
        for name in sorted(self._arrays):
            self._arrays[name].flush()

    def _write_deleted(self) -> None:
        if self.node.table is not None:
            counts = tuple(self._deletions.rows.counts.tolist())
            table = msgspec.structs.replace(self.node.table, deleted=counts)
            self.node = replace(self.node, table=table)
        if DELETED not in self._arrays:
            if not len(self._deletions.rows):
                return
            self._new(DELETED, companion_metadata(DELETED, (), "bool", BLOCK_ROWS), None)
        marks = self._arrays[DELETED]
        marks.grow(self.count)
        marks.write((self._deletions.added,), np.ones((), bool))
        marks.write((self._deletions.restored,), np.zeros((), bool))

    def _write_index(self) -> None:
        """Bring the index of keys, where the table is large enough to have one, up to date."""
        buckets = bucket_count(self.count)
        if self.keys.kind is None or not buckets:
            return
        step = self._arrays[KEYS].metadata.chunk_shape[0]
        marks, blocks = self.keys.added.entries(step)
        if KEY_INDEX not in self._arrays and KEYS in self._arrays:
            self._new(KEY_INDEX, index_metadata(), None)
            before = list(self._entries_before(step))
            marks = np.concatenate([marks, *(each for each, _ in before)])
            blocks = np.concatenate([blocks, *(each for _, each in before)])
        if len(marks):
            add_entries(self._arrays[KEY_INDEX], marks, blocks, buckets=buckets)
            self.keys.rebase(self._keys_before)

    def reindex(self) -> None:
        """Rebuild the key index from the keys, whatever it says now."""
        if KEY_INDEX in self._arrays:
            self._write_index()
            del self._arrays[KEY_INDEX]
            self._rows_before = self.count
            self.keys.rebase(self._keys_before)

    def _entries_before(self, step: int) -> Iterator[tuple[Marks, ChunkNumbers]]:
        """Yield what an index says of the rows that are not among the added ones."""
        for start in range(0, self._rows_before, step):
            rows = np.arange(start, min(start + step, self._rows_before))
            keys = self._keys_at(rows)
            yield key_index.marks_of_keys(keys), rows // step
            if self.keys.kind is not None and self.keys.kind.has_prefixes:
                marks, at = key_index.entries_below(keys, rows)
                yield marks, at // step

    def replace_column(self, name: str, spec: ColumnSpec, first: NDArray[Any]) -> None:
        """Rebuild a column's own array; its rows hold the fill value until written."""
        metadata = column_metadata(spec, first, name=name)
        self._new(name, metadata.resized((self.count, *metadata.shape[1:])), spec.info)
        self._has_new_schema = True

    def compact(self) -> int:
        """Rewrite every array without the deleted rows; return how many those were.

        Chunks that have patches are stored whole, and of columns whose samples have become
        too large for their chunks, all chunks are made anew.
        """
        self.settle()
        live = self.rows.live()
        freed = self.count - len(live)
        for name in [name for name, info in self.infos.items() if not info.kind.is_plain]:
            self._rechunk(name, fitting_rows(self[name]))
        if not freed:
            for array in self._arrays.values():
                array.rewrite_patched()
            return 0
        self._carried = self.changes()
        for name in self.row_arrays():
            old = self._arrays[name]
            new = self._new(name, old.metadata.resized((0, *old.metadata.shape[1:])), old.column)
            for start in range(0, len(live), _WAVE_ROWS):
                new.append(read(old, (live[start : start + _WAVE_ROWS],)))
        self._arrays.pop(DELETED, None)
        self._arrays.pop(KEY_INDEX, None)
        info = self.node.table
        if info is not None:
            removed = np.setdiff1d(np.arange(self.count), live)
            layout = rewritten(info.layout, self.count, removed.tolist())
            table = msgspec.structs.replace(info, layout=layout)
            self.node = replace(self.node, table=table)
        self.count = self._count_before = self._rows_before = len(live)
        self._deletions, self._changed = Deletions(NONE_DELETED), []
        self.keys.rebase(self._keys_before)
        return freed

    def _rechunk(self, name: str, rows: int) -> None:
        """Put a column into chunks of so many rows, unless they have them."""
        for suffix in self.infos[name].suffixes:
            old = self[name + suffix]
            if rows == old.metadata.chunk_shape[0]:
                continue
            count = old.metadata.shape[0]
            new = self._new(name + suffix, old.metadata.rechunked(rows), old.column)
            for start in range(0, count, _WAVE_ROWS):
                new.append(read(old, (slice(start, min(start + _WAVE_ROWS, count)),)))

    def changes(self) -> Changes:
        """Return how many samples were added, changed and removed."""
        before = self._count_before
        removed, restored = self._deletions.added, self._deletions.restored
        changed = np.unique(np.concatenate([np.zeros(0, np.int64), *self._changed]))
        changed = np.setdiff1d(changed, removed)
        added = self.count - before - int((removed >= before).sum()) + len(restored)
        return self._carried + Changes(
            added=added,
            changed=int((changed < before).sum()),
            removed=int((removed < before).sum()),
            schema=self._has_new_schema,
        )
