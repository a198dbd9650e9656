"""References: Zarr keys, each with its contents or with a part of a file; as kerchunk has them."""

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.hierarchy import documents
from vstore.hierarchy.chunk_keys import ChunkKeys
from vstore.virtual import version2

_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
_SCHEMES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs", "local": "file"}
WHOLE = -1
"""In place of a length: that of the file."""


@dataclass(slots=True)
class ArrayReferences:
    """An array, and where its chunks are, by their numbers: in files, or as they are here."""

    metadata: ArrayMetadata
    parts: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    inline: dict[int, bytes] = field(default_factory=dict)


@exported_from("vstore.virtual")
@dataclass(slots=True)
class References:
    """Groups and arrays whose chunks are parts of files.

    Attributes:
        groups: the attributes of each group, by its path.
        arrays: each array with the places of its chunks, by its path.
        skipped: what was found and cannot stay where it is, each with the reason.
    """

    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrays: dict[str, ArrayReferences] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Any) -> "References":
        """Return references as values.

        Args:
            found: a kerchunk reference document, version 0 or 1, as a dict or the path of its
                JSON file; a dataset of VirtualiZarr; or references.

        Raises:
            InvalidInputError: it is something else, or malformed.
        """
        if isinstance(found, References):
            return found
        for name in ("vz", "virtualize") if not isinstance(found, dict) else ():
            accessor: Any = getattr(found, name, None)
            if hasattr(accessor, "to_kerchunk"):
                found = accessor.to_kerchunk(format="dict")
        if isinstance(found, str | os.PathLike):
            found = json.loads(Path(found).read_text(encoding="utf-8"))
        refs = found.get("refs", found) if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(refs, dict):
            raise InvalidInputError(
                f"references are a kerchunk document or a dataset of VirtualiZarr, not a "
                f"{type(found).__name__}"
            )
        if not any(key.rpartition("/")[2] in _DOCUMENTS for key in refs):
            raise InvalidInputError("the references have no group and no array")
        if "gen" in found:
            raise InvalidInputError("references that are generated are not read")
        return _parsed(refs, found.get("templates") or {})


def _parsed(refs: Mapping[str, Any], templates: Mapping[str, str]) -> References:
    made = References()
    texts = {key: _bytes(refs[key]) for key in refs if key.rpartition("/")[2] in _DOCUMENTS}
    keys: dict[str, ChunkKeys] = {}
    for path, document in _nodes(texts).items():
        if document["node_type"] == "group":
            made.groups[path] = dict(document.get("attributes") or {})
            continue
        try:
            metadata = documents.array_metadata(document, path=path)
        except InvalidInputError as exc:
            made.skipped[path] = str(exc).splitlines()[0]
            continue
        made.arrays[path] = ArrayReferences(metadata)
        keys[path] = ChunkKeys.of(metadata)
    for key, value in refs.items():
        if key not in texts:
            _take_chunk(made, keys, key, _expanded(value, templates))
    return made


def _nodes(texts: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return the documents of all nodes, in version 3, by path."""
    found: dict[str, dict[str, Any]] = {}
    for key, data in sorted(texts.items()):
        path, _, name = key.rpartition("/")
        if name == "zarr.json":
            document = documents.find_document(data)
            if document is None:
                raise InvalidInputError(f"{key} is no document of Zarr, version 3")
            found[path] = document
        elif name in (".zarray", ".zgroup"):
            attributes = json.loads(texts.get(f"{path}/.zattrs".lstrip("/"), b"{}"))
            if name == ".zgroup":
                found[path] = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
                continue
            try:
                found[path] = version2.array_document(json.loads(data), attributes)
            except InvalidInputError as exc:
                raise InvalidInputError(f"vstore cannot keep the array {path!r}: {exc}") from exc
    return found


def _take_chunk(made: References, keys: Mapping[str, ChunkKeys], key: str, value: Any) -> None:
    path = _array_above(key, made.arrays)
    if path is None:
        return  # of an array that is skipped, or of no array at all
    number = keys[path].find_number(key[len(path) + 1 :] if path else key)
    if number is None:
        return
    array = made.arrays[path]
    if isinstance(value, list | tuple):
        url, *place = value
        if not place:
            place = [0, WHOLE]
        if len(place) != 2 or not all(type(each) is int for each in place):
            raise InvalidInputError(f"{key} is at {value!r}, which is no part of a file")
        array.parts[number] = (file_url(url), *place)
    else:
        array.inline[number] = _bytes(value)


def _array_above(key: str, arrays: Iterable[str]) -> str | None:
    path = key
    while path:
        path = path.rpartition("/")[0]
        if path in arrays:
            return path
    return None


def _expanded(value: Any, templates: Mapping[str, str]) -> Any:
    if not templates or not isinstance(value, list | tuple) or "{{" not in value[0]:
        return value
    url = value[0]
    for name, text in templates.items():
        url = url.replace("{{" + name + "}}", text)
    return [url, *value[1:]]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, Mapping):
        return json.dumps(value).encode()
    if not isinstance(value, str):
        raise InvalidInputError(f"{value!r} is neither contents nor a part of a file")
    if not value.startswith("base64:"):
        return value.encode()
    try:
        return base64.b64decode(value.removeprefix("base64:"), validate=True)
    except binascii.Error as exc:
        raise InvalidInputError("contents of a key are no base64") from exc


def file_url(url: str) -> str:
    """Return the address of a file as it is stored: paths become `file://`."""
    if "://" not in url:
        return f"file://{os.path.abspath(url)}"
    scheme, _, rest = url.partition("://")
    scheme = _SCHEMES.get(scheme.lower(), scheme)
    return f"{scheme.lower()}://{rest}"
