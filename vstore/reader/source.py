"""What is read: columns of equal length, and some of their samples."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing.context import get_spawning_popen
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import internals, pickled
from vstore.format.digest import digest_of
from vstore.format.numbers import Ints, Positions
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.joining import at_keys, matched
from vstore.reader.key_column import KeyColumn, sample_keys
from vstore.reader.load.channel import Channel
from vstore.reader.load.session import (
    Geometry,
    PackSelection,
    RegionSelection,
    Selection,
    Wanted,
    stored_array,
)
from vstore.reader.named import column_not_found, columns_of
from vstore.reader.packing import check_packed, segments
from vstore.reader.plan.packs import Packed, fingerprint
from vstore.reader.plan.regions import home_chunks
from vstore.reader.regions import REGION_START, Regions, size_in, starts_of
from vstore.reader.windows import WINDOW, WINDOW_VALID, Windows, resolved
from vstore.reading.column import Column
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table


@pickled
@dataclass(frozen=True)
class Source:
    """Columns, and which of their samples are read.

    Columns of different tables are matched by their samples' keys.
    """

    columns: Mapping[str, Column]
    selections: Mapping[str, Selection]
    known: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What batches have besides, in memory: an array with one row for each sample, by name."""
    keys: KeyColumn | None = None
    """The samples' keys, where batches have them. The order does not depend on it."""
    packs: Packed | None = None
    """The blocks that samples are, where sequences are packed."""
    regions: Regions | None = None
    """The regions that samples are, where arrays are read."""

    @classmethod
    def of(
        cls,
        data: Any,
        names: Sequence[str] | None = None,
        *,
        rows: Any = None,
        keys: Sequence[Any] | None = None,
        key_label: str | None = None,
    ) -> "Source":
        """Return some columns of a table, of a mapping or of a sequence of columns.

        Args:
            data: where the columns come from.
            names: which of them, in which order; all of them when None.
            rows: which samples, in which order: an index over positions, windows of them, or
                a function of the columns by name that returns one.
            keys: which samples, in which order, by their keys.
            key_label: under which name batches have the samples' keys.

        Raises:
            InvalidInputError: there is no column, or they differ in length and have no keys.
            NotFoundError: there is no column of a name, or no sample with a key.
        """
        columns = columns_of(data, names)
        of_arrays = data if isinstance(data, Regions) else None
        known: dict[str, NDArray[Any]] = {}
        packs: Packed | None = None
        if keys is not None:
            if rows is not None:
                raise InvalidInputError(
                    "samples were chosen by rows and by keys", hint="give one of the two"
                )
            places = at_keys(columns, keys)
        else:
            chosen = _at_rows(data, columns, rows)
            known, packs = chosen.known, chosen.packs
            places = {
                name: _through(places, chosen.positions)
                for name, places in matched(columns).items()
            }
        if packs is not None:
            check_packed(columns, places, packs)
        if of_arrays is not None:
            known |= {REGION_START: _starts(of_arrays, next(iter(places.values())))}
        selections = _selections(columns, places, packs or of_arrays)
        found = cls(columns, selections, known, packs=packs, regions=of_arrays)
        if key_label is not None:
            found = replace(found, keys=found._key_column(key_label))
        if not len(found) and (rows is not None or keys is not None):
            most = len(next(iter(columns.values())))
            raise InvalidInputError(f"none of the {most:,} samples was chosen: nothing to read")
        return found

    def __getstate__(self) -> dict[str, Any]:
        if get_spawning_popen() is not None:
            self._check_reach()
        return self.__dict__

    def _check_reach(self) -> None:
        """Raise unless a process that is not a fork of this one can read the columns."""
        for name, column in self.columns.items():
            url = stored_array(internals(column).source, name).fetcher.store.url
            if url.startswith("memory://"):
                raise InvalidInputError(
                    f"{url} is in the memory of this process, where worker processes cannot read "
                    "it unless they are forked",
                    code="in-memory-only",
                    hint="use `num_workers=0`, or `multiprocessing_context='fork'`, or a "
                    "repository at a path or in a bucket",
                )

    @cached_property
    def geometry(self) -> Geometry:
        """How the columns are best read together."""
        if self.regions is None:
            return Geometry.of(self.columns)
        return _geometry(self.regions, list(self.columns))

    def _key_column(self, label: str) -> KeyColumn:
        if self.packs is not None:
            raise InvalidInputError("blocks of several sequences have no key: leave out key_label")
        first = next(iter(self.columns))
        keys = KeyColumn(label, self.columns[first], self.selections[first])
        return keys.checked(self.names)

    @property
    def names(self) -> list[str]:
        """The names of what a batch holds as it is read, in order."""
        names: list[str] = []
        for name, column in self.columns.items():
            has_mask = internals(column).valid is not None and self.packs is None
            names += [name, name + VALID_SUFFIX] if has_mask else [name]
        keys = [] if self.keys is None else [self.keys.label]
        return [*names, *keys, *self.known, *self._worked_out]

    @property
    def _worked_out(self) -> dict[str, Channel]:
        return {} if self.packs is None else segments(self.packs)

    def wanted(self, *, flat: Collection[str] = ()) -> Wanted:
        """Return what is to be opened; of `flat` columns, samples come one behind the other."""
        if self.keys is None:
            known, worked_out = self.known, self._worked_out
            return Wanted(self.columns, self.selections, known, flat, worked_out)
        label, column = self.keys.label, self.keys.opened()
        if column is None:
            known = {label: self.keys.positions(), **self.known}
            return Wanted(self.columns, self.selections, known, flat)
        selections = {**self.selections, label: self.keys.selection}
        return Wanted({**self.columns, label: column}, selections, self.known, flat)

    @property
    def width(self) -> int | None:
        """How many rows one sample is; None where samples are rows."""
        return next(iter(self.selections.values())).width

    @property
    def has_ragged(self) -> bool:
        """Whether there is a column of arrays that differ in shape."""
        return any(internals(column).info.kind.is_ragged for column in self.columns.values())

    @cached_property
    def rows_per_sample(self) -> float:
        """How many rows must be decoded for each sample, where all samples are read."""
        selection = next(iter(self.selections.values()))
        if self.packs is not None:
            return selection.rows_per_sample
        positions = selection.positions
        if self.width is None or positions is None or not len(self):
            return 1.0
        is_read = np.zeros(int(positions.max()) + 1, bool)
        is_read[positions.reshape(-1)] = True
        return float(is_read.sum()) / len(self)

    @property
    def sample_nbytes(self) -> float:
        """How much memory what is decoded for one sample takes, about."""
        return self.geometry.row_nbytes * self.rows_per_sample

    def __len__(self) -> int:
        return len(next(iter(self.selections.values())))

    def describe(self, position: int, column: str | None = None) -> str:
        """Return words for a sample, of one column or of all: where it is, and its key."""
        name = column or next(iter(self.columns))
        row = self.selections[name].locate(np.array([position]))
        owner = internals(self.columns[name])
        if self.regions is not None:
            start = tuple(self.regions.starts[row[0]].tolist())
            words = f"the region that begins at {start}"
            return f"{words} of the array {column!r}" if column else words
        words = f"the sample at position {int(owner.rows.position(row)[0])}"
        if isinstance(owner.table, StoredTable) and owner.table.key_kind is not None:
            words += f" with the key {owner.table.keys_of(row).tolist()[0]!r}"
        return f"column {column!r} of {words}" if column else words

    def fingerprint(self) -> str:
        """Return a digest of all samples that are read, in order, found without reading them."""
        parts: list[Any] = []
        for name, column in self.columns.items():
            selection = self.selections[name]
            picked = selection.positions
            parts.append(
                [
                    name,
                    stored_array(internals(column).source, name).node.metadata["shape"],
                    stored_array(internals(column).source, name).node.chunks,
                    [
                        stored_array(beside, name).node.chunks
                        for beside in internals(column).beside.values()
                    ],
                    internals(column).rows.deleted.tobytes(),
                    None if picked is None else (picked.shape[1:], picked.tobytes()),
                ]
            )
        parts += [[name, values.tobytes()] for name, values in self.known.items()]
        if self.packs is not None:
            parts.append(fingerprint(self.packs))
        if self.regions is not None:
            parts.append(self.regions.shape)
        return digest_of(msgspec.json.encode(parts))


