"""Lists of texts and times as users write them in Python, element by element."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.missing import is_missing, plain

_ZONE = re.compile(r"(?P<time>.*T.*?)\s*(?:Z|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?)$")


class UnfitError(ValueError):
    """An element that the data type cannot hold: the element, and words for why."""

    def __init__(self, element: Any, why: str) -> None:
        super().__init__(why)
        self.element = element


def leaves(values: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of lists in lists, and their elements in C order.

    Raises:
        UnfitError: the lists differ in length.

    >>> leaves([["a", "b"], ["c", "d"]])
    ((2, 2), ['a', 'b', 'c', 'd'])
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise UnfitError(values, "it is masked")
    if isinstance(values, np.ndarray) and not values.dtype.hasobject:
        return values.shape, list(values.ravel())
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(values, list | tuple):
        return (), [plain(values)]
    if not any(isinstance(each, list | tuple | np.ndarray) for each in values):
        return (len(values),), list(map(plain, values))
    parts = [leaves(each) for each in values]
    shapes = {shape for shape, _ in parts}
    if len(shapes) > 1:
        raise UnfitError(values, "the lists differ in length")
    return (len(parts), *shapes.pop()), [each for _, part in parts for each in part]


def texts(values: Any, kind: type[str] | type[bytes]) -> NDArray[Any]:
    """Return text, or byte strings, as an object array of nothing but these.

    Raises:
        UnfitError: an element is something else, or the lists differ in length.
    """
    shape, elements = leaves(values)
    held = np.empty(len(elements), object)
    for i, element in enumerate(elements):
        if not isinstance(element, kind):
            raise UnfitError(element, f"{type(element).__name__} is not {kind.__name__}")
        if kind is str:
            _check_unicode(element)
        held[i] = str(element) if isinstance(element, str) else bytes(element)
    return held.reshape(shape)


def _check_unicode(text: Any) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise UnfitError(text, "it is not valid Unicode") from exc


def fixed_texts(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return text, or byte strings, in a data type of fixed length.

    Raises:
        UnfitError: an element is something else, is too long, or ends in a zero, which would
            be lost.
    """
    kind = str if dtype.kind == "U" else bytes
    held = texts(values, kind)
    longest = dtype.itemsize // (4 if kind is str else 1)
    for text in held.flat:
        if len(text) > longest or (text and not text[-1:].strip("\0" if kind is str else b"\0")):
            raise UnfitError(text, f"it is not one of at most {longest} that ends in no zero")
    return held.astype(dtype)


def times(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return times of Python, NumPy or pandas, or ISO text, in a data type of times.

    Raises:
        UnfitError: an element is something else, or is not exact in that unit.
    """
    shape, elements = leaves(values)
    result = np.empty(len(elements), dtype)
    read = _moment if dtype.kind == "M" else _duration
    for i, element in enumerate(elements):
        result[i] = _in_unit(element, read, dtype)
    return result.reshape(shape)


def _in_unit(element: Any, read: Callable[[Any], Any], dtype: np.dtype[Any]) -> Any:
    if is_missing(element) and type(element).__name__ != "NaTType":
        raise UnfitError(element, "it is missing")
    if is_missing(element):
        return np.array(-(2**63), np.int64).view(dtype)[()]
    if isinstance(element, int | np.integer) and not isinstance(element, bool | np.timedelta64):
        return np.array(element, np.int64).view(dtype)[()]
    try:
        given = np.asarray(read(element))
        cast = given.astype(dtype)
        is_same = cast.astype(given.dtype).view(np.int64) == given.view(np.int64)
    except (TypeError, ValueError, OverflowError) as exc:
        raise UnfitError(element, str(exc)) from exc
    if not is_same:
        raise UnfitError(element, f"it is not exact in {dtype}")
    return cast


def _moment(element: Any) -> Any:
    if isinstance(element, np.datetime64):
        return element
    if hasattr(element, "to_datetime64"):
        return element.to_datetime64()
    if isinstance(element, str):
        return _iso(element)
    if isinstance(element, dt.datetime):
        if element.tzinfo is not None:
            element = element.astimezone(dt.UTC).replace(tzinfo=None)
        return np.datetime64(element, "us")
    if isinstance(element, dt.date):
        return np.datetime64(element, "D")
    raise TypeError(f"{type(element).__name__} is no time")


def _iso(text: str) -> Any:
    found = _ZONE.fullmatch(text.strip())
    if found is None:
        return np.datetime64(text.strip())
    moment = np.datetime64(found["time"])
    minutes = 60 * int(found["hours"] or 0) + int(found["minutes"] or 0)
    if not minutes:
        return moment
    offset = np.timedelta64(minutes, "m")
    return moment + offset if found["sign"] == "-" else moment - offset


def _duration(element: Any) -> Any:
    if isinstance(element, np.timedelta64):
        return element
    if hasattr(element, "to_timedelta64"):
        return element.to_timedelta64()
    if isinstance(element, dt.timedelta):
        return np.timedelta64(element, "us")
    raise TypeError(f"{type(element).__name__} is no duration")
