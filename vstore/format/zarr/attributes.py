"""Attributes in the metadata document of an array or a group, as they are stored and as they are.

Zarr takes numbers that JSON does not have: NaN and the infinities. They are stored as strings, and
a member of the document, which no reader has to understand, says where they are.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from vstore.errors import InvalidInputError
from vstore.format.document import plain_object

NONFINITE = "vstore.nonfinite"
"""The member that says where a string stands for a number."""

_VALUES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def attributes_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that a stored document says.

    >>> attributes_of(with_attributes({}, {"missing": float("nan"), "unit": "K"}))
    {'missing': nan, 'unit': 'K'}
    """
    attributes = dict(document.get("attributes", {}))
    marks = document.get(NONFINITE)
    places = marks.get("attributes") if isinstance(marks, Mapping) else None
    if not isinstance(places, list):
        return attributes
    found: dict[str, Any] = _restored(attributes, [p for p in places if isinstance(p, list)])
    return found


def with_attributes(
    document: Mapping[str, Any], attributes: Mapping[str, Any], *, what: str = "attributes"
) -> dict[str, Any]:
    """Return a document with these attributes as they are stored.

    Raises:
        InvalidInputError: they are nested too deeply for Python.
    """
    stored = {name: value for name, value in document.items() if name != NONFINITE}
    try:
        places = [list(place) for place in _nonfinite(attributes)]
        stored["attributes"] = _as_strings(attributes)
    except RecursionError as exc:
        raise InvalidInputError(f"the {what} are nested too deeply") from exc
    if places:
        stored[NONFINITE] = {"must_understand": False, "attributes": places}
    return stored


def plain_attributes(value: Any, *, what: str = "attributes") -> dict[str, Any]:
    """Return a caller's attributes as they read back once they are stored.

    Raises:
        InvalidInputError: not a mapping of names to what JSON has, NaN or an infinity.
    """
    if not isinstance(value, Mapping):
        return plain_object(value, what=what)
    stored = with_attributes({}, value, what=what)
    return attributes_of(stored | {"attributes": plain_object(stored["attributes"], what=what)})


def _nonfinite(value: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield ()
    for step, child in _items(value):
        yield from ((step, *rest) for rest in _nonfinite(child))


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def _as_strings(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: _as_strings(child) for name, child in value.items()}
    return [_as_strings(child) for child in value] if isinstance(value, (list, tuple)) else value


def _restored(value: Any, places: list[list[Any]]) -> Any:
    """Return the value with numbers where a place says so and the string is still there."""
    if [] in places and isinstance(value, str):
        return _VALUES.get(value, value)
    if not places or not isinstance(value, (dict, list)):
        return value
    restored = {
        step: _restored(child, [place[1:] for place in places if place and place[0] == step])
        for step, child in _items(value)
    }
    return restored if isinstance(value, dict) else list(restored.values())
