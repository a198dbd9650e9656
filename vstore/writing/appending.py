"""Rows that are appended to the arrays of a table: in one order, however batches cut them.

An array sends a chunk to the codec as soon as it is full. Which chunk comes before which one of
another array follows from the rows at which they are full, and then from the arrays' names. How
a new column is stored is chosen by its first rows, when there are enough: see `OpenChoice`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.format.table.kinds import NDARRAY, TEXT, ColumnInfo
from vstore.format.table.names import KEYS
from vstore.format.table.specs import ColumnSpec
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import read
from vstore.writing.new_column import MAX_KEYS, OBJECT_NBYTES, rows_per_chunk
from vstore.writing.open_choices import OpenChoice
from vstore.writing.staged_array import StagedArray

Elements = Mapping[str, NDArray[Any]]
"""Rows as they are stored, by the name of their array."""


class _Make(Protocol):
    def __call__(
        self, name: str, metadata: ArrayMetadata, info: ColumnInfo | None
    ) -> StagedArray: ...


class Appending:
    """Appends rows to the arrays of a table, and chooses how its new columns are stored.

    `arrays` and `infos` are the table's, as they are at any time; `make` puts an array without
    rows in the place of another one.
    """

    def __init__(
        self,
        arrays: Mapping[str, StagedArray],
        infos: Mapping[str, ColumnInfo],
        make: _Make,
        *,
        is_empty: bool,
    ) -> None:
        self._arrays = arrays
        self._infos = infos
        self._make = make
        self._choices: dict[str, OpenChoice] = dict(self._unsized()) if is_empty else {}

    def _unsized(self) -> Iterator[tuple[str, OpenChoice]]:
        """Yield the columns that were made before anything was known of their samples."""
        for name, info in self._infos.items():
            rows = self._arrays[name].metadata.chunk_shape[0]
            if not info.kind.is_plain and rows == rows_per_chunk(OBJECT_NBYTES):
                yield name, OpenChoice(ColumnSpec(info, np.dtype(object)), codecs_stay=True)

    # What is not chosen yet ---------------------------------------------------------------

    def leave_open(self, name: str, spec: ColumnSpec, *, is_empty: bool) -> None:
        """Leave open what is to be chosen by the samples of a new column, if anything is."""
        is_sized = spec.info.kind.is_plain or spec.rows_per_chunk is not None
        codecs_stay = not is_empty or spec.codecs not in ("auto", "scaled")
        if not is_sized or not codecs_stay:
            rows = self._rows(name) if is_sized else None
            self._choices[name] = OpenChoice(spec, rows, codecs_stay=codecs_stay)

    def leave_keys_open(self, dtype: np.dtype[Any]) -> None:
        """Leave open how the keys are stored."""
        kind = NDARRAY if dtype == np.int64 else TEXT
        spec = ColumnSpec(ColumnInfo(kind.name), dtype)
        rows = self._rows(KEYS) if kind.is_plain else None
        self._choices[KEYS] = OpenChoice(spec, rows, most_rows=MAX_KEYS)

    def rename(self, name: str, new_name: str) -> None:
        """Follow a column to another name."""
        if name in self._choices:
            self._choices[new_name] = self._choices.pop(name)

    def drop(self, name: str) -> None:
        """Forget a column."""
        self._choices.pop(name, None)

    def settle(self) -> None:
        """Choose what is still open of new columns, by the rows that there are.

        One column after the other goes to the codec, so that no memory is taken for all.
        """
        for name in sorted(self._choices):
            if not self._choices[name].count:
                del self._choices[name]
                continue
            held = self._held(name)
            self._decide(name, held[name])
            for part, rows in held.items():
                self._arrays[part].append(rows)
                self._arrays[part].flush()

    def _held(self, name: str) -> dict[str, NDArray[Any]]:
        return {part: read(self._arrays[part], (slice(None),)) for part in self._parts(name)}

    def _parts(self, name: str) -> list[str]:
        """Return the names of all arrays that a column, or the keys, are made of."""
        suffixes = self._infos[name].suffixes if name in self._infos else ("",)
        return [name + suffix for suffix in suffixes]

    def _decide(self, name: str, first: NDArray[Any]) -> None:
        """Make the arrays of a column for samples like its first ones, without any row."""
        choice, old = self._choices.pop(name), self._arrays[name].metadata
        made = choice.made(old, first, name=name)
        for part in self._parts(name):
            before = self._arrays[part]
            beside = before.metadata.rechunked(made.chunk_shape[0])
            self._make(part, made if part == name else beside, before.column)

    # Appending ----------------------------------------------------------------------------

    def append(self, elements: Elements, start: int, count: int) -> None:
        """Append rows to each array that there are elements for, which have `start` until now.

        The memory of elements may not change until the chunks are encoded.
        """
        taken = dict.fromkeys(sorted(elements), start)
        open_until = self._open_until(elements, start)
        stop = start + count
        at = start
        while at < stop:
            at = min([stop, *open_until.values(), *self._full_after(at, taken)])
            for name in sorted(name for name, until in open_until.items() if until == at):
                del open_until[name]
                self._choose(name, elements, at - start)
                taken |= dict.fromkeys(taken.keys() & set(self._parts(name)), at)
            undecided = self._undecided()
            for name, since in taken.items():
                is_full = name not in undecided and at % self._rows(name) == 0
                if since < at and (is_full or at == stop):
                    self._arrays[name].add(elements[name][since - start : at - start])
                    taken[name] = at
        for name in self._choices.keys() & elements.keys():
            self._choices[name].add(elements[name])

    def _open_until(self, elements: Elements, start: int) -> dict[str, int]:
        """Return at which row of this batch, if at any, enough is known of each open column."""
        found = {}
        for name in self._choices.keys() & elements.keys():
            further = self._choices[name].enough_after(elements[name])
            if further is not None:
                found[name] = start + further
        return found

    def _undecided(self) -> set[str]:
        return {part for name in self._choices for part in self._parts(name)}

    def _full_after(self, at: int, names: Mapping[str, int]) -> Iterator[int]:
        """Yield at which row the next chunk of each array will be full."""
        undecided = self._undecided()
        for rows in {self._rows(name) for name in names if name not in undecided}:
            yield (at // rows + 1) * rows

    def _rows(self, name: str) -> int:
        return self._arrays[name].metadata.chunk_shape[0]

    def _choose(self, name: str, elements: Elements, count: int) -> None:
        """Let a column be made by its first rows, `count` of this batch among them."""
        held = self._held(name)
        self._choices[name].add(elements[name][:count])
        self._decide(name, np.concatenate([held[name], elements[name][:count]]))
        for part, rows in held.items():
            self._arrays[part].add(rows)
            if part in elements:
                self._arrays[part].add(elements[part][:count])
