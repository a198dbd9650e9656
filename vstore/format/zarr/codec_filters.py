"""The codecs that turn arrays into arrays: Zarr's own, and numcodecs' filters."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.zarr.codec_spec import ArraySpec, convert
from vstore.lazy import lazy

if TYPE_CHECKING:
    from numcodecs import astype, bitround, delta, fixedscaleoffset, packbits, quantize

    from vstore.format.zarr import codec_values
else:
    codec_values = lazy("vstore.format.zarr.codec_values")
    astype = lazy("numcodecs.astype")
    bitround = lazy("numcodecs.bitround")
    delta = lazy("numcodecs.delta")
    fixedscaleoffset = lazy("numcodecs.fixedscaleoffset")
    packbits = lazy("numcodecs.packbits")
    quantize = lazy("numcodecs.quantize")


class ArrayStage(Protocol):
    """A codec from arrays to arrays."""

    @property
    def encoded(self) -> ArraySpec:
        """What the array becomes."""

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the encoded array."""

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the decoded array."""

    @property
    def is_lossless(self) -> bool:
        """Whether every array comes back as it was; else that depends on its elements."""


@dataclass(frozen=True, slots=True)
class Transpose:
    """Zarr's `transpose`: other axes first, nothing copied."""

    is_lossless: ClassVar = True

    encoded: ArraySpec
    order: tuple[int, ...]
    inverse: tuple[int, ...]

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view with the axes in the stored order."""
        return array.transpose(self.order)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view with the axes in the array's order."""
        return array.transpose(self.inverse)


@dataclass(frozen=True, slots=True)
class Filter:
    """One of numcodecs' filters, which work on the elements in C order."""

    is_lossless: ClassVar = False

    decoded: ArraySpec
    encoded: ArraySpec
    codec: Any

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the filtered array."""
        with np.errstate(all="ignore"):
            filtered: NDArray[Any] = self.codec.encode(np.ascontiguousarray(array))
        return filtered.reshape(self.encoded.shape)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the elements again."""
        with np.errstate(all="ignore"):
            elements: NDArray[Any] = self.codec.decode(np.ascontiguousarray(array))
        return elements.view(self.decoded.dtype).reshape(self.decoded.shape)


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    order: tuple[int, ...]


