"""Which columns of two states of a table are the same, and in which samples they differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vstore.diffing.alignment import Alignment, no_rows
from vstore.diffing.waves import in_waves
from vstore.errors import FormatError
from vstore.format.index import changed
from vstore.format.numbers import StoredRows
from vstore.format.table.kinds import ColumnInfo
from vstore.format.zarr.differing import differing_rows
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import StoredArray, read
from vstore.reading.stored_table import StoredTable

_WAVE_ROWS = 4096


@dataclass(frozen=True, slots=True)
class ColumnPair:
    """One column in two states; a name is None on the side that lacks the column."""

    old: str | None
    new: str | None

    @property
    def name(self) -> str:
        """The newest name."""
        return self.new if self.new is not None else self.old or ""


def pair_columns(old: Mapping[str, ColumnInfo], new: Mapping[str, ColumnInfo]) -> list[ColumnPair]:
    """Return which columns correspond: by id, so that renamed ones do and remade ones do not."""
    by_id = {info.id: name for name, info in old.items() if info.id}
    pairs: list[ColumnPair] = []
    matched: set[str] = set()
    for name, info in new.items():
        before = by_id.get(info.id) if info.id else None
        if before is None and name in old and not (info.id and old[name].id):
            before = name
        if before is not None and before not in matched:
            matched.add(before)
            pairs.append(ColumnPair(before, name))
        else:
            pairs.append(ColumnPair(None, name))
    pairs += [ColumnPair(name, None) for name in old if name not in matched]
    return sorted(pairs, key=lambda pair: (pair.name, pair.new is None))


def schema(metadata: ArrayMetadata) -> dict[str, object]:
    """Return what of an array's metadata says how to read it, its length left out."""
    document = metadata.to_dict()
    document.pop("attributes")
    document["shape"] = document["shape"][1:]
    return document


def stored(table: StoredTable, name: str) -> StoredArray:
    """Return an array of a committed table, which has an element for each of its rows."""
    source = table.find_source(name)
    if not isinstance(source, StoredArray):
        raise FormatError(f"the table {table.path!r} lacks the array {name!r}")
    length = source.metadata.shape[:1]
    if length != (table.rows.stored,):
        raise FormatError(
            f"the array {name!r} of the table {table.path!r} has the length {length}, the table "
            f"{table.rows.stored} rows"
        )
    return source


def changed_rows(
    old: StoredTable, new: StoredTable, pair: ColumnPair, alignment: Alignment
) -> Iterator[tuple[StoredRows, StoredRows]]:
    """Yield the rows, old and new, of samples whose value in this column differs.

    Only chunks with unequal digests are read, and samples that changed places.
    """
    if pair.old is None or pair.new is None:
        return
    suffixes = new.infos[pair.new].suffixes
    names = [(pair.old + suffix, pair.new + suffix) for suffix in suffixes]
    seen = no_rows()
    for old_name, new_name in names:
        for rows in _changed_in_place(stored(old, old_name), stored(new, new_name), alignment):
            fresh = np.setdiff1d(rows, seen) if len(seen) else rows
            seen = np.union1d(seen, fresh) if len(names) > 1 else seen
            if len(fresh):
                yield fresh, fresh
    yield from _changed_moved(old, new, names, alignment)


def _changed_in_place(
    old: StoredArray, new: StoredArray, alignment: Alignment
) -> Iterator[StoredRows]:
    length = new.metadata.chunk_shape[0]
    if old.metadata.chunk_shape[0] == length:
        numbers: Iterator[int] = _chunk_rows(old, new)
    else:
        numbers = iter(range(-(-alignment.shared // length)))
    ranges = (_rows_of(number, length, alignment.shared) for number in numbers)
    for wave in in_waves(new, (rows for rows in ranges if alignment.has_stable(rows))):
        rows = wave[0] if len(wave) == 1 else np.concatenate(wave)
        is_whole = int(rows[-1]) - int(rows[0]) == len(rows) - 1
        where = slice(int(rows[0]), int(rows[-1]) + 1) if is_whole else (rows,)
        yield alignment.stable(rows[differing_rows(read(old, where), read(new, where))])


def _rows_of(number: int, length: int, stop: int) -> StoredRows:
    """Return the rows of a row of chunks, as far as `stop`."""
    start = number * length
    return np.arange(start, max(start, min(start + length, stop)))


def _chunk_rows(old: StoredArray, new: StoredArray) -> Iterator[int]:
    """Yield which rows of chunks differ, where columns may be several chunks wide."""
    width = 1
    for length, chunk in zip(new.metadata.shape[1:], new.metadata.chunk_shape[1:], strict=True):
        width *= 1 << max(-(-length // chunk) - 1, 0).bit_length()
    last = -1
    for number in changed(old.node.chunks, new.node.chunks, new.fetcher.pages):
        if number // width != last:
            last = number // width
            yield last


def _changed_moved(
    old: StoredTable, new: StoredTable, names: list[tuple[str, str]], alignment: Alignment
) -> Iterator[tuple[StoredRows, StoredRows]]:
    for start in range(0, len(alignment.moved_old), _WAVE_ROWS):
        a = alignment.moved_old[start : start + _WAVE_ROWS]
        b = alignment.moved_new[start : start + _WAVE_ROWS]
        differing = no_rows()
        for old_name, new_name in names:
            values = read(stored(old, old_name), (a,)), read(stored(new, new_name), (b,))
            differing = np.union1d(differing, differing_rows(*values))
        if len(differing):
            yield a[differing], b[differing]
