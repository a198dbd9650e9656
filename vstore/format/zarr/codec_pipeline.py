"""The codecs of one array as one: chunk in, bytes out, and back."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError, FormatError, InvalidInputError
from vstore.format.zarr.codec_bytes import BytesStage, bytes_stage
from vstore.format.zarr.codec_compressors import DECODE_ERRORS
from vstore.format.zarr.codec_pcodec import PCODEC, pcodec_serializer
from vstore.format.zarr.codec_serializers import Raw, Serializer, VariableLength, check_elements
from vstore.format.zarr.codec_spec import (
    ArraySpec,
    Budget,
    Buffer,
    convert,
    is_array_stage,
    parse_named,
)
from vstore.format.zarr.dtypes import BYTES, STRING, has_byte_order
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.format.zarr import codec_filters, codec_sharding
else:
    codec_filters = lazy("vstore.format.zarr.codec_filters")
    codec_sharding = lazy("vstore.format.zarr.codec_sharding")

_MAX_NESTING: Final = 3
_SERIALIZERS: Final = frozenset({"bytes", "vlen-utf8", "vlen-bytes", "sharding_indexed", PCODEC})


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """Filters, one serializer, then compressors and checksums; immutable."""

    spec: ArraySpec
    names: tuple[str, ...]
    filters: "tuple[codec_filters.ArrayStage, ...]"
    serializer: Serializer
    stages: tuple[BytesStage, ...]
    sizes: tuple[int | None, ...]
    """What goes into each stage, where that is fixed; last, what comes out of all."""
    limits: tuple[int, ...]

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the chunk's bytes.

        Raises:
            InvalidInputError: A filter would change an element.
        """
        encoded = self._filtered(array)
        if encoded is None:
            lossy = zip(self.names, self.filters, strict=False)
            names = ", ".join(name for name, array_codec in lossy if not array_codec.is_lossless)
            raise InvalidInputError(
                f"codecs of the array ({names}) would change elements of this chunk",
                code="inexact-codec",
                hint="round the values first, or store them in an array with other codecs",
                codecs=names,
            )
        data = self.serializer.encode(encoded)
        for stage in self.stages:
            data = stage.encode(data)
        return data

    def is_exact(self, array: NDArray[Any]) -> bool:
        """Return whether an array comes back from the filters bit for bit."""
        return self._filtered(array) is not None

    def _filtered(self, array: NDArray[Any]) -> NDArray[Any] | None:
        """Return what the filters make of an array, None where that is not the array again."""
        filtered = array
        try:
            for array_codec in self.filters:
                filtered = array_codec.encode(filtered)
            if all(array_codec.is_lossless for array_codec in self.filters):
                return filtered
            again = self._unfiltered(filtered)
        except ValueError:
            return None
        return filtered if np.array_equal(_bits(again), _bits(array)) else None

    def _unfiltered(self, array: NDArray[Any]) -> NDArray[Any]:
        for array_codec in reversed(self.filters):
            array = array_codec.decode(array)
        return array

    def decode(self, data: Buffer, out: NDArray[Any] | None, budget: Budget) -> NDArray[Any]:
        """Return the chunk, in `out` if that is given and in C order.

        Raises:
            CorruptionError: The data are malformed, or decode to more than the chunk holds.
        """
        try:
            array = self._decode(data, out, budget)
            check_elements(array)
        except DECODE_ERRORS as error:
            raise CorruptionError(f"the chunk is malformed: {error}") from error
        return array

    def _decode(self, data: Buffer, out: NDArray[Any] | None, budget: Budget) -> NDArray[Any]:
        serializer = self.serializer
        if (
            not self.filters
            and self.stages
            and isinstance(serializer, Raw)
            and serializer.is_native
        ):
            target = np.empty(self.spec.shape, self.spec.dtype) if out is None else out
            data = self.unpack(data, budget, last=1)
            self.stages[0].decode_into(data, target.reshape(-1).view(np.uint8))
            return target
        data = self.unpack(data, budget, last=0)
        if not self.filters:
            return serializer.decode(data, out, budget)
        array = self._unfiltered(serializer.decode(data, None, budget))
        if out is None:
            return np.ascontiguousarray(array).reshape(self.spec.shape)
        out[...] = array
        return out

    def unpack(self, data: Buffer, budget: Budget, *, last: int = 0) -> Buffer:
        """Undo the stages down to `last`, which leaves what the serializer wrote."""
        for i in range(len(self.stages) - 1, last - 1, -1):
            size = self.sizes[i]
            if size is None:
                data = self.stages[i].decode(data, min(self.limits[i], budget.remaining))
            else:
                scratch = np.empty(size, np.uint8)
                self.stages[i].decode_into(data, scratch)
                data = scratch.data
        return data


def _bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def build(documents: Any, spec: ArraySpec, path: str = "codecs") -> Pipeline:
    """Return the pipeline that the `codecs` of a Zarr v3 document describe.

    Raises:
        FormatError: A codec is malformed, not one that vstore allows, or out of place.
    """
    return _build(documents, spec, path, depth=0)


