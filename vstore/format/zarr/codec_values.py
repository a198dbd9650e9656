"""Zarr's `scale_offset` and `cast_value`: numbers as other numbers, of the same type or another.

The rules are those of zarr-extensions: arithmetic is that of the array's data type, what a type
cannot hold is an error and never wraps silently, and NaN and infinity become integers only where
a map says which.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.zarr.codec_spec import ArraySpec, convert
from vstore.format.zarr.dtypes import dtype_from
from vstore.format.zarr.fill_value import decode_fill_value

Rounding = Literal[
    "nearest-even", "towards-zero", "towards-positive", "towards-negative", "nearest-away"
]
OutOfRange = Literal["clamp", "wrap"]


@dataclass(frozen=True, slots=True)
class ScaleOffset:
    """`(element - offset) * scale`, and back, in the array's own data type."""

    is_lossless: ClassVar = False

    encoded: ArraySpec
    offset: Any
    scale: Any

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the scaled elements, or raise `ValueError` where they leave the data type."""
        if array.dtype.kind == "f":
            with np.errstate(all="ignore"):
                return np.asarray((array - self.offset) * self.scale)
        _require_range(array, lambda value: value - int(self.offset))
        shifted = array - self.offset
        _require_range(shifted, lambda value: value * int(self.scale))
        return np.asarray(shifted * self.scale)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the elements again, or raise `ValueError` where they leave the data type."""
        if array.dtype.kind == "f":
            with np.errstate(all="ignore"):
                result = np.asarray(array / self.scale)
                result += self.offset
                return result
        _require_range(array, lambda value: value // int(self.scale))
        if (array % self.scale).any():
            raise ValueError(f"an element is no multiple of the scale {self.scale}")
        quotient = array // self.scale
        _require_range(quotient, lambda value: value + int(self.offset))
        return np.asarray(quotient + self.offset)


def _require_range(array: NDArray[Any], function: Callable[[int], int]) -> None:
    """Raise `ValueError` unless a monotonic function leaves all integers in their data type."""
    if not array.size:
        return
    info = np.iinfo(array.dtype)
    ends = function(int(array.min())), function(int(array.max()))
    if min(ends) < info.min or max(ends) > info.max:
        raise ValueError(f"scale_offset makes numbers that {array.dtype} cannot hold")


@dataclass(frozen=True, slots=True)
class Cast:
    """How numbers become numbers of another data type."""

    target: np.dtype[Any]
    rounding: Rounding
    out_of_range: OutOfRange | None
    mapped: tuple[tuple[Any, Any], ...]
    """Elements, and what they become whatever the rules say; of equal ones the first counts."""

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers, or raise `ValueError` where the data type cannot hold them."""
        if not self.mapped:
            return self._cast(array)
        is_mapped = np.zeros(array.shape, bool)
        masks = []
        for source, _ in self.mapped:
            mask = (np.isnan(array) if np.isnan(source) else array == source) & ~is_mapped
            masks.append(mask)
            is_mapped |= mask
        result = self._cast(np.where(is_mapped, array.dtype.type(0), array))
        for mask, (_, value) in zip(masks, self.mapped, strict=True):
            result[mask] = value
        return result

    def _cast(self, array: NDArray[Any]) -> NDArray[Any]:
        is_wide = array.dtype.kind != "f" and array.dtype.itemsize == 8
        if np.can_cast(array.dtype, self.target, "safe") and not is_wide:
            return array.astype(self.target)
        with np.errstate(all="ignore"):
            return self._to_floats(array) if self.target.kind == "f" else self._to_integers(array)

    def _to_integers(self, array: NDArray[Any]) -> NDArray[Any]:
        info = np.iinfo(self.target)
        if array.dtype.kind != "f":
            is_below, is_above = array < info.min, array > info.max
            return self._within(array, is_below, is_above, lambda wide: wide.astype(self.target))
        if not np.isfinite(array).all():
            raise ValueError(f"{self.target} holds no NaN and no infinity")
        rounded = _ROUND[self.rounding](array.astype(np.float64))
        is_below, is_above = rounded < float(info.min), rounded >= float(info.max) + 1.0
        return self._within(rounded, is_below, is_above, lambda wide: _wrapped(wide, self.target))

    def _within(
        self,
        array: NDArray[Any],
        is_below: NDArray[np.bool_],
        is_above: NDArray[np.bool_],
        wrap: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> NDArray[Any]:
        """Return numbers as the target's integers, of which some are below or above all these."""
        is_outside = is_below | is_above
        if not is_outside.any():
            return array.astype(self.target)
        if self.out_of_range is None:
            raise ValueError(f"a number is out of the range of {self.target}")
        if self.out_of_range == "wrap":
            return wrap(array)
        info = np.iinfo(self.target)
        result = np.where(is_outside, array.dtype.type(0), array).astype(self.target)
        result[is_below], result[is_above] = info.min, info.max
        return result

    def _to_floats(self, array: NDArray[Any]) -> NDArray[Any]:
        result = array.astype(self.target)
        if self.rounding != "nearest-even":
            wide = array.astype(np.float64)
            if array.dtype.kind != "f" and np.abs(wide).max(initial=0) >= 2**53:
                raise ValueError(f"integers of more than 53 bits are not rounded {self.rounding}")
            result = _directed(wide, result, self.rounding)
        if (np.isinf(result) & np.isfinite(array)).any() and self.out_of_range is None:
            raise ValueError(f"a number is out of the range of {self.target}")
        return result


def _directed(exact: NDArray[Any], nearest: NDArray[Any], rounding: Rounding) -> NDArray[Any]:
    """Return the neighbor of each nearest float that a way of rounding asks for."""
    wide = nearest.astype(np.float64)
    away = np.where(exact < wide, -np.inf, np.inf)
    neighbor = np.nextafter(nearest, away.astype(nearest.dtype))
    if rounding == "nearest-away":
        is_tie = np.abs(exact - wide) == np.abs(neighbor.astype(np.float64) - exact)
        takes = is_tie & (np.abs(neighbor) > np.abs(nearest))
    elif rounding == "towards-zero":
        takes = np.abs(wide) > np.abs(exact)
    else:
        takes = wide < exact if rounding == "towards-positive" else wide > exact
    is_near = np.isfinite(nearest) | (np.abs(exact) < _limit(nearest.dtype))
    return np.where(takes & is_near, neighbor, nearest)


def _limit(dtype: np.dtype[Any]) -> float:
    """Return the least number that no rounding makes a finite one of the data type."""
    exponent = np.finfo(dtype).maxexp
    return math.inf if exponent > 1023 else 2.0**exponent


def _away(values: NDArray[Any]) -> NDArray[Any]:
    """Round to the nearest integer, a half away from zero."""
    whole = np.trunc(values)
    return np.asarray(whole + np.where(np.abs(values - whole) >= 0.5, np.sign(values), 0))


def _wrapped(values: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Return whole floats modulo the number of integers of a type."""
    bits = 8 * target.itemsize
    rest = np.fmod(values, 2.0**bits)
    magnitude = np.abs(rest).astype(np.uint64)
    modular = np.where(rest < 0, np.uint64(0) - magnitude, magnitude)
    return np.asarray(modular.astype(f"u{target.itemsize}").view(target))


_ROUND: Final[dict[Rounding, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "nearest-even": np.rint,
    "towards-zero": np.trunc,
    "towards-positive": np.ceil,
    "towards-negative": np.floor,
    "nearest-away": _away,
}


@dataclass(frozen=True, slots=True)
class CastValue:
    """Elements as numbers of another data type."""

    is_lossless: ClassVar = False

    encoded: ArraySpec
    encode: Cast
    decode: Cast


class _ScaleOffset(msgspec.Struct, forbid_unknown_fields=True):
    offset: Any = 0
    scale: Any = 1


class _ScalarMap(msgspec.Struct, forbid_unknown_fields=True):
    encode: list[tuple[Any, Any]] = []
    decode: list[tuple[Any, Any]] = []


class _CastValue(msgspec.Struct, forbid_unknown_fields=True):
    data_type: Any
    rounding: Rounding = "nearest-even"
    out_of_range: OutOfRange | msgspec.UnsetType | None = msgspec.UNSET
    scalar_map: _ScalarMap | msgspec.UnsetType = msgspec.UNSET


def scale_offset(spec: ArraySpec, configuration: dict[str, Any], path: str) -> ScaleOffset:
    """Return the codec that a document describes, or raise `FormatError`."""
    _require_real(spec.dtype, path)
    options = convert(configuration, _ScaleOffset, path)
    offset = _scalar(options.offset, spec.data_type, f"{path}.offset")
    scale = _scalar(options.scale, spec.data_type, f"{path}.scale")
    if not np.isfinite(offset) or not np.isfinite(scale) or scale == 0:
        raise FormatError(f"{path}: the scale {scale!r} or the offset {offset!r} has no inverse")
    codec = ScaleOffset(spec, offset, scale)
    return replace(codec, encoded=replace(spec, fill_value=_encoded_fill(codec.encode, spec, path)))


def cast_value(spec: ArraySpec, configuration: dict[str, Any], path: str) -> CastValue:
    """Return the codec that a document describes, or raise `FormatError`."""
    _require_real(spec.dtype, path)
    options = convert(configuration, _CastValue, path)
    data_type = options.data_type
    if isinstance(data_type, dict) and data_type.keys() == {"name"}:
        data_type = data_type["name"]
    target = dtype_from(data_type)
    _require_real(target, f"{path}.data_type")
    if options.out_of_range is None:
        raise FormatError(f"{path}.out_of_range: expected `clamp` or `wrap`")
    rule = None if options.out_of_range is msgspec.UNSET else options.out_of_range
    if rule == "wrap" and target.kind == "f":
        raise FormatError(f"{path}.out_of_range: {target} does not wrap around")
    maps = _ScalarMap() if options.scalar_map is msgspec.UNSET else options.scalar_map
    there = _pairs(maps.encode, spec.data_type, data_type, f"{path}.scalar_map.encode")
    back = _pairs(maps.decode, data_type, spec.data_type, f"{path}.scalar_map.decode")
    encode = Cast(target, options.rounding, rule, there)
    # What does not wrap is refused, as where nothing is said of numbers out of range.
    back_rule = None if rule == "wrap" and spec.dtype.kind == "f" else rule
    decode = Cast(spec.dtype, options.rounding, back_rule, back)
    fill = _encoded_fill(encode, spec, path)
    encoded = replace(spec, dtype=target, data_type=data_type, fill_value=fill)
    return CastValue(encoded, encode, decode)


def _require_real(dtype: np.dtype[Any], path: str) -> None:
    if dtype.kind not in "iuf":
        raise FormatError(f"{path}: {dtype} is no type of integers or floats")


def _scalar(value: Any, data_type: Any, path: str) -> Any:
    if type(value) is int and dtype_from(data_type).kind == "f":
        value = float(value)
    try:
        return decode_fill_value(data_type, value)
    except FormatError as exc:
        raise FormatError(f"{path}: {exc}") from exc


def _pairs(
    pairs: Sequence[tuple[Any, Any]], source: Any, target: Any, path: str
) -> tuple[tuple[Any, Any], ...]:
    return tuple((_scalar(a, source, path), _scalar(b, target, path)) for a, b in pairs)


def _encoded_fill(
    encode: Callable[[NDArray[Any]], NDArray[Any]], spec: ArraySpec, path: str
) -> Any:
    try:
        return encode(np.array([spec.fill_value], spec.dtype))[0]
    except ValueError as exc:
        raise FormatError(f"{path}: the fill value {spec.fill_value!r}: {exc}") from exc
