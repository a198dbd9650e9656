"""Zarr v3 metadata documents of arrays and groups as values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from vstore.errors import FormatError, InvalidInputError
from vstore.faces import exported_from
from vstore.format.zarr.attributes import NONFINITE, attributes_of, with_attributes
from vstore.format.zarr.codec_pipeline import Pipeline, build
from vstore.format.zarr.codec_spec import MAX_CHUNK_NBYTES, ArraySpec, convert, parse_named
from vstore.format.zarr.dtypes import DataType, canonical, data_type_of, dtype_from
from vstore.format.zarr.fill_value import (
    coerce_fill_value,
    decode_fill_value,
    default_fill_value,
    encode_fill_value,
)
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.format.zarr import codec_choice
else:
    codec_choice = lazy("vstore.format.zarr.codec_choice")

_MAX_AXES: Final = 64
_Length = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_ChunkLength = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class _ArrayDocument(msgspec.Struct):
    zarr_format: Literal[3]
    node_type: Literal["array"]
    shape: Annotated[tuple[_Length, ...], Meta(max_length=_MAX_AXES)]
    data_type: str | dict[str, Any]
    chunk_grid: str | dict[str, Any]
    chunk_key_encoding: str | dict[str, Any]
    fill_value: Any
    codecs: list[Any]
    attributes: dict[str, Any] = {}
    dimension_names: tuple[str | None, ...] | None = None
    storage_transformers: list[Any] = []


class _GroupDocument(msgspec.Struct):
    zarr_format: Literal[3]
    node_type: Literal["group"]
    attributes: dict[str, Any] = {}
    consolidated_metadata: dict[str, Any] | None = None


class _Regular(msgspec.Struct, forbid_unknown_fields=True):
    chunk_shape: Annotated[tuple[_ChunkLength, ...], Meta(max_length=_MAX_AXES)]


class _Separator(msgspec.Struct, forbid_unknown_fields=True):
    separator: Literal["/", "."] | None = None


@exported_from("vstore")
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArrayMetadata:
    """What the Zarr v3 metadata document of an array says; checked when made.

    Variable-length arrays have dtype object; their elements are all `str` (data type `string`) or
    all `bytes` (`variable_length_bytes`).
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    data_type: DataType
    dtype: np.dtype[Any]
    fill_value: Any
    codecs: tuple[dict[str, Any], ...]
    dimension_names: tuple[str | None, ...] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    chunk_key_encoding: dict[str, Any]
    extra_fields: dict[str, Any] = field(default_factory=dict)
    """Members of the document that a reader need not understand, kept as they are."""
    pipeline: Pipeline = field(repr=False)
    """The codecs, ready for use."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayMetadata.from_dict, (self.to_dict(),)

    @classmethod
    def create(  # noqa: PLR0913 - one option for each member of the document
        cls,
        *,
        shape: Sequence[int],
        dtype: Any,
        chunk_shape: Sequence[int],
        codecs: Sequence[dict[str, Any]] | None = None,
        fill_value: Any = None,
        dimension_names: Sequence[str | None] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> "ArrayMetadata":
        """Return the metadata of a new array; codecs are those of the preset `balanced` if None.

        Raises:
            InvalidInputError: A value is impossible; the message names it.

        >>> ArrayMetadata.create(shape=(10, 28), dtype="uint8", chunk_shape=(4, 28)).grid_shape
        (3, 1)
        """
        data_type = data_type_of(dtype)
        if fill_value is None:
            fill_value = default_fill_value(data_type)
        if codecs is None:
            codecs = codec_choice.preset("balanced", data_type)
        document = {
            "shape": list(shape),
            "data_type": data_type,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}},
            "chunk_key_encoding": "default",
            "fill_value": encode_fill_value(data_type, coerce_fill_value(data_type, fill_value)),
            "codecs": list(codecs),
            "attributes": dict(attributes or {}),
            "dimension_names": None if dimension_names is None else list(dimension_names),
            "zarr_format": 3,
            "node_type": "array",
        }
        try:
            return cls.from_dict(document)
        except FormatError as error:
            raise InvalidInputError(f"the array cannot be created: {error}") from error

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "ArrayMetadata":
        """Return what a document says.

        Raises:
            FormatError: The document is malformed, or asks for what vstore does not have; the
                message begins with the path of the member.
        """
        parsed, extra_fields = _parse(document, _ArrayDocument)
        if parsed.storage_transformers:
            raise FormatError("storage_transformers: vstore knows none")
        data_type = canonical(parsed.data_type)
        dtype = dtype_from(data_type)
        chunk_shape = _chunk_shape(parsed, dtype)
        fill_value = decode_fill_value(data_type, parsed.fill_value)
        pipeline = build(parsed.codecs, ArraySpec(chunk_shape, dtype, data_type, fill_value))
        names = parsed.dimension_names
        if names is not None and len(names) != len(parsed.shape):
            raise FormatError(f"dimension_names: {len(names)} names for {len(parsed.shape)} axes")
        return cls(
            shape=parsed.shape,
            chunk_shape=chunk_shape,
            data_type=data_type,
            dtype=dtype,
            fill_value=fill_value,
            codecs=tuple(_codec_document(each) for each in parsed.codecs),
            dimension_names=names,
            attributes=attributes_of(document),
            chunk_key_encoding=_chunk_key_encoding(parsed.chunk_key_encoding),
            extra_fields=extra_fields,
            pipeline=pipeline,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document, in the form that vstore writes."""
        document: dict[str, Any] = {
            "shape": list(self.shape),
            "data_type": self.data_type,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": list(self.chunk_shape)},
            },
            "chunk_key_encoding": self.chunk_key_encoding,
            "fill_value": encode_fill_value(self.data_type, self.fill_value),
            "codecs": list(self.codecs),
            "attributes": {},  # its place; the members stand as zarr writes them
        }
        if self.dimension_names is not None:
            document["dimension_names"] = list(self.dimension_names)
        document |= {"zarr_format": 3, "node_type": "array", "storage_transformers": []}
        return with_attributes(document | self.extra_fields, self.attributes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArrayMetadata):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """The number of chunks along each axis."""
        return tuple(
            -(-length // chunk) for length, chunk in zip(self.shape, self.chunk_shape, strict=True)
        )

    @property
    def chunk_nbytes(self) -> int:
        """The bytes of one decoded chunk; for variable length, those of its references only."""
        return self.pipeline.spec.nbytes

    @property
    def is_variable_length(self) -> bool:
        """Whether elements differ in size."""
        return self.dtype.hasobject

    def resized(self, shape: Sequence[int]) -> "ArrayMetadata":
        """Return the metadata with another shape of as many axes.

        Raises:
            InvalidInputError: It has another number of axes, or a negative length.
        """
        lengths = tuple(int(length) for length in shape)
        if len(lengths) != self.ndim:
            raise InvalidInputError(f"shape {lengths} does not have {self.ndim} axes")
        if any(not 0 <= length < 2**63 for length in lengths):
            raise InvalidInputError(f"shape {lengths} is impossible")
        return replace(self, shape=lengths)

    def rechunked(self, rows: int) -> "ArrayMetadata":
        """Return the metadata of an empty array whose chunks are `rows` long."""
        if 0 < rows <= self.chunk_shape[0]:  # a smaller chunk than one that is possible
            shape, chunk_shape = (0, *self.shape[1:]), (rows, *self.chunk_shape[1:])
            spec = ArraySpec(chunk_shape, self.dtype, self.data_type, self.fill_value)
            pipeline = build(self.codecs, spec)
            return replace(self, shape=shape, chunk_shape=chunk_shape, pipeline=pipeline)
        document = self.to_dict()
        document["shape"] = [0, *self.shape[1:]]
        document["chunk_grid"]["configuration"]["chunk_shape"] = [rows, *self.chunk_shape[1:]]
        return ArrayMetadata.from_dict(document)

    def with_attributes(self, attributes: Mapping[str, Any]) -> "ArrayMetadata":
        """Return the metadata with these attributes instead of its own."""
        return replace(self, attributes=dict(attributes))


def _chunk_shape(parsed: _ArrayDocument, dtype: np.dtype[Any]) -> tuple[int, ...]:
    name, configuration = parse_named(parsed.chunk_grid, "chunk_grid")
    if name != "regular":
        raise FormatError(f"chunk_grid.name: vstore knows 'regular' only, not {name!r}")
    chunk_shape: tuple[int, ...] = convert(
        configuration, _Regular, "chunk_grid.configuration"
    ).chunk_shape
    path = "chunk_grid.configuration.chunk_shape"
    if len(chunk_shape) != len(parsed.shape):
        raise FormatError(f"{path}: {len(chunk_shape)} lengths for {len(parsed.shape)} axes")
    nbytes = math.prod(chunk_shape) * dtype.itemsize
    if nbytes > MAX_CHUNK_NBYTES:
        raise FormatError(
            f"{path}: a chunk of {nbytes} bytes is too large; at most {MAX_CHUNK_NBYTES}"
        )
    return chunk_shape


def _chunk_key_encoding(document: Any) -> dict[str, Any]:
    name, configuration = parse_named(document, "chunk_key_encoding")
    defaults = {"default": "/", "v2": "."}
    if name not in defaults:
        raise FormatError(f"chunk_key_encoding.name: vstore does not know {name!r}")
    options = convert(configuration, _Separator, "chunk_key_encoding.configuration")
    return {"name": name, "configuration": {"separator": options.separator or defaults[name]}}


def _codec_document(document: Any) -> dict[str, Any]:
    return {"name": document} if isinstance(document, str) else dict(document)


def _parse(document: Mapping[str, Any], kind: Any) -> tuple[Any, dict[str, Any]]:
    """Return the document's known members as `kind`, and its unknown but harmless ones."""
    if not isinstance(document, Mapping):
        raise FormatError("expected an object")
    known = set(kind.__struct_fields__)
    extra = {name: value for name, value in document.items() if name not in known}
    extra.pop(NONFINITE, None)
    for name, value in extra.items():
        if not isinstance(value, Mapping) or value.get("must_understand") is not False:
            raise FormatError(f"{name}: vstore does not know this member and must understand it")
    try:
        return msgspec.convert({k: v for k, v in document.items() if k in known}, kind), extra
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise FormatError(f"the metadata are malformed: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMetadata:
    """What the Zarr v3 metadata document of a group says."""

    attributes: dict[str, Any] = field(default_factory=dict)
    extra_fields: dict[str, Any] = field(default_factory=dict)
    """Members of the document that a reader need not understand, kept as they are."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "GroupMetadata":
        """Return what a document says, except for copies of the metadata of nodes below it.

        Raises:
            FormatError: The document is malformed.
        """
        _, extra_fields = _parse(document, _GroupDocument)
        return cls(attributes=attributes_of(document), extra_fields=extra_fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, in the form that vstore writes."""
        document: dict[str, Any] = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
        document |= self.extra_fields
        return with_attributes(document, self.attributes)

    def with_attributes(self, attributes: Mapping[str, Any]) -> "GroupMetadata":
        """Return the metadata with these attributes instead of its own."""
        return replace(self, attributes=dict(attributes))