class _Choice(NamedTuple):
    """Which rows samples are: their positions, and what batches have besides."""

    positions: Positions | None
    known: dict[str, NDArray[Any]]
    packs: Packed | None = None


def _at_rows(data: Any, columns: Mapping[str, Column], rows: Any) -> _Choice:
    """Return what a choice means."""
    if rows is None:
        return _Choice(None, {})
    if isinstance(data, Regions) and (callable(rows) or isinstance(rows, Windows | Packed)):
        raise InvalidInputError(
            "regions of arrays are chosen by an index, or among the `starts` of `Regions`"
        )
    if callable(rows):
        rows = rows(_ByName(data.columns if isinstance(data, Table) else columns))
    size = len(next(iter(columns.values())))
    if isinstance(rows, Packed):
        return _Choice(resolved(rows.positions, size), {}, rows)
    if not isinstance(rows, Windows):
        return _Choice(resolved(rows, size), {})
    taken = [name for name in columns if name in (WINDOW, WINDOW_VALID)]
    if taken:
        raise InvalidInputError(
            f"the column {taken[0]!r} has the name of the windows' mask {WINDOW_VALID!r}: read it "
            "under another name, from a mapping of names to columns"
        )
    positions, valid = rows.checked(size)
    return _Choice(positions, {WINDOW_VALID: valid})


