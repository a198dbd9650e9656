"""The keys of a table's live samples, checked before samples are taken."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError

KeyKind = Literal["int", "str"] | None


class KeySet:
    """The keys of live samples in order; read from the base commit when first needed."""

    def __init__(self, kind: KeyKind, read: Callable[[], NDArray[Any]]) -> None:
        self.kind = kind
        self._read = read
        self._live: dict[Any, None] | None = None
        self._positions: dict[Any, int] | None = None

    @property
    def _keys(self) -> dict[Any, None]:
        if self._live is None:
            self._live = dict.fromkeys(self._read().tolist())
        return self._live

    def check(self, keys: Any, count: int, *, path: str) -> NDArray[Any] | None:
        """Return the keys of new samples as they are stored; None where there are none.

        Raises:
            InvalidInputError: missing, too many or few, doubled, or of the wrong kind.
        """
        if self.kind is None:
            if keys is not None:
                raise InvalidInputError(
                    f"the samples of {path!r} have no keys; create the table with keys='int' or "
                    "keys='str' to name them"
                )
            return None
        if keys is None:
            raise InvalidInputError(f"the samples of {path!r} have {self.kind} keys: give keys=")
        plain = as_list(keys, path=path)
        if len(plain) != count:
            raise InvalidInputError(f"{len(plain)} keys for {count} samples of {path!r}")
        for key in plain:
            self._check_kind(key, path)
        self._check_unique(plain, path)
        return _as_array(plain, self.kind)

    def _check_kind(self, key: Any, path: str) -> None:
        wanted = str if self.kind == "str" else (int, np.integer)
        if not isinstance(key, wanted) or isinstance(key, bool):
            raise InvalidInputError(f"the keys of {path!r} are of kind {self.kind}; got {key!r}")
        if self.kind == "int" and not -(2**63) <= int(key) < 2**63:
            raise InvalidInputError(f"the key {key} does not fit 64 bits")
        if isinstance(key, str) and not _is_unicode(key):
            raise InvalidInputError(f"the key {key!r} is not valid Unicode")

    def _check_unique(self, plain: list[Any], path: str) -> None:
        seen: set[Any] = set()
        for key in plain:
            if key in seen:
                raise InvalidInputError(f"the key {key!r} is given twice")
            if key in self._keys:
                raise InvalidInputError(
                    f"{path!r} has a sample with the key {key!r} already; change it through loc, "
                    "or delete it first"
                )
            seen.add(key)

    def add(self, keys: NDArray[Any]) -> None:
        """Take keys that were checked."""
        self._keys.update(dict.fromkeys(keys.tolist()))
        self._positions = None

    def remove(self, keys: Sequence[Any]) -> None:
        """Forget the keys of deleted samples."""
        for key in keys:
            self._keys.pop(key, None)
        self._positions = None

    def forget(self) -> None:
        """Read the keys anew when they are next needed."""
        self._live = None
        self._positions = None

    def position(self, key: Any, *, path: str) -> int:
        """Return where the live sample with this key stands, or raise `NotFoundError`."""
        if self.kind is None:
            raise InvalidInputError(f"the samples of {path!r} have no keys: use positions")
        self._check_kind(key, path)
        if self._positions is None:
            self._positions = {key: i for i, key in enumerate(self._keys)}
        if key not in self._positions:
            raise NotFoundError(f"the table {path!r} has no sample with the key {key!r}")
        return self._positions[key]


def as_list(keys: Any, *, path: str) -> list[Any]:
    """Return several keys as a list, or raise `InvalidInputError`."""
    if isinstance(keys, np.ndarray):
        return list(keys.tolist())
    if not isinstance(keys, (str, bytes, Mapping)):
        try:
            return list(keys)
        except TypeError:
            pass
    raise InvalidInputError(f"keys of {path!r} come in a list; got {keys!r}")


def _is_unicode(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_array(keys: list[Any], kind: KeyKind) -> NDArray[Any]:
    if kind == "int":
        return np.array(keys, np.int64)
    array = np.empty(len(keys), object)
    array[:] = [str(key) for key in keys]
    return array
