"""The keys of a table's live samples, checked before samples are taken."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.sample_keys import as_list, check_key, from_stored, to_stored


class KeySet:
    """The keys of live samples in order; read from the base commit when first needed."""

    def __init__(self, kind: str | None, read: Callable[[], NDArray[Any]]) -> None:
        self.kind = kind
        self._read = read
        self._live: dict[Any, None] | None = None
        self._positions: dict[Any, int] | None = None

    @property
    def live(self) -> dict[Any, None]:
        """The keys in order, as the members of a dict."""
        if self._live is None:
            self._live = dict.fromkeys(from_stored(self._read(), self.kind).tolist())
        return self._live

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
            raise InvalidInputError(f"the samples of {path!r} have {self.kind} keys: give keys=")
        plain = as_list(keys, path=path)
        if len(plain) != count:
            raise InvalidInputError(f"{len(plain)} keys for {count} samples of {path!r}")
        for key in plain:
            check_key(key, self.kind, path=path)
        self._check_unique(plain, path)
        return to_stored(plain, self.kind)

    def _check_unique(self, plain: list[Any], path: str) -> None:
        seen: set[Any] = set()
        for key in plain:
            if key in seen:
                raise InvalidInputError(f"the key {key!r} is given twice")
            if key in self.live:
                raise InvalidInputError(
                    f"{path!r} has a sample with the key {key!r} already; change it through loc, "
                    "or delete it first"
                )
            seen.add(key)

    def add(self, stored: NDArray[Any]) -> None:
        """Take keys that were checked, as they are stored."""
        if self._live is None:
            self._positions = None
            return
        for key in from_stored(stored, self.kind).tolist():
            if self._positions is not None:
                self._positions[key] = len(self._live)
            self._live[key] = None

    def remove(self, stored: NDArray[Any]) -> None:
        """Forget the keys of deleted samples, as they are stored."""
        if self._live is not None:
            for key in from_stored(stored, self.kind).tolist():
                self._live.pop(key, None)
        self._positions = None

    def forget(self) -> None:
        """Read the keys anew when they are next needed."""
        self._live = None
        self._positions = None

    def position(self, key: Any, *, path: str) -> int:
        """Return where the live sample with this key stands, or raise `NotFoundError`."""
        if self.kind is None:
            raise InvalidInputError(f"the samples of {path!r} have no keys: use positions")
        check_key(key, self.kind, path=path)
        if self._positions is None:
            self._positions = {key: i for i, key in enumerate(self.live)}
        if key not in self._positions:
            raise NotFoundError(f"the table {path!r} has no sample with the key {key!r}")
        return self._positions[key]

    def positions(self, keys: Sequence[Any], *, path: str) -> NDArray[np.int64]:
        """Return where several live samples stand, or raise `NotFoundError`."""
        found = [self.position(key, path=path) for key in as_list(keys, path=path)]
        return np.array(found, np.int64)