def _selections(
    columns: Mapping[str, Column],
    places: Mapping[str, Positions | None],
    made: Packed | Regions | None,
) -> dict[str, Selection]:
    """Return which samples of each column are read, and what they are made of if not of rows."""
    rows = {name: internals(column).rows for name, column in columns.items()}
    if isinstance(made, Packed):
        return {name: PackSelection(rows[name], places[name], made) for name in columns}
    if made is None:
        return {name: Selection(rows[name], places[name]) for name in columns}
    starts = starts_of(made)
    sizes = {name: size_in(made.arrays[name], made.shape) for name in columns}
    return {
        name: RegionSelection(rows[name], places[name], starts, sizes[name]) for name in columns
    }


def _starts(data: Regions, picked: Positions | None) -> Ints:
    """Return where each sample begins."""
    starts = starts_of(data)
    return starts if picked is None else starts[picked]


def _geometry(data: Regions, names: Sequence[str]) -> Geometry:
    """Return how regions are best read together: those that begin in a chunk, one after another."""
    arrays = {name: data.arrays[name] for name in names}
    nbytes = sum(
        float(np.prod(size_in(array, data.shape), dtype=object) * array.dtype.itemsize)
        for array in arrays.values()
    )
    first, array = next(iter(arrays.items()))
    homes = home_chunks(starts_of(data), array.shape, array.metadata.chunk_shape)
    return Geometry(first, nbytes, max(1, round(len(homes) / max(1, len(np.unique(homes))))))


class _ByName(dict[str, Column]):
    """Columns by name, for a user's function, and the keys of their samples."""

    def sample_keys(self) -> NDArray[Any]:
        """Return the keys of all samples in order; positions where the samples have no keys."""
        return sample_keys(next(iter(self.values())))

    def __missing__(self, name: str) -> Column:
        raise column_not_found(name, self)


def _through(places: Positions | None, picked: Positions | None) -> Positions | None:
    return places if picked is None else picked if places is None else places[picked]


def lengths_of(given: Any, source: Source) -> Ints:
    """Return how long each sample of a source is, shape (samples,), given numbers or a column.

    Raises:
        InvalidInputError: they are not as many, or no whole numbers.
    """
    values = given
    if isinstance(given, Column):
        picked = next(iter(source.selections.values())).positions
        values = given.lengths
        if picked is not None and picked.ndim == 1 and source.packs is None:
            values = values[picked] if len(picked) and picked.max() < len(values) else values[:0]
    values = np.asarray(values)
    if values.shape != (len(source),) or values.dtype.kind not in "ui":
        raise InvalidInputError(
            f"{len(source):,} samples are read, and their lengths are {values.dtype} of the shape "
            f"{values.shape}: give a column, or one whole number for each sample that is read"
        )
    return values.astype(np.int64)
