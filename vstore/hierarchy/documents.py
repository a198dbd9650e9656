"""The `zarr.json` documents of groups and arrays: what Zarr writes to what vstore keeps, and back.

Zarr writes numbers into attributes that JSON does not have (NaN and the infinities). They are
kept as strings, and an extra member of the document, which no reader has to understand, says
where they are.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from vstore.errors import FormatError, InvalidInputError
from vstore.format import document
from vstore.format.zarr.metadata import ArrayMetadata, GroupMetadata

NAME = "zarr.json"

_NONFINITE = "vstore.nonfinite"
_VALUES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def find_document(data: bytes) -> dict[str, Any] | None:
    """Return the document of a Zarr v3 node, None for bytes that are none.

    One with halves of surrogate pairs, which are no Unicode text, is none either: stored
    documents cannot hold it.
    """
    try:
        value = json.loads(data)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.get("zarr_format") != 3:
        return None
    return value if value.get("node_type") in ("array", "group") else None


def array_metadata(value: Mapping[str, Any], *, path: str) -> ArrayMetadata:
    """Return what an array's document says.

    Raises:
        InvalidInputError: it asks for a codec, data type or grid that vstore does not keep.
    """
    plain = _plain(value, path)
    _widen_empty_chunks(plain)
    try:
        return ArrayMetadata.from_dict(plain)
    except FormatError as exc:
        raise InvalidInputError(f"vstore cannot keep the array {path!r}: {exc}") from exc


def group_document(value: Mapping[str, Any], *, path: str) -> dict[str, Any]:
    """Return a group's document as it is kept, or raise `InvalidInputError`."""
    try:
        return GroupMetadata.from_dict(_plain(value, path)).to_dict()
    except FormatError as exc:
        raise InvalidInputError(f"vstore cannot keep the group {path!r}: {exc}") from exc


def render(kept: Mapping[str, Any]) -> bytes:
    """Return the bytes of `zarr.json` for a document as it is kept."""
    return json.dumps(as_written(kept), indent=2).encode()


def consolidated(group: Mapping[str, Any], below: Mapping[str, Any]) -> bytes:
    """Return the bytes of a group's `zarr.json` with copies of the documents below it."""
    copies = {"kind": "inline", "must_understand": False, "metadata": dict(below)}
    return json.dumps({**group, "consolidated_metadata": copies}).encode()


def as_written(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as Zarr wrote it."""
    value = dict(kept)
    marks = value.pop(_NONFINITE, None)
    if isinstance(marks, Mapping):
        value["attributes"] = _restored(value.get("attributes", {}), list(marks["attributes"]))
    return value


def _plain(value: Mapping[str, Any], path: str) -> dict[str, Any]:
    attributes = value.get("attributes", {})
    places = [list(place) for place in _nonfinite(attributes)]
    plain = dict(value)
    if places:
        plain["attributes"] = _as_strings(attributes)
        plain[_NONFINITE] = {"must_understand": False, "attributes": places}
    document.dumps(plain, what=f"metadata of {path!r}")
    return plain


def _nonfinite(value: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield ()
    for step, child in _items(value):
        yield from ((step, *rest) for rest in _nonfinite(child))


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _as_strings(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return next(name for name, each in _VALUES.items() if repr(each) == repr(value))
    if isinstance(value, dict):
        return {name: _as_strings(child) for name, child in value.items()}
    return [_as_strings(child) for child in value] if isinstance(value, list) else value


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


def _widen_empty_chunks(value: dict[str, Any]) -> None:
    """Make chunks of length 0, which Zarr gives to axes of length 0, one element long."""
    grid = value.get("chunk_grid")
    options = grid.get("configuration") if isinstance(grid, dict) else None
    lengths = options.get("chunk_shape") if isinstance(options, dict) else None
    if isinstance(grid, dict) and isinstance(options, dict) and isinstance(lengths, list):
        widened = [1 if length == 0 else length for length in lengths]
        value["chunk_grid"] = grid | {"configuration": options | {"chunk_shape": widened}}
