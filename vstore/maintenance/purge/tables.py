"""One table of one commit, with some samples erased."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.digest import raw_digest
from vstore.format.nodes import ArrayNode, GroupNode, TableInfo
from vstore.format.numbers import StoredRows
from vstore.format.table import key_index
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.table.sample_keys import KeyKind, find_key_kind
from vstore.format.zarr.selection import chunk_strides
from vstore.maintenance.purge.chunks import ChunkEditor, Edit, EditedArray, rows_edit
from vstore.maintenance.purge.request import Erasure
from vstore.reading.array import StoredArray, read
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table
from vstore.writing.new_column import companion_metadata

_NO_KEY = {"int": 0, "str": "", "tuple": '[""]'}
"""The keys of samples that were erased, as they are stored."""


@dataclass(frozen=True, slots=True)
class EditedTable:
    """A table whose arrays are about to be replaced."""

    path: str
    node: GroupNode
    info: TableInfo | None
    arrays: list[EditedArray]


@dataclass
class TableEraser:
    """Erases samples in the states that a table has in a history."""

    erasure: Erasure
    editor: ChunkEditor
    found: set[Any] = field(default_factory=set)
    """Keys of which samples were found."""
    _rows: dict[Any, StoredRows] = field(default_factory=dict)

    def edit(self, table: Table) -> EditedTable | None:
        """Return the table without what is to be erased; None where it is not there."""
        stored = internals(table)
        rows = self._rows_of(stored)
        if not len(rows):
            return None
        arrays = [self._blanked(stored, name, rows, value) for name, value in self._blanks(stored)]
        info = stored.node.table
        if self.erasure.whole and info is not None:
            arrays += self._unkeyed(stored, rows)
            arrays.append(self._marks(stored, rows))
            deleted = np.union1d(stored.rows.deleted, rows)
            counts = tuple(np.bincount(deleted // BLOCK_ROWS).tolist())
            info = structs.replace(info, deleted=counts)
        arrays = [each for each in arrays if each.chunks]
        if not arrays and info == stored.node.table:
            return None
        return EditedTable(table.path, stored.node, info, arrays)

    def _rows_of(self, table: StoredTable) -> StoredRows:
        """Return the rows, deleted ones included, that hold the samples."""
        kind = find_key_kind(table.key_kind)
        if kind is None:
            raise InvalidInputError(
                f"the samples of {table.path!r} have no keys, so nothing says which they are in "
                "other commits",
                code="no-keys",
            )
        source = table.key_source
        if source is None:
            return np.zeros(0, np.int64)
        name = None
        if isinstance(source, StoredArray):
            name = raw_digest(msgspec.json.encode(source.node.chunks)), table.rows.stored
        if name not in self._rows or name is None:
            self._rows[name] = self._searched(table, kind)
        return self._rows[name]

    def _searched(self, table: StoredTable, kind: KeyKind) -> StoredRows:
        found = [np.zeros(0, np.int64)]
        for key in self.erasure.keys:
            if kind.has_prefixes:
                parts = key if isinstance(key, tuple) else (key,)
                whole = table.key_rows.find(kind.to_stored([parts]))[1]
                rows = np.union1d(whole, table.key_rows.find_below(parts))
            else:
                table.check_key(key)
                rows = table.key_rows.find(kind.to_stored([key]))[1]
            if len(rows):
                self.found.add(key)
            found.append(rows)
        return np.unique(np.concatenate(found))

    def _blanks(self, table: StoredTable) -> Iterator[tuple[str, Any]]:
        """Yield the arrays that are blanked, with what stands for nothing in each."""
        for name, info in table.infos.items():
            if self.erasure.columns is not None and name not in self.erasure.columns:
                continue
            for suffix in info.suffixes:
                source = table.find_source(name + suffix)
                if isinstance(source, StoredArray):
                    yield name + suffix, source.metadata.fill_value if not suffix else 0

    def _blanked(self, table: StoredTable, name: str, rows: StoredRows, value: Any) -> EditedArray:
        source = _source(table, name)
        step, width = (
            source.metadata.chunk_shape[0],
            chunk_strides(source.metadata.shape, source.metadata.chunk_shape)[0],
        )
        edits: dict[int, Edit] = {}
        for block in np.unique(rows // step).tolist():
            inside = (rows[rows // step == block] - block * step).tolist()
            for number in range(block * width, (block + 1) * width):
                edits[number] = rows_edit(inside, value)
        return self.editor.edit(source.node, f"{table.path}/{name}", edits)

    def _unkeyed(self, table: StoredTable, rows: StoredRows) -> list[EditedArray]:
        """Return the keys without those of the samples, and their index likewise."""
        source = _source(table, KEYS)
        blank = _NO_KEY[str(table.key_kind)]
        arrays = [self._blanked(table, KEYS, rows, blank)]
        if KEY_INDEX in table.node.children:
            arrays.append(self._reindexed(table, source, rows, blank))
        return arrays

    def _reindexed(
        self, table: StoredTable, keys: StoredArray, rows: StoredRows, blank: Any
    ) -> EditedArray:
        step = keys.metadata.chunk_shape[0]
        index = _source(table, KEY_INDEX)
        count = index.metadata.shape[0]
        edits: dict[int, list[tuple[bool, int, int]]] = {}
        for block in np.unique(rows // step).tolist():
            stop = min((block + 1) * step, table.rows.stored)
            before = read(keys, slice(block * step, stop))
            after = before.copy()
            after[rows[rows // step == block] - block * step] = blank
            kind = find_key_kind(table.key_kind)
            gone, come = (_marks(each, kind) for each in (before, after))
            for is_new, marks in ((False, gone - come), (True, come - gone)):
                for mark in sorted(marks):
                    home = int(key_index.bucket_of(np.array([mark], np.uint64), count)[0])
                    edits.setdefault(home, []).append((is_new, mark, block))
        return self.editor.edit(
            index.node,
            f"{table.path}/{KEY_INDEX}",
            {number: _bucket_edit(entries) for number, entries in edits.items()},
        )

    def _marks(self, table: StoredTable, rows: StoredRows) -> EditedArray:
        """Return the marks of deleted rows with those of the samples."""
        path = f"{table.path}/{DELETED}"
        stored = table.rows.stored
        blocks = np.unique(rows // BLOCK_ROWS).tolist()
        if DELETED in table.node.children:
            node = _source(table, DELETED).node
        else:
            metadata = companion_metadata(DELETED, (), "bool", BLOCK_ROWS).resized((stored,))
            node = ArrayNode(metadata.to_dict())
        had = (
            set()
            if node.chunks is None
            else {int(block) for block in np.unique(table.rows.deleted // BLOCK_ROWS)}
        )
        edits = {
            block: rows_edit(
                (rows[rows // BLOCK_ROWS == block] - block * BLOCK_ROWS).tolist(), np.ones((), bool)
            )
            for block in blocks
        }
        edited = self.editor.edit(node, path, {b: e for b, e in edits.items() if b in had})
        fresh: dict[int, NDArray[Any]] = {}
        for block in blocks:
            if block not in had:
                fresh[block] = np.zeros(BLOCK_ROWS, bool)
                edits[block].apply(fresh[block])
        made = self.editor.make(node, path, fresh)
        return EditedArray(path, node, {**edited.chunks, **made.chunks})


def _source(table: StoredTable, name: str) -> StoredArray:
    found = table.find_source(name)
    if not isinstance(found, StoredArray):
        raise NotFoundError(f"the table {table.path!r} lacks the array {name!r}")
    return found


def _marks(stored: NDArray[Any], kind: KeyKind | None) -> set[int]:
    """Return the marks of all names that some stored keys have."""
    found = set(key_index.marks_of_keys(stored).tolist())
    if kind is not None and kind.has_prefixes:
        found |= set(key_index.entries_below(stored, np.arange(len(stored)))[0].tolist())
    return found


def _bucket_edit(entries: list[tuple[bool, int, int]]) -> Edit:
    """Return the edit that puts entries into a bucket of the key index, and takes some out."""

    def apply(chunk: NDArray[Any]) -> None:
        marks, blocks = key_index.decode_bucket(chunk[0])
        pairs = set(zip(marks.tolist(), blocks.tolist(), strict=True))
        pairs -= {(mark, block) for is_new, mark, block in entries if not is_new}
        pairs |= {(mark, block) for is_new, mark, block in entries if is_new}
        ordered = sorted(pairs)
        chunk[0] = key_index.encode_bucket(
            np.array([mark for mark, _ in ordered], np.uint64),
            np.array([block for _, block in ordered], np.int64),
        )

    return Edit(tuple(entries), apply)
