"""Keys of samples: how they are spelled by people, and how they are stored.

`int` keys are stored as int64, `str` keys as strings, tuples of the two as a string that
is their JSON array.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError
from vstore.format import document

KeyKind = Literal["int", "str", "tuple"]
"""How the samples of a table are named."""

SampleKey = int | str | tuple[int | str, ...]
"""The name of a sample in a table with keys."""

KEY_KINDS: tuple[str, ...] = get_args(KeyKind)


def check_key(key: Any, kind: str | None, *, path: str) -> None:
    """Raise `InvalidInputError` unless `key` may name a sample of a table of that kind."""
    if kind == "tuple":
        if not isinstance(key, tuple) or not key:
            raise InvalidInputError(f"the keys of {path!r} are tuples; got {key!r}")
        for part in key:
            _check_part(part, (str, int, np.integer), "made of integers and strings", path)
    elif kind == "str":
        _check_part(key, (str,), "strings", path)
    else:
        _check_part(key, (int, np.integer), "integers", path)


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


def to_stored(keys: Sequence[Any], kind: str) -> NDArray[Any]:
    """Return keys, already checked, as they are stored."""
    if kind == "int":
        return np.array(keys, np.int64)
    stored = np.empty(len(keys), object)
    stored[:] = [_text(key) if isinstance(key, tuple) else str(key) for key in keys]
    return stored


def _text(key: tuple[int | str, ...]) -> str:
    parts = [part if isinstance(part, str) else int(part) for part in key]
    return document.dumps(parts).decode()


def from_stored(stored: NDArray[Any], kind: str | None) -> NDArray[Any]:
    """Return keys as people spell them: int64, or an object array of `str` or tuples."""
    if kind != "tuple":
        return stored
    keys = np.empty(len(stored), object)
    for i, text in enumerate(stored):
        parts = document.parse(str(text).encode(), what="sample key")
        if not isinstance(parts, list) or not all(type(part) in (int, str) for part in parts):
            raise FormatError(f"the key {text!r} is not a JSON array of integers and strings")
        keys[i] = tuple(parts)
    return keys


def none_stored(kind: str | None) -> NDArray[Any]:
    """Return no keys, in the form in which they are stored."""
    return np.zeros(0, np.int64 if kind == "int" else object)


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