def _build(documents: Any, spec: ArraySpec, path: str, *, depth: int) -> Pipeline:
    if not isinstance(documents, list | tuple) or len(documents) > 16:
        raise FormatError(f"{path}: expected a list of at most 16 codecs")
    named = [parse_named(each, f"{path}[{i}]") for i, each in enumerate(documents)]
    position = next((i for i, (name, _) in enumerate(named) if name in _SERIALIZERS), None)
    if position is None:
        _refuse_unknown(named, spec, path)
        raise FormatError(f"{path}: no codec turns the array into bytes")
    filters: list[codec_filters.ArrayStage] = []
    inner = spec
    for i, (name, configuration) in enumerate(named[:position]):
        if not is_array_stage(name):
            _refuse_unknown(named, spec, path)
            raise FormatError(f"{path}[{i}]: {name!r} cannot come before the array becomes bytes")
        filters.append(codec_filters.array_stage(name, inner, configuration, f"{path}[{i}]"))
        inner = filters[-1].encoded
    serializer = _serializer(named[position], inner, f"{path}[{position}]", depth)
    itemsize = 1 if spec.is_variable_length else spec.dtype.itemsize
    stages = tuple(
        _stage(name, configuration, itemsize, f"{path}[{i}]")
        for i, (name, configuration) in enumerate(named[position + 1 :], position + 1)
    )
    sizes, limits = _sizes(serializer, stages)
    names = tuple(name for name, _ in named)
    return Pipeline(spec, names, tuple(filters), serializer, stages, sizes, limits)


def _refuse_unknown(named: list[tuple[str, dict[str, Any]]], spec: ArraySpec, path: str) -> None:
    for i, (name, configuration) in enumerate(named):
        if name not in _SERIALIZERS and not is_array_stage(name):
            bytes_stage(name, configuration, spec.dtype.itemsize, f"{path}[{i}]")


def _stage(name: str, configuration: dict[str, Any], itemsize: int, path: str) -> BytesStage:
    if name in _SERIALIZERS or is_array_stage(name):
        raise FormatError(f"{path}: {name!r} cannot come after the array became bytes")
    return bytes_stage(name, configuration, itemsize, path)


def _sizes(
    serializer: Serializer, stages: tuple[BytesStage, ...]
) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
    sizes: list[int | None] = [serializer.nbytes]
    limits = [serializer.limit]
    for stage in stages:
        size = sizes[-1]
        sizes.append(None if size is None else stage.encoded_nbytes(size))
        # No encoder makes incompressible data this much larger.
        limits.append(2 * limits[-1] + 2**18)
    return tuple(sizes), tuple(limits)


class _Bytes(msgspec.Struct, forbid_unknown_fields=True):
    endian: str | None = None


class _NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Sharding(msgspec.Struct, forbid_unknown_fields=True):
    chunk_shape: tuple[int, ...]
    codecs: list[Any]
    index_codecs: list[Any]
    index_location: str = "end"


def _serializer(
    named: tuple[str, dict[str, Any]], spec: ArraySpec, path: str, depth: int
) -> Serializer:
    name, configuration = named
    if name == "sharding_indexed":
        return _sharded(configuration, spec, path, depth)
    if name == PCODEC:
        return pcodec_serializer(configuration, spec, path)
    expected = "bytes"
    if spec.is_variable_length:
        expected = {STRING: "vlen-utf8", BYTES: "vlen-bytes"}[str(spec.data_type)]
    if name != expected:
        raise FormatError(f"{path}: {spec.data_type!r} needs the codec {expected!r}, not {name!r}")
    if spec.is_variable_length:
        convert(configuration, _NoOptions, f"{path}.configuration")
        return VariableLength(spec)
    return _raw(configuration, spec, f"{path}.configuration")


def _raw(configuration: dict[str, Any], spec: ArraySpec, path: str) -> Raw:
    endian = convert(configuration, _Bytes, path).endian
    if endian not in ("little", "big", None):
        raise FormatError(f"{path}.endian: {endian!r} is neither 'little' nor 'big'")
    if endian is None and has_byte_order(spec.dtype) and spec.dtype.names is None:
        raise FormatError(f"{path}.endian: {spec.dtype} needs 'little' or 'big'")
    is_big = endian == "big" and has_byte_order(spec.dtype)
    return Raw(spec, spec.dtype.newbyteorder(">" if is_big else "<"))


def _sharded(
    configuration: dict[str, Any], spec: ArraySpec, path: str, depth: int
) -> "codec_sharding.Sharded":
    if depth >= _MAX_NESTING:
        raise FormatError(f"{path}: shards are nested too deeply")
    path = f"{path}.configuration"
    options = convert(configuration, _Sharding, path)
    shape, inner = spec.shape, options.chunk_shape
    if len(inner) != len(shape) or any(
        size < 1 or whole % size for whole, size in zip(shape, inner, strict=True)
    ):
        raise FormatError(f"{path}.chunk_shape: {list(inner)} does not divide {list(shape)}")
    if options.index_location not in ("start", "end"):
        raise FormatError(f"{path}.index_location: {options.index_location!r} is not start or end")
    grid = tuple(whole // size for whole, size in zip(shape, inner, strict=True))
    index_spec = ArraySpec((*grid, 2), np.dtype("uint64"), "uint64", np.uint64(2**64 - 1))
    index = _build(options.index_codecs, index_spec, f"{path}.index_codecs", depth=_MAX_NESTING)
    if index.sizes[-1] is None:
        raise FormatError(f"{path}.index_codecs: the index must not vary in size")
    return codec_sharding.Sharded(
        spec=spec,
        grid=grid,
        chunks=_build(
            options.codecs, replace(spec, shape=inner), f"{path}.codecs", depth=depth + 1
        ),
        index=index,
        index_nbytes=index.sizes[-1],
        is_index_first=options.index_location == "start",
    )
