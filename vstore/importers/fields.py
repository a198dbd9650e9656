"""Columns for fields of rows: what they hold is inferred, values are converted to it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.table.specs import ColumnSpec, ndarray, text

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")
_BOOLS = {"true": True, "false": False}
_US = "datetime64[us]"
_NO_TIME = ("", "nat")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Fields:
    """Columns by the name of their field."""

    columns: Mapping[str, ColumnSpec]

    def values(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a row, converted to what the columns hold.

        Raises:
            InvalidInputError: a value is of another kind; the error names field and way out.
        """
        return {name: _value(name, spec, record.get(name)) for name, spec in self.columns.items()}

    def whole(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return the values of many rows, given by field, as `values` does for one.

        Raises:
            InvalidInputError, OverflowError: a value of a row does not fit.
        """
        return {name: _values(name, spec, columns[name]) for name, spec in self.columns.items()}


def inferred(
    records: Iterable[Mapping[str, Any]],
    fields: Sequence[str],
    *,
    schema: Mapping[str, ColumnSpec],
) -> Fields:
    """Return columns that hold the fields of some rows; those that the schema has are taken.

    Texts become integers, floats, booleans or times where all of them spell such; lists of
    numbers become arrays of any length. A field that is missing or empty somewhere is optional.
    """
    held: dict[str, list[Any]] = {name: [] for name in fields}
    for record in records:
        for name in fields:
            held[name].append(record.get(name))
    return Fields({name: schema.get(name) or _spec(values) for name, values in held.items()})


def _spec(values: Sequence[Any]) -> ColumnSpec:
    there = [value for value in values if not is_empty(value)]
    made = next((make() for is_kind, make in _KINDS if there and all(map(is_kind, there))), text())
    return made.as_optional() if len(there) < len(values) else made


def is_empty(value: Any) -> bool:
    """Return whether a value of a row is missing: None, or an empty text."""
    return value is None or value == ""


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in _BOOLS)


def _is_integer(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) < 21 and bool(_INTEGER.fullmatch(value)) and _is_plain_integer(value)
    return isinstance(value, int) and not isinstance(value, bool) and value in _INT64


def _is_plain_integer(value: str) -> bool:
    """Return whether a text is what the number is written as: 007 is no number, but a name."""
    digits = value.lstrip("+-")
    return (digits == "0" or not digits.startswith("0")) and int(value) in _INT64


def _is_float(value: Any) -> bool:
    if isinstance(value, str):
        is_name = re.fullmatch(r"[+-]?0[0-9]+", value) is not None
        return bool(_FLOAT.fullmatch(value)) and not is_name
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        np.datetime64(value)
    except ValueError:
        return False
    return True


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in value
    )


def _is_integers(value: Any) -> bool:
    return _is_numbers(value) and all(isinstance(each, int) and each in _INT64 for each in value)


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[], ColumnSpec]], ...] = (
    (_is_bool, lambda: ndarray((), "bool")),
    (_is_integer, lambda: ndarray((), "int64")),
    (_is_float, lambda: ndarray((), "float64")),
    (_is_time, lambda: ndarray((), "datetime64[us]")),
    (_is_integers, lambda: ndarray((None,), "int64")),
    (_is_numbers, lambda: ndarray((None,), "float64")),
)


def _values(name: str, spec: ColumnSpec, values: Sequence[Any]) -> Any:
    """Return the values of a field in many rows: an array, masked where one is missing, or a list.

    What the types and the parsers of NumPy do not settle is converted value by value.
    """
    is_text = spec.info.kind_name == _TEXT
    parse = _PARSERS.get(spec.dtype.str) if spec.shape == () else None
    if set(map(type, values)) == {str}:
        has_gaps = spec.info.optional and "" in values
        if is_text:
            return [value or None for value in values] if has_gaps else values
        with suppress(ValueError, OverflowError, KeyError):
            if parse is not None:
                return _with_gaps(parse, values) if has_gaps else parse(values)
    return [_value(name, spec, value) for value in values]


def _with_gaps(parse: "_Parse", values: Sequence[str]) -> NDArray[Any]:
    is_there = np.fromiter(map(bool, values), np.bool_, len(values))
    there = parse([value for value in values if value])
    found = np.zeros(len(values), there.dtype)
    found[is_there] = there
    return np.ma.MaskedArray(found, ~is_there)


def _value(name: str, spec: ColumnSpec, value: Any) -> Any:
    if is_empty(value) and (spec.info.optional or value is None):
        return None
    if not isinstance(value, str) or spec.dtype.kind in "OT":
        return _as_text(value) if spec.info.kind_name == _TEXT and value is not None else value
    try:
        return _parsed(value, spec.dtype)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"field {name!r}: {value[:60]!r} is not {_called(spec.dtype)}, as in the rows before",
            code="field-of-another-type",
            hint=f"describe the field in a schema, as in {{{name!r}: 'text'}}",
            field=name,
        ) from None


_TEXT = text().info.kind_name


def _as_text(value: Any) -> Any:
    return value if isinstance(value, str) else str(value)


def _called(dtype: np.dtype[Any]) -> str:
    return {"i": "an integer", "u": "an integer", "f": "a number", "b": "true or false"}.get(
        dtype.kind, f"of the type {dtype}"
    )


def _parsed(value: str, dtype: np.dtype[Any]) -> Any:
    """Return what a text spells, as a plain value that the data type takes."""
    if dtype.kind == "b":
        if value.lower() not in _BOOLS:
            raise ValueError(value)
        return _BOOLS[value.lower()]
    if dtype.kind in "iu":
        return int(value)
    if dtype.kind == "f":
        return float(value)
    return _time(value) if dtype.kind == "M" else value


def _time(value: str) -> np.datetime64:
    _refuse_words([value])
    if value.lower() in _NO_TIME:
        return np.datetime64("NaT", "us")
    found: np.datetime64 = np.datetime64(value).astype(_US)
    return found


# Many texts at once -----------------------------------------------------------------------


_Parse = Callable[[Sequence[str]], NDArray[Any]]


def _integers(values: Sequence[str]) -> NDArray[Any]:
    return np.fromiter(map(int, values), np.int64, len(values))


def _floats(values: Sequence[str]) -> NDArray[Any]:
    return np.fromiter(map(float, values), np.float64, len(values))


def _booleans(values: Sequence[str]) -> NDArray[Any]:
    return np.fromiter((_BOOLS[value.lower()] for value in values), np.bool_, len(values))


def _times(values: Sequence[str]) -> NDArray[Any]:
    _refuse_words(values)
    return np.array(values, _US)


def _refuse_words(values: Sequence[str]) -> None:
    """Refuse what NumPy takes for the time at which an import runs."""
    for value in values:
        if value in ("now", "today"):
            raise ValueError(value)


_PARSERS: Mapping[str, _Parse] = {
    "<i8": _integers,
    "<f8": _floats,
    "|b1": _booleans,
    "<M8[us]": _times,
}
"""What makes arrays of texts, as `_parsed` does of one, by data type."""
