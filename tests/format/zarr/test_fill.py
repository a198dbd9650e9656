from typing import Any

import numpy as np
import pytest

from tests.format.zarr.samples import (
    FIXED_DTYPES,
    VARIABLE_TYPES,
    array_of,
    codec_of,
    dtype_id,
)


class TestFill:
    @pytest.mark.parametrize("dtype", [*FIXED_DTYPES, *VARIABLE_TYPES], ids=dtype_id)
    def test_a_fill_chunk_is_fill_and_others_are_not(self, dtype: Any) -> None:
        value = array_of(dtype, (3,), seed=5)[1]
        codec = codec_of(dtype, (4, 7), fill_value=value)
        chunk = codec.fill()

        assert codec.is_fill(chunk)
        assert codec.is_fill(np.asfortranarray(chunk))
        assert codec.is_fill(np.broadcast_to(chunk[:1], (4, 7)))
        other = array_of(dtype, (3,), seed=8)[2]
        for position in [(0, 0), (2, 3), (3, 6)]:
            changed = chunk.copy()
            changed[position] = other if dtype != "bool" else not value
            assert not codec.is_fill(changed)

    def test_compares_bits(self) -> None:
        zero = codec_of("float32", (3,))
        nan = codec_of("float32", (3,), fill_value=np.float32("nan"))

        assert not zero.is_fill(np.array([0, -0.0, 0], "float32"))
        assert nan.is_fill(np.full(3, np.nan, "float32"))
        assert not nan.is_fill(np.array([0x7FC00000, 0x7FC00001, 0x7FC00000], "u4").view("f4"))

    def test_byte_order_does_not_matter(self) -> None:
        assert codec_of("int32", (3,), fill_value=1).is_fill(np.ones(3, ">i4"))
