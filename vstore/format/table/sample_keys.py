"""Keys of samples: how they are spelled by users, and how they are stored.

`int` keys are stored as int64, `str` keys as strings, tuples of the two as a string that
is their JSON array.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError
from vstore.format import document
from vstore.format.missing import given, plain

KeyKindName = Literal["int", "str", "tuple"]
"""How the samples of a table are named."""

SampleKey = int | str | tuple[int | str, ...]
"""The name of a sample in a table with keys."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KeyKind:
    """How the samples of a table are named: what a key is, and how it is stored and spelled.

    To add a kind, write one, and add it to `KEY_KINDS` and its name to `KeyKindName`.
    """

    name: KeyKindName
    """What is stored, and what users give, as the table's `keys`."""

    dtype: np.dtype[Any]
    """The data type of stored keys: int64, or object for strings."""

    check: Callable[[Any, str], None]
    """Raise `InvalidInputError` unless a key may name a sample of the table at a path."""

    parse: Callable[[str], SampleKey | None]
    """Return the key that a text spells, None if it spells none."""

    spelled: str
    """What texts that spell keys are, in the plural."""

    store: Callable[[Any], str] = str
    """Return the string that is stored for a key, where keys are stored as strings."""

    load: Callable[[str], SampleKey] | None = None
    """Return the key that is stored as a string; None where keys are stored as they are."""

    is_text: bool = False
    """Whether keys are any texts, so that they may spell keys of another kind."""

    has_prefixes: bool = False
    """Whether the beginning of a key finds all keys that begin so."""

    def __repr__(self) -> str:
        return f"<KeyKind {self.name!r}>"

    def fits(self, key: object) -> bool:
        """Return whether a key may name a sample."""
        try:
            self.check(key, "")
        except InvalidInputError:
            return False
        return True

    def to_stored(self, keys: Sequence[Any]) -> NDArray[Any]:
        """Return keys, already checked, as they are stored."""
        if not self.dtype.hasobject:
            return np.array(keys, self.dtype)
        stored = np.empty(len(keys), object)
        stored[:] = [self.store(key) for key in keys]
        return stored

    def from_stored(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return keys as users spell them: int64, or an object array of `str` or tuples.

        Raises:
            FormatError: something else is stored.
        """
        if self.load is None:
            return stored
        keys = np.empty(len(stored), object)
        for i, text in enumerate(stored):
            keys[i] = self.load(text)
        return keys


def _check_integer(key: Any, path: str) -> None:
    _check_part(key, (int, np.integer), "integers", path)


def _check_text(key: Any, path: str) -> None:
    _check_part(key, (str,), "strings", path)


def _check_tuple(key: Any, path: str) -> None:
    if not isinstance(key, tuple) or not key:
        raise InvalidInputError(f"the keys of {path!r} are tuples; got {key!r}")
    for part in key:
        _check_part(part, (str, int, np.integer), "made of integers and strings", path)


def _check_part(key: Any, types: tuple[type, ...], words: str, path: str) -> None:
    if not isinstance(key, types) or isinstance(key, bool):
        raise InvalidInputError(f"the keys of {path!r} are {words}; got {key!r}")
    if isinstance(key, str):
        try:
            key.encode()
        except UnicodeEncodeError:
            raise InvalidInputError(f"the key {key!r} is not valid Unicode") from None
    elif isinstance(key, (int, np.integer)) and not -(2**63) <= int(key) < 2**63:
        raise InvalidInputError(f"the key {key} does not fit 64 bits")


def _text(key: tuple[int | str, ...]) -> str:
    parts = [part if isinstance(part, str) else int(part) for part in key]
    return document.dumps(parts).decode()


def _from_text(text: str) -> tuple[int | str, ...]:
    parts = document.parse(str(text).encode(), what="sample key")
    if not isinstance(parts, list) or not all(type(part) in (int, str) for part in parts):
        raise FormatError(f"the key {text!r} is not a JSON array of integers and strings")
    return tuple(parts)


def _integer_in(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _tuple_in(text: str) -> tuple[int | str, ...] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return tuple(found) if isinstance(found, list) else None


INT = KeyKind(
    name="int",
    dtype=np.dtype(np.int64),
    check=_check_integer,
    parse=_integer_in,
    spelled="integers",
)

STR = KeyKind(
    name="str",
    dtype=np.dtype(object),
    check=_check_text,
    parse=str,
    spelled="strings",
    is_text=True,
)

TUPLE = KeyKind(
    name="tuple",
    dtype=np.dtype(object),
    check=_check_tuple,
    parse=_tuple_in,
    spelled='lists like ["patient-7", 2]',
    store=_text,
    load=_from_text,
    has_prefixes=True,
)

KEY_KINDS: dict[str, KeyKind] = {kind.name: kind for kind in (INT, STR, TUPLE)}
"""Every kind by the name that is stored."""


def find_key_kind(name: str | None) -> KeyKind | None:
    """Return the kind of a table's keys; None where samples have none."""
    return None if name is None else KEY_KINDS[name]


def as_list(keys: Any, *, path: str) -> list[Any]:
    """Return several keys as a list, in their order, or raise `InvalidInputError`.

    Sets have no order: which key is of which sample would be left to chance.
    """
    if not isinstance(keys, str | bytes | Mapping | set | frozenset):
        found = given(keys)
        if found.has_missing:
            raise InvalidInputError(f"some of the keys of {path!r} are missing")
        if isinstance(found.values, np.ndarray):
            return list(found.values.tolist())
        try:
            return [plain(key) for key in found.values]
        except TypeError:
            pass
    raise InvalidInputError(f"keys of {path!r} come in a list, which has an order; got {keys!r}")
