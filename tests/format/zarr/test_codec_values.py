"""`scale_offset` and `cast_value`: the rules of zarr-extensions, and nothing lost."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.format.zarr.codec_documents import LITTLE, named, sharding
from tests.format.zarr.samples import codec_of, is_same
from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr.codec_values import Cast, OutOfRange, Rounding
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
ROUNDINGS: list[Rounding] = [
    "nearest-even",
    "towards-zero",
    "towards-positive",
    "towards-negative",
    "nearest-away",
]

RULES: list[OutOfRange | None] = ["clamp", "wrap", None]


def chain(*filters: Any) -> list[Any]:
    return [*filters, LITTLE]


class TestExact:
    """What the codecs keep comes back bit for bit, and the rest is refused."""

    @pytest.mark.parametrize(
        ("chunk", "filters", "nbytes"),
        [
            (
                np.arange(256) / np.float32(255),
                [named("scale_offset", scale=255.0), named("cast_value", data_type="uint8")],
                256,
            ),
            (
                np.arange(256) / np.float32(127.5) - np.float32(1),
                [
                    named("scale_offset", offset=-1, scale=127.5),
                    named("cast_value", data_type="uint8"),
                ],
                256,
            ),
            (
                np.arange(256) / 100,
                [named("scale_offset", scale=100), named("cast_value", data_type="int16")],
                512,
            ),
            (
                np.arange(256) * 3 - 100,
                [named("cast_value", data_type="int16", out_of_range="wrap")],
                512,
            ),
            (np.arange(128, dtype="int16"), [named("scale_offset", offset=-5, scale=7)], 256),
            (
                np.where(np.arange(256) % 7, np.arange(256.0), np.nan),
                [
                    named(
                        "cast_value",
                        data_type="int16",
                        scalar_map={"encode": [["NaN", -1]], "decode": [[-1, "NaN"]]},
                    )
                ],
                512,
            ),
            (np.arange(16.0), [{"name": "scale_offset"}], 128),
        ],
    )
    def test_what_fits_comes_back(self, chunk: NDArray[Any], filters: Any, nbytes: int) -> None:
        codec = codec_of(chunk.dtype.name, chunk.shape, chain(*filters))

        assert len(codec.encode(chunk)) == nbytes
        assert is_same(codec.decode(codec.encode(chunk)), chunk)

    @pytest.mark.parametrize("value", [0.5, -0.0, np.nan, np.inf, 2.0, -1 / 255])
    def test_what_does_not_fit_is_refused(self, value: float) -> None:
        filters = named("scale_offset", scale=255.0), named("cast_value", data_type="uint8")
        codec = codec_of("float32", (4,), chain(*filters))

        with pytest.raises(InvalidInputError, match=r"\(scale_offset, cast_value\) would change"):
            codec.encode(np.full(4, value, "float32"))

    @pytest.mark.parametrize("value", [32767, -32768, 16384])
    def test_integers_never_wrap_silently(self, value: int) -> None:
        codec = codec_of("int16", (2,), chain(named("scale_offset", scale=2)))

        with pytest.raises(InvalidInputError, match="would change"):
            codec.encode(np.full(2, value, "int16"))

    def test_missing_inner_chunks_hold_the_fill_value(self) -> None:
        filters = (
            named("scale_offset", offset=-1, scale=127.5),
            named("cast_value", data_type="uint8"),
        )
        metadata = ArrayMetadata.create(
            shape=(8,),
            dtype="float32",
            chunk_shape=(8,),
            codecs=[*filters, sharding((4,), LITTLE)],
            fill_value=1.0,
        )
        chunk = np.array([1, 1, 1, 1, -1, 1, -1, 1], "float32")
        codec = ChunkCodec(metadata)

        data = codec.encode(chunk)

        assert len(data) == 4 + 2 * 16 + 4
        assert is_same(codec.decode(data), chunk)


class TestDamage:
    @pytest.mark.parametrize(
        ("dtype", "codecs", "stored"),
        [
            ("int16", chain(named("scale_offset", scale=2)), np.array([3, 4], "<i2")),
            ("int8", chain(named("scale_offset", offset=100)), np.array([100, 1], "i1")),
            ("uint8", chain(named("cast_value", data_type="int16")), np.array([300, 1], "<i2")),
            ("int8", chain(named("cast_value", data_type="float32")), np.array([np.nan, 1], "<f4")),
        ],
    )
    def test_what_nothing_decodes_to_is_refused(self, dtype: Any, codecs: Any, stored: Any) -> None:
        with pytest.raises(CorruptionError):
            codec_of(dtype, (2,), codecs).decode(stored.tobytes())


def expected(value: Fraction, target: str, rounding: Rounding) -> Fraction:
    """Return a number rounded to an integer by the words of the specification."""
    below, above = Fraction(value.__floor__()), Fraction(value.__ceil__())
    if rounding == "towards-negative":
        return below
    if rounding == "towards-positive":
        return above
    if rounding == "towards-zero":
        return below if value > 0 else above
    if value - below == above - value and below != above:
        away = above if value > 0 else below
        even = below if below % 2 == 0 else above
        return even if rounding == "nearest-even" else away
    return below if value - below < above - value else above


@given(st.data(), st.sampled_from(INTEGERS), st.sampled_from([*INTEGERS, *FLOATS]))
def test_integers_are_made_as_specified(data: st.DataObject, target: str, source: str) -> None:
    elements: NDArray[Any] = data.draw(
        arrays.arrays(source, 4)
        if source in INTEGERS
        else arrays.arrays(source, 4, elements={"allow_nan": False, "allow_infinity": False})
    )
    info = np.iinfo(target)
    for rounding, rule in product(ROUNDINGS, RULES):
        whole = [int(expected(Fraction(each.item()), target, rounding)) for each in elements]
        results = [_placed(each, info, rule) for each in whole]
        cast = Cast(np.dtype(target), rounding, rule, ())
        if None in results:
            with pytest.raises(ValueError, match="out of the range"):
                cast(elements)
        else:
            assert cast(elements).tolist() == results


def _placed(value: int, info: Any, rule: OutOfRange | None) -> int | None:
    if info.min <= value <= info.max:
        return value
    if rule == "clamp":
        return int(info.min if value < info.min else info.max)
    return None if rule is None else (value - info.min) % 2**info.bits + info.min


FROM_REFERENCE: list[tuple[str, str, float, list[float]]] = [
    ("float64", "float32", 0.1, [0.1, 0.099999994, 0.1, 0.099999994, 0.1]),
    ("float64", "float16", 2049, [2048, 2048, 2050, 2048, 2050]),
    ("float64", "float16", -2049, [-2048, -2048, -2048, -2050, -2050]),
    ("int32", "float32", 2**24 + 1, [2**24, 2**24, 2**24 + 2, 2**24, 2**24 + 2]),
    ("float32", "float16", 65519, [65504, 65504, np.inf, 65504, 65504]),
    ("float32", "float16", 65520, [np.inf, 65504, np.inf, 65504, np.inf]),
    ("float32", "float16", -65535.5, [-np.inf, -65504, -65504, -np.inf, -np.inf]),
    ("float64", "float32", -0.0, [-0.0] * 5),
    ("float64", "float32", np.inf, [np.inf] * 5),
]
"""What cast-value-rs, zarr-python's own library, makes of some numbers, for each way to round."""


@pytest.mark.parametrize(("source", "target", "value", "results"), FROM_REFERENCE)
def test_floats_are_made_as_by_zarr(source: str, target: str, value: Any, results: Any) -> None:
    for rounding, result in zip(ROUNDINGS, results, strict=True):
        cast = Cast(np.dtype(target), rounding, "clamp", ())
        assert is_same(cast(np.array([value], source)), np.array([result], target))