class _Delta(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    astype: str | None = None


class _Scale(msgspec.Struct, forbid_unknown_fields=True):
    offset: float
    scale: float
    dtype: str | None = None
    astype: str | None = None


class _Digits(msgspec.Struct, forbid_unknown_fields=True):
    digits: Annotated[int, Meta(ge=-300, le=300)]
    dtype: str | None = None
    astype: str | None = None


class _AsType(msgspec.Struct, forbid_unknown_fields=True):
    encode_dtype: str
    decode_dtype: str | None = None


class _KeepBits(msgspec.Struct, forbid_unknown_fields=True):
    keepbits: Annotated[int, Meta(ge=0, le=52)]


class _NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    pass


def _transpose(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    order = convert(configuration, _Order, path).order
    if sorted(order) != list(range(len(spec.shape))):
        raise FormatError(f"{path}.order: {list(order)} is no order of {len(spec.shape)} axes")
    shape = tuple(spec.shape[axis] for axis in order)
    inverse = tuple(order.index(axis) for axis in range(len(order)))
    return Transpose(replace(spec, shape=shape), order, inverse)


def _delta(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    options = convert(configuration, _Delta, path)
    decoded = _dtype(options.dtype, spec, f"{path}.dtype")
    encoded = _dtype(options.astype, None, f"{path}.astype") if options.astype else decoded
    return _filter(spec, encoded, delta.Delta(decoded, encoded))


def _fixed_scale_offset(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    options = convert(configuration, _Scale, path)
    if not options.scale or not math.isfinite(options.scale):
        raise FormatError(f"{path}.scale: {options.scale!r} has no inverse")
    decoded = _dtype(options.dtype or spec.dtype.str, spec, f"{path}.dtype")
    encoded = _dtype(options.astype, None, f"{path}.astype") if options.astype else decoded
    # The numbers as given: numcodecs computes otherwise with 10 than with 10.0.
    offset, scale = configuration["offset"], configuration["scale"]
    return _filter(
        spec, encoded, fixedscaleoffset.FixedScaleOffset(offset, scale, decoded, encoded)
    )


def _quantize(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    options = convert(configuration, _Digits, path)
    decoded = _dtype(options.dtype or spec.dtype.str, spec, f"{path}.dtype")
    encoded = _dtype(options.astype or decoded.str, None, f"{path}.astype")
    if decoded.kind != "f" or encoded != decoded:
        raise FormatError(f"{path}: numcodecs.quantize needs one floating-point dtype")
    return _filter(spec, encoded, quantize.Quantize(options.digits, decoded, encoded))


def _packbits(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    convert(configuration, _NoOptions, path)
    if spec.dtype != np.bool_:
        raise FormatError(f"{path}: numcodecs.packbits needs dtype bool, not {spec.dtype}")
    shape = (1 + -(-spec.size // 8),)
    packed = replace(spec, shape=shape, dtype=np.dtype("uint8"), data_type="uint8")
    return Filter(spec, packed, packbits.PackBits())


def _astype(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    options = convert(configuration, _AsType, path)
    decoded = _dtype(options.decode_dtype or spec.dtype.str, spec, f"{path}.decode_dtype")
    encoded = _dtype(options.encode_dtype, None, f"{path}.encode_dtype")
    return _filter(spec, encoded, astype.AsType(encoded, decoded))


def _bitround(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    options = convert(configuration, _KeepBits, path)
    if spec.dtype.kind != "f" or options.keepbits > np.finfo(spec.dtype).nmant:
        raise FormatError(f"{path}.keepbits: {spec.dtype} has no {options.keepbits} bits to keep")
    return Filter(spec, spec, _RoundedBits(options.keepbits))


@dataclass(frozen=True, slots=True)
class _RoundedBits:
    """numcodecs' bitround without its detour over integers when decoding."""

    keepbits: int

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        rounded: NDArray[Any] = bitround.BitRound(self.keepbits).encode(array)
        return rounded.view(array.dtype)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        return array


def _filter(spec: ArraySpec, encoded: np.dtype[Any], codec: Any) -> ArrayStage:
    return Filter(spec, replace(spec, dtype=encoded, data_type=encoded.name), codec)


def _dtype(name: str, spec: ArraySpec | None, path: str) -> np.dtype[Any]:
    """Return a numeric dtype in native order, of the same width as the array's if given."""
    try:
        dtype = np.dtype(name).newbyteorder("=")
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error
    if dtype.kind not in "biufc":
        raise FormatError(f"{path}: {name!r} is not numeric")
    if spec is not None and dtype.itemsize != spec.dtype.itemsize:
        raise FormatError(f"{path}: {name!r} is not as wide as the array's {spec.dtype}")
    return dtype


_BUILDERS: Final[dict[str, Callable[[ArraySpec, dict[str, Any], str], ArrayStage]]] = {
    "transpose": _transpose,
    "scale_offset": lambda *given: codec_values.scale_offset(*given),
    "cast_value": lambda *given: codec_values.cast_value(*given),
    "numcodecs.delta": _delta,
    "numcodecs.fixedscaleoffset": _fixed_scale_offset,
    "numcodecs.quantize": _quantize,
    "numcodecs.packbits": _packbits,
    "numcodecs.astype": _astype,
    "numcodecs.bitround": _bitround,
}


def array_stage(name: str, spec: ArraySpec, configuration: dict[str, Any], path: str) -> ArrayStage:
    """Return the codec that a Zarr v3 document describes, or raise `FormatError`."""
    if name != "transpose" and spec.dtype.kind not in "biufc":
        raise FormatError(f"{path}: {name} needs a numeric dtype, not {spec.dtype}")
    return _BUILDERS[name](spec, configuration, f"{path}.configuration")
