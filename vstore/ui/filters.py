"""Which rows are wanted: comparisons of columns with values, which are parsed and never evaluated.

label = 7 and score >= 0.5 and caption contains "disk" and score is missing
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display.boxes import shortened
from vstore.display.classes import class_names
from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.reading.column import Column
from vstore.reading.table import Table

MOST_LENGTH = 2000

_TEST = re.compile(
    r"""\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<name>[^\s"=!<>]+))
    \s*(?:(?P<is>is\s+(?:not\s+)?missing)
    |(?P<op>!=|<=|>=|=|<|>|contains\b)\s*
    (?P<value>"(?:[^"\\]|\\.)*"|[^\s"]+))\s*""",
    re.VERBOSE,
)
_AND = re.compile(r"and\b")

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison: a column, what is asked, and the value it is compared with."""

    column: str
    operator: str
    value: Any = None

    __test__ = False  # pytest takes classes of this name for tests


def parse(text: str) -> list[Test]:
    """Return the comparisons that a text consists of, or raise `InvalidInputError`.

    >>> parse('label = 7 and "my text" contains "a b"')[1]
    Test(column='my text', operator='contains', value='a b')
    """
    if len(text) > MOST_LENGTH:
        raise InvalidInputError("the filter is too long")
    tests: list[Test] = []
    at = 0
    while True:
        found = _TEST.match(text, at)
        if found is None:
            raise _misread(text, at)
        tests.append(_test(found))
        at = found.end()
        if at == len(text):
            return tests
        joint = _AND.match(text, at)
        if joint is None:
            raise _misread(text, at)
        at = joint.end()


def _test(found: re.Match[str]) -> Test:
    quoted = found["quoted"]
    name = found["name"] if quoted is None else json.loads(f'"{quoted}"')
    if found["is"] is not None:
        return Test(name, "is not missing" if "not" in found["is"] else "is missing")
    return Test(name, found["op"], _value(found["value"]))


def _value(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, str | int | float) else text


def _misread(text: str, at: int) -> InvalidInputError:
    return InvalidInputError(
        f"the filter is not understood from {text[at : at + 40]!r} on: it is comparisons such as "
        '`label = 7 and caption contains "disk" and score is missing`'
    )


def written(column: str, operator: str, *value: object) -> str:
    """Return a comparison as it is written.

    >>> written("label", "=", 7), written("a b", "is missing")
    ('label = 7', '"a b" is missing')
    """
    plain = re.fullmatch(r"[^\s\"=!<>]+", column)
    name = column if plain else json.dumps(column)
    return " ".join([name, operator, *map(json.dumps, value)])


def matching(table: Table, tests: list[Test]) -> NDArray[np.int64]:
    """Return the positions of the samples of which all comparisons hold; reads those columns."""
    wanted = np.ones(len(table), bool)
    for test in tests:
        wanted &= _holds(table[test.column], test)
    return np.flatnonzero(wanted)


def _holds(column: Column, test: Test) -> NDArray[np.bool_]:
    if test.operator.endswith("missing"):
        return ~column.valid if test.operator == "is missing" else column.valid
    values = readable(column)
    if test.operator == "contains":
        if not values.dtype.hasobject:
            raise InvalidInputError(f"the column {column.name!r} holds no texts to look into")
        held = (value is not None and str(test.value) in value for value in values)
        return np.fromiter(held, bool, len(values))
    if values.dtype.hasobject or values.dtype.kind == "U":
        return _compared_texts(values, test)
    wanted = _class_number(column, test.value) if isinstance(test.value, str) else test.value
    found = np.asarray(_COMPARE[test.operator](np.ma.getdata(values), wanted), bool)
    return found & ~np.ma.getmaskarray(values)


def _class_number(column: Column, name: str) -> int:
    """Return the number of the class that a filter calls by its name."""
    names = class_names(column.attributes, column.dtype, column.metadata.shape[1:])
    if names is None:
        raise InvalidInputError(f"the column {column.name!r} has numbers, not {name!r}")
    if name not in names:
        known = shortened(", ".join(names), 200)
        raise InvalidInputError(f"no class of {column.name!r} is called {name!r}, but {known}")
    return names.index(name)


def _compared_texts(values: NDArray[Any], test: Test) -> NDArray[np.bool_]:
    compare, wanted = _COMPARE[test.operator], str(test.value)
    held = (value is not None and bool(compare(str(value), wanted)) for value in values)
    return np.fromiter(held, bool, len(values))


def is_filtered(column: Column) -> bool:
    """Return whether samples can be compared: single numbers, texts, and lists of texts."""
    kind = internals(column).info.kind
    if kind.name in ("text", "texts"):
        return True
    return kind.is_plain and column.metadata.ndim == 1 and column.dtype.kind in "biufU"


def readable(column: Column) -> NDArray[Any]:
    """Return the values of a column of single numbers or texts.

    Raises:
        InvalidInputError: its samples are something else.
    """
    if not is_filtered(column):
        raise InvalidInputError(
            f"samples of the column {column.name!r} are {column.kind}, which are not compared"
        )
    found: NDArray[Any] = column[:]
    return found


def ordered(table: Table, positions: NDArray[np.int64], sort: str) -> NDArray[np.int64]:
    """Return positions ordered by a column, `-name` for the greatest first; missing ones last."""
    name = sort.removeprefix("-")
    values = readable(table[name])[positions]
    missing = np.ma.getmaskarray(values)
    plain = np.ma.getdata(values)
    if plain.dtype.hasobject:
        missing = np.fromiter((value is None for value in plain), bool, len(plain))
        plain = np.array(["" if value is None else str(value) for value in plain])
    elif plain.dtype.kind == "f":
        missing = missing | np.isnan(plain)
    order = np.argsort(plain, kind="stable")
    if sort.startswith("-"):
        order = order[::-1]
    last = missing[order]
    found: NDArray[np.int64] = positions[np.concatenate([order[~last], order[last]])]
    return found
