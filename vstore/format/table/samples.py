"""What kinds of columns there are, and how their samples become elements of an array."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from vstore.errors import FormatError, InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.conversion import as_dtype
from vstore.format.table.images import decode_image, encode_image, encoded_image
from vstore.format.tree import ColumnInfo
from vstore.format.zarr.dtypes import data_type_of, dtype_from

SHAPE_SUFFIX = ".shape"
VALID_SUFFIX = ".valid"
RESERVED_SUFFIXES = (SHAPE_SUFFIX, VALID_SUFFIX, ".deleted", ".index")
KEYS = "sample"
DELETED = "sample.deleted"
KEY_INDEX = "sample.index"


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What a column is to hold; made by `ndarray`, `text`, `bytes_` and `image`.

    `codecs` is a preset (`auto`, `fast`, `balanced`, `small`, `none`) or a list of
    Zarr v3 codec documents; `rows_per_chunk` a power of two, chosen by size when None.
    """

    info: ColumnInfo
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] = ()
    fill_value: Any = None
    codecs: Any = "auto"
    rows_per_chunk: int | None = None
    attributes: dict[str, Any] | None = None

    def as_optional(self) -> "ColumnSpec":
        """Return the description of a column in which samples may be missing.

        >>> ndarray((), "int64").as_optional().info.optional
        True
        """
        return replace(self, info=msgspec.structs.replace(self.info, optional=True))

    def with_id(self, column_id: str) -> "ColumnSpec":
        """Return the description with the id that the column is to have."""
        return replace(self, info=msgspec.structs.replace(self.info, id=column_id))


