"""What is read: columns of equal length, and some of their samples."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing.context import get_spawning_popen
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.digest import digest_of
from vstore.format.numbers import Positions
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.joining import at_keys, matched
from vstore.reader.key_column import KeyColumn, sample_keys
from vstore.reader.load.session import Geometry, Selection, Wanted, stored_array
from vstore.reader.windows import WINDOW, WINDOW_VALID, Windows, resolved
from vstore.reading.column import Column
from vstore.reading.snapshot import Snapshot
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table


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
        columns = _columns(data, names)
        known: dict[str, NDArray[Any]] = {}
        if keys is not None:
            if rows is not None:
                raise InvalidInputError(
                    "samples were chosen by rows and by keys", hint="give one of the two"
                )
            places = at_keys(columns, keys)
        else:
            picked, known = _at_rows(data, columns, rows)
            places = {name: _through(places, picked) for name, places in matched(columns).items()}
        selections = {n: Selection(internals(c).rows, places[n]) for n, c in columns.items()}
        found = cls(columns, selections, known)
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
        return Geometry.of(self.columns)

    def _key_column(self, label: str) -> KeyColumn:
        first = next(iter(self.columns))
        keys = KeyColumn(label, self.columns[first], self.selections[first])
        return keys.checked(self.names)

    @property
    def names(self) -> list[str]:
        """The names of what a batch holds as it is read, in order."""
        names: list[str] = []
        for name, column in self.columns.items():
            names += [name] if internals(column).valid is None else [name, name + VALID_SUFFIX]
        return [*names, *([] if self.keys is None else [self.keys.label]), *self.known]

    def wanted(self, *, flat: Collection[str] = ()) -> Wanted:
        """Return what is to be opened; of `flat` columns, samples come one behind the other."""
        if self.keys is None:
            return Wanted(self.columns, self.selections, self.known, flat)
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
        positions = next(iter(self.selections.values())).positions
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
        return digest_of(msgspec.json.encode(parts))


def _at_rows(
    data: Any, columns: Mapping[str, Column], rows: Any
) -> tuple[Positions | None, dict[str, NDArray[Any]]]:
    """Return the positions that a choice means, and what batches have besides."""
    if rows is None:
        return None, {}
    if callable(rows):
        rows = rows(_ByName(data.columns if isinstance(data, Table) else columns))
    size = len(next(iter(columns.values())))
    if not isinstance(rows, Windows):
        return resolved(rows, size), {}
    taken = [name for name in columns if name in (WINDOW, WINDOW_VALID)]
    if taken:
        raise InvalidInputError(
            f"the column {taken[0]!r} has the name of the windows' mask {WINDOW_VALID!r}: read it "
            "under another name, from a mapping of names to columns"
        )
    positions, valid = rows.checked(size)
    return positions, {WINDOW_VALID: valid}


def _column_not_found(name: str, columns: Iterable[str]) -> NotFoundError:
    return NotFoundError(
        f"there is no column {name!r}",
        code="column-not-found",
        hint=f"the columns are {', '.join(map(repr, columns))}",
        column=name,
    )


class _ByName(dict[str, Column]):
    """Columns by name, for a user's function, and the keys of their samples."""

    def sample_keys(self) -> NDArray[Any]:
        """Return the keys of all samples in order; positions where the samples have no keys."""
        return sample_keys(next(iter(self.values())))

    def __missing__(self, name: str) -> Column:
        raise _column_not_found(name, self)


def _through(places: Positions | None, picked: Positions | None) -> Positions | None:
    return places if picked is None else picked if places is None else places[picked]


_NO_COLUMNS: tuple[type, ...] = (str, bytes, np.ndarray, Snapshot)


def _not_readable(what: str) -> InvalidInputError:
    return InvalidInputError(
        f"a reader reads a table or columns of a commit, not {what}",
        code="not-readable",
        hint="give a table or columns, such as `vstore.checkout(url)['train']`",
    )


def _columns(data: Any, names: Sequence[str] | None) -> dict[str, Column]:
    found = _by_name(data)
    if names is not None:
        wanted = [names] if isinstance(names, str) else list(names)
        absent = [name for name in wanted if not _is_among(name, found)]
        if absent:
            raise _column_not_found(absent[0], found)
        if len(set(wanted)) != len(wanted):
            raise InvalidInputError(f"columns names one more than once: {wanted}")
        found = {name: found[name] for name in wanted}
    if not found:
        raise InvalidInputError("there is no column to read")
    for name, column in found.items():
        if internals(column).valid is not None and name + VALID_SUFFIX in found:
            raise InvalidInputError(
                f"{name + VALID_SUFFIX!r} is the mask of {name!r}, and the name of another column",
                code="name-taken",
                hint="give the columns other names, or leave that one out",
                column=name,
            )
    return found


def _is_among(name: Any, columns: Mapping[str, Column]) -> bool:
    return isinstance(name, str) and name in columns


def _by_name(data: Any) -> dict[str, Column]:
    if isinstance(data, Table):
        return dict(data.columns)
    columns = [data] if isinstance(data, Column) else data
    if isinstance(data, _NO_COLUMNS):
        raise _not_readable(f"{data!r:.100}")
    named = columns.items() if isinstance(columns, Mapping) else _named(columns)
    pairs = [(name, _checked(name, column)) for name, column in named]
    if len(dict(pairs)) != len(pairs):
        raise InvalidInputError(
            "two columns have the same name", hint="give a mapping of names to columns"
        )
    return dict(pairs)


def _named(columns: Any) -> Iterator[tuple[str, Any]]:
    try:
        several = iter(columns)
    except TypeError:
        raise _not_readable(f"{columns!r:.100}") from None
    return ((getattr(column, "name", repr(column)), column) for column in several)


def _checked(name: Any, column: Any) -> Column:
    if not isinstance(column, Column):
        raise _not_readable(f"{name!r:.100}, which is not a column")
    return column
