"""JSON documents: canonical when written, mistrusted when read."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from vstore.errors import FormatError, InvalidInputError

T = TypeVar("T")

MAX_DOCUMENT_NBYTES = 256 * 2**20
MAX_DEPTH = 64
MAX_COMMAS = 2**21
"""How many commas there are outside of strings, so that what is parsed fits in memory."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LEAVES = frozenset({str, int, float, bool, type(None)})
"""What has nothing inside; of each other type it is asked."""


def dumps(value: object, *, what: str = "document") -> bytes:
    """Return the canonical encoding: UTF-8, sorted members, no white space, no NaN.

    Only what JSON has is taken, and structs: a set, say, has no order of its own, and what
    is stored must follow from the contents alone.

    Raises:
        InvalidInputError: JSON has no form for the value, or `parse` would refuse it.

    >>> dumps({"b": 1, "a": "ö"}).decode()
    '{"a":"ö","b":1}'
    """
    try:
        plain = _plain(value) if isinstance(value, msgspec.Struct) else value
        data = _CANONICAL.encode(plain).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidInputError(f"the {what} cannot be written as JSON: {exc}") from exc
    if _has_too_many_values(data):
        raise InvalidInputError(f"the {what} has more than {MAX_COMMAS:,} values")
    if _is_deeper_than(plain, MAX_DEPTH):
        raise InvalidInputError(f"the {what} is nested more than {MAX_DEPTH} levels deep")
    return data


def _plain(value: object) -> Any:
    if not isinstance(value, msgspec.Struct):
        raise TypeError(f"{type(value).__name__} is not a JSON type")
    return msgspec.to_builtins(value)


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
)


def is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are one: 1, 1.0 and true are three, and NaN is itself.

    >>> is_same({"a": [1]}, {"a": [1]}), is_same(1, 1.0), is_same(1, True), is_same(0.0, -0.0)
    (True, False, False, False)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    if type(one) is not type(other):
        return False
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


def plain_object(value: Any, *, what: str) -> dict[str, Any]:
    """Return a caller's mapping as it reads back from JSON.

    Raises:
        InvalidInputError: not a mapping, a name that is no string, or what JSON lacks.
    """
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"the {what} must be a mapping of names to values; got {value!r}")
    for name in _names(value):
        if not isinstance(name, str):
            raise InvalidInputError(f"the {what} has the name {name!r}, which is no string")
    plain: dict[str, Any] = parse(dumps(dict(value), what=what), what=what)
    return plain


def _names(value: Any) -> Iterator[Any]:
    """Yield the names of all members, as deep as a document goes."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                yield from item
                below += item.values()
            elif isinstance(item, (list, tuple)):
                below += item
        level = below


def loads(data: bytes, kind: type[T], *, what: str) -> T:
    """Return the document as a value of `kind`.

    Raises:
        FormatError: not UTF-8 JSON, a duplicate member, NaN, nested too deeply, or not
            of the expected form; the message names `what` and the member.
    """
    return convert(parse(data, what=what), kind, what=what)


def parse(data: bytes, *, what: str) -> Any:
    """Return the document as plain lists and dicts, refusing what JSON leaves undefined."""
    if len(data) > MAX_DOCUMENT_NBYTES:
        raise FormatError(f"{what} is {len(data)} bytes long; at most {MAX_DOCUMENT_NBYTES}")
    if _has_too_many_values(data):
        raise FormatError(f"{what} has more than {MAX_COMMAS:,} values")
    try:
        text = data.decode()
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except FormatError as exc:
        raise FormatError(f"{what}: {exc}") from None
    except (ValueError, RecursionError) as exc:
        raise FormatError(f"{what} is not valid JSON: {exc}") from exc
    if _is_deeper_than(value, MAX_DEPTH):
        raise FormatError(f"{what} is nested more than {MAX_DEPTH} levels deep")
    return value


def _has_too_many_values(data: bytes) -> bool:
    """Return whether there are too many commas outside of strings, before anything is parsed."""
    if data.count(b",") <= MAX_COMMAS:
        return False
    return _STRING.sub(b"", data).count(b",") > MAX_COMMAS


def convert(value: Any, kind: type[T], *, what: str) -> T:
    """Return plain lists and dicts as a value of `kind`, or raise `FormatError`."""
    try:
        return msgspec.convert(value, kind)
    except FormatError as exc:
        raise FormatError(f"{what} is malformed: {exc}") from exc
    except (msgspec.ValidationError, OverflowError, RecursionError) as exc:
        raise FormatError(f"{what} is malformed: {exc}") from exc


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise FormatError(f"the member {twice!r} appears twice")
    return members


def _refuse_constant(text: str) -> Any:
    raise FormatError(f"{text} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise FormatError(f"{text[:40]} is larger than any number of 64 bits")
    return number


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list, tuple))
            for child in (item.values() if isinstance(item, dict) else item)
            if type(child) not in _LEAVES
        ]
        if not level:
            return False
    return True
