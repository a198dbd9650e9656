"""The keys of a table's live samples, checked before samples are taken."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.numbers import StoredRows
from vstore.format.table.sample_keys import KeyKind, as_list
from vstore.reading.key_rows import KeyRows
from vstore.writing.added_keys import AddedKeys


class KeySet:
    """Which live rows of a table in a transaction hold which keys.

    `before` finds what the table held when the transaction began, and is made when it is
    first needed; what the transaction adds is kept beside it.
    """

    def __init__(
        self,
        kind: KeyKind | None,
        before: Callable[[], KeyRows],
        read: Callable[[StoredRows], NDArray[Any]],
        are_live: Callable[[StoredRows], NDArray[np.bool_]],
    ) -> None:
        self.kind = kind
        self.added = AddedKeys(kind, read)
        self._read = read
        self._are_live = are_live
        self._make = before
        self._before: KeyRows | None = None

    def rebase(self, before: Callable[[], KeyRows]) -> None:
        """Forget what was added: `before` finds that, too."""
        self.added = AddedKeys(self.kind, self._read)
        self._make, self._before = before, None

    def check(self, keys: Any, count: int, *, path: str) -> NDArray[Any] | None:
        """Return the keys of new samples as they are stored; None where there are none.

        Raises:
            InvalidInputError: missing, too many or few, doubled, or of the wrong kind.
        """
        if self.kind is None:
            if keys is not None:
                raise InvalidInputError(
                    f"the samples of {path!r} have no keys; create the table with keys='int', "
                    "'str' or 'tuple' to name them"
                )
            return None
        if keys is None:
            raise InvalidInputError(
                f"the samples of {path!r} have {self.kind.name} keys: give keys="
            )
        plain = as_list(keys, path=path)
        if len(plain) != count:
            raise InvalidInputError(f"{len(plain)} keys for {count} samples of {path!r}")
        for key in plain:
            self.kind.check(key, path)
        return self._check_unique(plain, self.kind.to_stored(plain), path)

    def _check_unique(self, plain: list[Any], stored: NDArray[Any], path: str) -> NDArray[Any]:
        """Return stored keys, or raise `InvalidInputError` for one that is taken."""
        seen: set[Any] = set()
        for key in plain:
            if key in seen:
                raise InvalidInputError(f"the key {key!r} is given twice")
            seen.add(key)
        taken = np.flatnonzero(self._rows(stored) >= 0)
        if len(taken):
            raise InvalidInputError(
                f"{path!r} has a sample with the key {plain[taken[0]]!r} already; change it "
                "through loc, or delete it first"
            )
        return stored

    def add(self, stored: NDArray[Any], first_row: int) -> None:
        """Take the keys of new rows, which were checked, as they are stored."""
        self.added.add(stored, first_row)

    @property
    def _held(self) -> KeyRows:
        """What finds the keys that the table had before."""
        if self._before is None:
            self._before = self._make()
        return self._before

    def _rows(self, stored: NDArray[Any]) -> StoredRows:
        """Return the live row of each key, given as it is stored; -1 for those of none."""
        found = np.full(len(stored), -1, np.int64)
        for held in (self._held, self.added):
            which, rows = held.find(stored)
            live = self._are_live(rows)
            found[which[live]] = rows[live]
        return found

    def find(self, keys: Sequence[Any], *, path: str) -> StoredRows:
        """Return in which rows the samples with some keys lie, -1 for keys of none."""
        kind = self._kind(path)
        for key in keys:
            kind.check(key, path)
        return self._rows(kind.to_stored(keys))

    def _kind(self, path: str) -> KeyKind:
        if self.kind is None:
            raise InvalidInputError(f"the samples of {path!r} have no keys: use positions")
        return self.kind

    def rows_below(self, prefix: object, *, path: str) -> StoredRows:
        """Return in which rows the samples lie whose tuple keys begin with `prefix`.

        Raises:
            NotFoundError: there is none.
        """
        parts = prefix if isinstance(prefix, tuple) else (prefix,)
        self._kind(path).check(parts, path)
        found = np.union1d(self._held.find_below(parts), self.added.find_below(parts))
        found = found[self._are_live(found)]
        if not len(found):
            raise NotFoundError(f"the table {path!r} has no sample below {prefix!r}")
        return found

    def rows(self, keys: Any, *, path: str) -> StoredRows:
        """Return in which rows the samples with some keys lie, or raise `NotFoundError`."""
        self._kind(path)
        listed = as_list(keys, path=path)
        found = self.find(listed, path=path)
        absent = np.flatnonzero(found < 0)
        if len(absent):
            raise NotFoundError(
                f"the table {path!r} has no sample with the key {listed[absent[0]]!r}"
            )
        return found
