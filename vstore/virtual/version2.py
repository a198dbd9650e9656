"""What the metadata of Zarr, version 2, says, as version 3 says it."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.zarr.metadata import ArrayMetadata

_OF_ARRAYS = {"delta", "fixedscaleoffset", "quantize", "packbits", "astype", "bitround"}
"""Filters of numcodecs that take elements; the others take bytes."""

_SERIALIZERS = ("vlen-utf8", "vlen-bytes")
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
_NAMES = "_ARRAY_DIMENSIONS"


def array_document(value: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of version 3 for a `.zarray` and the `.zattrs` next to it.

    Raises:
        InvalidInputError: it has what version 3, or vstore, lacks.
    """
    try:
        return _array_document(value, dict(attributes))
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidInputError(f"the .zarray is malformed: {exc!r}") from exc


def _array_document(value: Mapping[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    dtype, shape = value["dtype"], value["shape"]
    if not isinstance(dtype, str):
        dtype = [tuple(field) for field in dtype]
    codecs = [each for each in [*(value.get("filters") or []), value.get("compressor")] if each]
    names = attributes.pop(_NAMES, None)
    made = ArrayMetadata.create(
        shape=shape,
        dtype=_dtype(dtype, codecs),
        # Zarr gives axes of length 0 chunks of length 0.
        chunk_shape=[max(1, length) for length in value["chunks"]],
        codecs=_codecs(np.dtype(dtype), codecs, order=value.get("order", "C"), ndim=len(shape)),
        fill_value=_fill(np.dtype(dtype), value.get("fill_value")),
        dimension_names=names if names and len(names) == len(shape) else None,
        attributes=attributes,
    ).to_dict()
    separator = value.get("dimension_separator", ".")
    return made | {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": separator}}}


def _dtype(dtype: Any, codecs: list[Any]) -> Any:
    if np.dtype(dtype) != np.dtype(object):
        return np.dtype(dtype).newbyteorder("=")
    is_text = any(codec["id"] == "vlen-utf8" for codec in codecs)
    return "string" if is_text else "variable_length_bytes"


def _codecs(dtype: np.dtype[Any], given: list[Any], *, order: str, ndim: int) -> list[Any]:
    filters: list[Any] = []
    serializers: list[Any] = []
    rest: list[Any] = []
    for codec in given:
        options = {name: each for name, each in codec.items() if name != "id"}
        if codec["id"] in _SERIALIZERS:
            serializers.append({"name": codec["id"]})
            continue
        made = _named(codec["id"], options, dtype.itemsize)
        (filters if codec["id"] in _OF_ARRAYS else rest).append(made)
    if not serializers:
        is_big = dtype.byteorder == ">"
        serializers = [
            {"name": "bytes", "configuration": {"endian": "big" if is_big else "little"}}
        ]
    if order == "F" and ndim > 1:
        turned = {"name": "transpose", "configuration": {"order": list(range(ndim))[::-1]}}
        filters = [turned, *filters]
    return [*filters, *serializers, *rest]


def _named(name: str, options: dict[str, Any], itemsize: int) -> dict[str, Any]:
    """Return a codec by the name that every Zarr knows, where there is one for the same bytes."""
    if name == "gzip":
        return {"name": name, "configuration": {"level": options.get("level", 1)}}
    if name == "zstd":
        level, checksum = options.get("level", 0), bool(options.get("checksum", False))
        return {"name": name, "configuration": {"level": level, "checksum": checksum}}
    if name == "blosc":
        given = options.get("shuffle", 1)
        shuffle = _SHUFFLES[given] if given >= 0 else _SHUFFLES[2 if itemsize == 1 else 1]
        known = {"cname": options["cname"], "clevel": options["clevel"], "typesize": itemsize}
        known |= {"shuffle": shuffle, "blocksize": options.get("blocksize", 0)}
        return {"name": name, "configuration": known}
    return {"name": f"numcodecs.{name}", "configuration": options}


def _fill(dtype: np.dtype[Any], value: Any) -> Any:
    if value is None:
        return None
    if dtype.kind == "f" and isinstance(value, str):
        return dtype.type(value.replace("Infinity", "inf"))
    if dtype.kind in "SV" and isinstance(value, str):
        raw = base64.b64decode(value).ljust(dtype.itemsize, b"\0")
        return np.frombuffer(raw, dtype)[0]
    if dtype.kind in "mM":
        return np.int64(value).view(dtype.newbyteorder("="))
    return value
