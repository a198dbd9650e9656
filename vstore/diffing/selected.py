"""Which samples of a history are wanted, and what they are called in each of its commits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.alignment import Alignment
from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.digest import Digest
from vstore.format.numbers import StoredRows
from vstore.format.table.sample_keys import find_key_kind
from vstore.reading.stored_table import StoredTable


@dataclass(frozen=True, slots=True)
class Selected:
    """Samples by key, by position in a table without keys, or by how their keys begin.

    `samples` are keys, positions, or beginnings of tuple keys. `prefix` is what text keys begin
    with, or the first parts of tuple keys. All samples are wanted where both are None.
    """

    samples: frozenset[Any] | None = None
    prefix: str | tuple[Any, ...] | None = None

    @classmethod
    def of(cls, table: StoredTable, samples: Iterable[Any] | None, prefix: Any) -> "Selected":
        """Return what is wanted of a table.

        Raises:
            InvalidInputError: a sample or the prefix cannot be one of this table.
        """
        if isinstance(samples, str | bytes):
            raise InvalidInputError(f"samples is a list of keys, as in [{samples!r}]")
        kind = find_key_kind(table.key_kind)
        has_tuples = kind is not None and kind.has_prefixes
        if prefix is not None:
            is_text = isinstance(prefix, str) and kind is not None and kind.is_text
            if has_tuples and not isinstance(prefix, tuple):
                prefix = (prefix,)
            elif not has_tuples and not is_text:
                raise InvalidInputError(
                    f"the keys of {table.path!r} are no text and no tuples, so they have no "
                    f"beginning; got the prefix {prefix!r}"
                )
        if samples is None:
            return cls(None, prefix)
        wanted = [
            (each,) if has_tuples and not isinstance(each, tuple) else each for each in samples
        ]
        for each in wanted:
            if not has_tuples:
                table.check_key(each)
        return cls(frozenset(wanted), prefix)

    @property
    def is_everything(self) -> bool:
        """Whether every sample is wanted."""
        return self.samples is None and self.prefix is None

    def has(self, key: Any) -> bool:
        """Return whether the sample of a key is wanted."""
        if self.prefix is not None and not _begins(key, self.prefix):
            return False
        return self.samples is None or any(each in self.samples for each in _beginnings(key))


def _begins(key: Any, prefix: Any) -> bool:
    if isinstance(prefix, tuple):
        return isinstance(key, tuple) and key[: len(prefix)] == prefix
    return isinstance(key, str) and key.startswith(prefix)


def _beginnings(key: Any) -> list[Any]:
    return [key[:n] for n in range(1, len(key) + 1)] if isinstance(key, tuple) else [key]


@dataclass
class KeyNames:
    """Names samples by their keys, and notes which of those that are wanted were met."""

    selected: Selected
    start: StoredTable
    _unmet: set[Any] | None = None

    def pick(
        self,
        table: StoredTable,
        rows: StoredRows,
        *,
        is_old: bool,  # noqa: ARG002
    ) -> tuple[StoredRows, list[Any]]:
        """Return places in `rows` of the samples that are wanted, and their keys."""
        keys = table.keys_of(rows).tolist()
        if self.selected.is_everything:
            return np.arange(len(rows)), keys
        where = [i for i, key in enumerate(keys) if self.selected.has(key)]
        found = [keys[i] for i in where]
        for key in found if self._missing else ():
            self._missing.difference_update(_beginnings(key))
        return np.array(where, np.int64), found

    @property
    def _missing(self) -> set[Any]:
        """The wanted samples that the newest commit lacks, and that were not met so far."""
        if self._unmet is None:
            wanted = self.selected.samples or frozenset()
            self._unmet = {each for each in wanted if not _has(self.start, each)}
        return self._unmet

    def check(self, *, is_empty: bool) -> None:
        """Raise `NotFoundError` if a sample that is wanted was in none of the commits."""
        for sample in self._missing:
            raise no_sample(self.start.path, sample)
        if is_empty and self.selected.prefix is not None:
            keys = self.start.sample_keys().tolist()
            if not any(self.selected.has(key) for key in keys):
                raise no_sample(self.start.path, self.selected.prefix)


def _has(table: StoredTable, sample: Any) -> bool:
    kind = find_key_kind(table.key_kind)
    if kind is None or not kind.has_prefixes:
        return bool(table.find_rows([sample])[0] >= 0)
    try:
        return len(table.rows_below(sample)) > 0
    except NotFoundError:
        return False


def no_sample(path: str, sample: object) -> NotFoundError:
    """Return the error for a sample that a table lacks."""
    return NotFoundError(f"there is no sample {sample!r} at {path!r}", code="sample-not-found")


@dataclass
class PositionNames:
    """Names samples without keys by their positions in the newest commit; None if it lacks them."""

    selected: Selected
    _places: dict[Digest, NDArray[np.int64]] = field(default_factory=dict)
    _new: NDArray[np.int64] | None = None
    _old: NDArray[np.int64] | None = None

    @classmethod
    def begin(cls, selected: Selected, start: Digest, table: StoredTable) -> "PositionNames":
        """Begin at the newest commit.

        Raises:
            NotFoundError: a sample that is wanted is not there.
        """
        for sample in selected.samples or ():
            if not 0 <= sample < len(table):
                raise no_sample(table.path, sample)
        places = np.full(table.rows.stored, -1, np.int64)
        live = table.rows.locate(slice(None))
        places[live] = np.arange(len(table))
        return cls(selected, {start: places})

    def enter(self, commit: Digest, parent: Digest | None) -> None:
        """Name the samples of a commit, and of a parent to which `hand_down` was done."""
        self._new = self._places.get(commit)
        self._old = None if parent is None else self._places.get(parent)

    def hand_down(
        self, commit: Digest, parent: Digest, old: StoredTable, alignment: Alignment | None
    ) -> None:
        """Find the samples of a commit in a parent; the same rows where `alignment` is None."""
        here = self._places.get(commit)
        if here is None:
            return
        count = old.rows.stored
        if alignment is None or not len(alignment.moved_old):
            found = np.full(count, -1, np.int64)
            shared = min(count, len(here) if alignment is None else alignment.shared)
            found[:shared] = here[:shared]
        else:
            rows = alignment.new_row(np.arange(count))
            found = np.where(rows >= 0, here[np.maximum(rows, 0)], -1)
        before = self._places.get(parent)
        self._places[parent] = found if before is None else np.maximum(before, found)

    def leave(self, commit: Digest) -> None:
        """Forget a commit whose parents were all handed down to."""
        self._places.pop(commit, None)

    def pick(
        self,
        table: StoredTable,  # noqa: ARG002
        rows: StoredRows,
        *,
        is_old: bool,
    ) -> tuple[StoredRows, list[Any]]:
        """Return places in `rows` of the samples that are wanted, and their positions."""
        places = self._old if is_old else self._new
        found = np.full(len(rows), -1, np.int64) if places is None else places[rows]
        where = np.arange(len(rows))
        if self.selected.samples is not None:
            where = np.flatnonzero(np.isin(found, list(self.selected.samples)))
        return where, [None if at < 0 else at for at in found[where].tolist()]

    def check(self, *, is_empty: bool) -> None:
        """Do nothing: positions were checked at the beginning."""
