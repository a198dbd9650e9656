"""The `zarr.json` documents of groups and arrays: what Zarr writes to what is kept, and back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from vstore.errors import FormatError, InvalidInputError
from vstore.format import document
from vstore.format.zarr.attributes import NONFINITE, attributes_of, with_attributes
from vstore.format.zarr.metadata import ArrayMetadata, GroupMetadata

NAME = "zarr.json"
CONSOLIDATED = "consolidated_metadata"
"""The member of a group's document with copies of those below it."""


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
    """Return a group's document as it is kept, or raise `InvalidInputError`.

    Copies of the documents below it are not kept: they would be wrong after the next change.
    """
    own = {name: member for name, member in value.items() if name != CONSOLIDATED}
    try:
        return GroupMetadata.from_dict(_plain(own, path)).to_dict()
    except FormatError as exc:
        raise InvalidInputError(f"vstore cannot keep the group {path!r}: {exc}") from exc


def render(kept: Mapping[str, Any]) -> bytes:
    """Return the bytes of `zarr.json` for a document as it is kept."""
    return json.dumps(as_written(kept), indent=2).encode()


def with_copies(kept: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield documents by path as Zarr wrote them; those of groups have copies of all below them.

    With these a reader lists nothing.

    Args:
        kept: documents as they are written, by the path of the node.
    """
    for path, own in kept.items():
        if own["node_type"] != "group":
            yield path, dict(own)
            continue
        start = f"{path}/" if path else ""
        below = {
            other[len(start) :]: each
            for other, each in kept.items()
            if other.startswith(start) and other != path
        }
        yield path, consolidated(own, below)


def consolidated(group: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's document with copies of those below it."""
    copies = {"kind": "inline", "must_understand": False, "metadata": dict(below)}
    return {**group, CONSOLIDATED: copies}


def as_written(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as Zarr wrote it."""
    value = {name: member for name, member in kept.items() if name != NONFINITE}
    return value | {"attributes": attributes_of(kept)} if "attributes" in kept else value


def _plain(value: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a document as it is stored, which has nothing that JSON lacks."""
    plain = with_attributes(value, value["attributes"]) if "attributes" in value else dict(value)
    document.dumps(plain, what=f"metadata of {path!r}")
    return plain


def _widen_empty_chunks(value: dict[str, Any]) -> None:
    """Make chunks of length 0, which Zarr gives to axes of length 0, one element long."""
    grid = value.get("chunk_grid")
    options = grid.get("configuration") if isinstance(grid, dict) else None
    lengths = options.get("chunk_shape") if isinstance(options, dict) else None
    if isinstance(grid, dict) and isinstance(options, dict) and isinstance(lengths, list):
        widened = [1 if length == 0 else length for length in lengths]
        value["chunk_grid"] = grid | {"configuration": options | {"chunk_shape": widened}}