@exported_from("vstore")
def ndarray(
    shape: Sequence[int | None],
    dtype: DTypeLike,
    *,
    fill_value: Any = None,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of arrays of one data type.

    `shape` is one sample's shape, `()` for scalars. None stands for an axis whose length
    differs from sample to sample.

    >>> ndarray((28, 28), "uint8").shape
    (28, 28)
    >>> ndarray((None, 3), "float32").info.kind
    'ragged'
    """
    resolved = as_storable(dtype)
    lengths = _axis_lengths(shape)
    if None in lengths:
        info = ColumnInfo("ragged", dtype=data_type_of(resolved), shape=lengths)
    else:
        info = ColumnInfo("ndarray")
    return ColumnSpec(info, resolved, lengths, fill_value, codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def text(
    *,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of strings."""
    return _variable("text", codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def bytes_(
    *,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of byte strings."""
    return _variable("bytes", codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def image(
    *, rows_per_chunk: int | None = None, attributes: dict[str, Any] | None = None
) -> ColumnSpec:
    """Describe a column of images, kept as their encoded JPEG, PNG or WebP bytes.

    Samples are given as encoded bytes, stored unchanged, or as uint8 arrays of shape
    (height, width) or (height, width, channels), stored as PNG without loss. They are
    read as uint8 arrays.
    """
    return _variable("image", "none", rows_per_chunk, attributes)


def _variable(
    kind: Any, codecs: Any, rows_per_chunk: int | None, attributes: dict[str, Any] | None
) -> ColumnSpec:
    return ColumnSpec(
        ColumnInfo(kind), np.dtype(object), (), None, codecs, rows_per_chunk, attributes
    )


def as_storable(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a NumPy data type that Zarr has too, or raise `InvalidInputError`."""
    try:
        resolved = np.dtype(dtype)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"{dtype!r} is not a NumPy data type") from exc
    data_type_of(resolved)
    return resolved


def _axis_lengths(shape: Any) -> tuple[int | None, ...]:
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise InvalidInputError(f"a sample's shape is a tuple such as (28, 28), not {shape!r}")
    return tuple(_axis_length(length) for length in shape)


def _axis_length(length: Any) -> int | None:
    if length is None:
        return None
    if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 0:
        raise InvalidInputError(f"a sample's axis is None or a length of 0 or more, not {length!r}")
    return int(length)


def companions(info: ColumnInfo) -> tuple[str, ...]:
    """Return the suffixes of the arrays that stand beside a column's own."""
    shape = (SHAPE_SUFFIX,) if info.kind == "ragged" else ()
    return (*shape, VALID_SUFFIX) if info.optional else shape


def is_variable(info: ColumnInfo) -> bool:
    """Tell whether samples are kept as variable-length elements."""
    return info.kind != "ndarray"


def to_elements(info: ColumnInfo, samples: Sequence[Any], *, name: str) -> NDArray[Any]:
    """Return variable-length samples as the object array that is stored.

    Raises:
        InvalidInputError: a sample of the wrong type, data type or shape.
    """
    convert = {"text": _text, "bytes": _bytes, "image": _image, "ragged": _ragged}[info.kind]
    elements = np.empty(len(samples), object)
    for i, sample in enumerate(samples):
        elements[i] = convert(info, sample, name)
    return elements


def from_elements(
    info: ColumnInfo,
    elements: NDArray[Any],
    shapes: NDArray[Any] | None,
    *,
    missing: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Return stored variable-length elements as the samples that a reader gets.

    Those that are `missing` are not decoded, and are None.
    """
    if info.kind in ("text", "bytes"):
        return elements
    samples = np.empty(len(elements), object)
    for i, element in enumerate(elements):
        if missing is not None and missing[i]:
            samples[i] = None
        elif info.kind == "image":
            samples[i] = decode_image(element) if element else np.zeros((0, 0), np.uint8)
        elif shapes is not None:
            samples[i] = _ragged_sample(info, element, tuple(shapes[i].tolist()))
    return samples


def shapes_of(info: ColumnInfo, samples: Sequence[Any]) -> NDArray[np.int64]:
    """Return the shapes of ragged samples, one row each."""
    rank = len(info.shape or ())
    shapes = [np.shape(sample) for sample in samples]
    return np.array(shapes, np.int64).reshape(len(samples), rank)


def _ragged_sample(info: ColumnInfo, element: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = dtype_from(info.dtype) if info.dtype is not None else np.dtype("uint8")
    count = int(np.prod(shape, dtype=object))
    fits = all(want in (None, got) for want, got in zip(info.shape or (), shape, strict=True))
    if not fits or min(shape, default=0) < 0 or count * dtype.itemsize != len(element):
        raise FormatError(f"a sample of {len(element)} bytes cannot have the shape {shape}")
    stored = np.frombuffer(element, dtype.newbyteorder("<")).reshape(shape)
    return stored.astype(dtype)


def _text(_: ColumnInfo, sample: Any, name: str) -> str:
    if not isinstance(sample, str):
        raise InvalidInputError(f"the column {name!r} holds text; got {type(sample).__name__}")
    try:
        sample.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInputError(f"the text {sample[:40]!r} is not valid Unicode") from exc
    return str(sample)


def _bytes(_: ColumnInfo, sample: Any, name: str) -> bytes:
    if not isinstance(sample, (bytes, bytearray, memoryview)):
        raise InvalidInputError(f"the column {name!r} holds bytes; got {type(sample).__name__}")
    return bytes(sample)


def _image(_: ColumnInfo, sample: Any, name: str) -> bytes:
    if isinstance(sample, (bytes, bytearray, memoryview)):
        return encoded_image(bytes(sample), name=name)
    return encode_image(np.asarray(sample), name=name)


def _ragged(info: ColumnInfo, sample: Any, name: str) -> bytes:
    dtype = dtype_from(info.dtype) if info.dtype is not None else np.dtype("uint8")
    array = as_dtype(sample, dtype, name=name)
    expected = info.shape or ()
    fits = array.ndim == len(expected) and all(
        want is None or want == got for want, got in zip(expected, array.shape, strict=True)
    )
    if not fits:
        msg = f"the column {name!r} holds samples of shape {expected}; got one of {array.shape}"
        raise InvalidInputError(msg)
    return array.astype(dtype.newbyteorder("<"), order="C").tobytes()
