"""`numcodecs.pcodec`, where the library is installed."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import vstore
from tests.format.second_codecs import decode_chunk
from tests.format.zarr import zarr_peer
from tests.format.zarr.codec_documents import named
from tests.format.zarr.samples import codec_of, is_same
from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr.codec_choice import preset
from vstore.format.zarr.codec_pcodec import NUMBERS
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

pytest.importorskip("pcodec")

NAME = "numcodecs.pcodec"


@st.composite
def numbers(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    dtype = np.dtype(draw(st.sampled_from(sorted(NUMBERS))))
    bits = draw(npst.arrays(f"u{dtype.itemsize}", (draw(st.integers(1, 9)), 3)))
    return bits.view(dtype)


@settings(max_examples=60, deadline=None)
@given(numbers())
def test_every_bit_comes_back(array: np.ndarray[Any, Any]) -> None:
    codec = codec_of(array.dtype, array.shape, preset("pcodec", array.dtype))
    out = codec.fill()

    assert is_same(codec.decode(codec.encode(array)), array)
    assert codec.decode(codec.encode(array), out) is out
    assert is_same(out, array)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"level": 0, "mode_spec": "classic"},
        {"level": 12, "delta_spec": "try_consecutive", "delta_encoding_order": 2},
        {"delta_encoding_order": 1, "equal_pages_up_to": 10},
        {"delta_spec": "try_lookback", "paging_spec": "equal_pages_up_to"},
    ],
    ids=str,
)
def test_zarr_and_the_second_reader_read_and_write_the_same_chunks(options: Any) -> None:
    array = np.arange(56, dtype="int32").reshape(8, 7) ** 2
    codecs = [named(NAME, **options), named("zstd", level=1, checksum=False)]
    metadata = ArrayMetadata.create(shape=(8, 7), dtype="int32", chunk_shape=(8, 7), codecs=codecs)
    codec = ChunkCodec(metadata)
    own = bytes(codec.encode(array))
    theirs = zarr_peer.write(metadata.to_dict(), array)

    assert is_same(zarr_peer.read(metadata.to_dict(), {"c/0/0": own}), array)
    assert is_same(codec.decode(theirs["c/0/0"]), array)
    assert is_same(decode_chunk(own, metadata.to_dict(), (8, 7)), array)


@pytest.mark.parametrize("delta", ["none", "no_op"])
def test_both_names_for_no_deltas_mean_the_same(delta: str) -> None:
    array = np.arange(100, dtype="int32") ** 2
    codec = codec_of("int32", (100,), [named(NAME, delta_spec=delta)])
    assert is_same(codec.decode(codec.encode(array)), array)
    plain = codec_of("int32", (100,), [named(NAME)])
    assert len(codec.encode(array)) > len(plain.encode(array))


def test_what_has_more_or_fewer_numbers_is_refused() -> None:
    own = codec_of("int32", (10,), [named(NAME)])
    for count in (9, 11, 5000):
        other = codec_of("int32", (count,), [named(NAME)])
        with pytest.raises(CorruptionError):
            own.decode(other.encode(np.arange(count, dtype="int32")))
    with pytest.raises(CorruptionError):
        own.decode(codec_of("int64", (10,), [named(NAME)]).encode(np.arange(10)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_read(data: st.DataObject) -> None:
    codec = codec_of("int32", (500,), [named(NAME)])
    chunk = bytearray(codec.encode(np.arange(500, dtype="int32") % 37))
    for _ in range(data.draw(st.integers(1, 4))):
        chunk[data.draw(st.integers(0, len(chunk) - 1))] = data.draw(st.integers(0, 255))
    with suppress(CorruptionError):
        assert codec.decode(bytes(chunk)[: data.draw(st.integers(0, len(chunk)))]).shape == (500,)


@pytest.mark.parametrize(
    "options",
    [
        {"level": 13},
        {"delta_spec": "try_consecutive"},
        {"delta_spec": "none", "delta_encoding_order": 1},
        {"equal_pages_up_to": 0},
        {"more": 1},
    ],
    ids=str,
)
def test_documents_are_checked(options: Any) -> None:
    with pytest.raises(InvalidInputError):
        codec_of("int32", (4,), [named(NAME, **options)])


@pytest.mark.parametrize("dtype", ["uint8", "bool", "datetime64[s]", "complex64", "U3"])
def test_other_data_types_are_refused(dtype: str) -> None:
    with pytest.raises(InvalidInputError, match="does not take"):
        codec_of(dtype, (4,), [named(NAME)])
    with pytest.raises(InvalidInputError, match="does not take") as raised:
        preset("pcodec", dtype)
    assert raised.value.code == "codec-data-type"


def test_a_column_takes_it_with_patches() -> None:
    values = np.random.default_rng(0).normal(size=40_000).round(2)
    repo = vstore.create(f"memory://{uuid4()}")
    with repo.transaction("main", message="Add") as tx:
        spec = vstore.ndarray((), "float64", codecs="pcodec")
        tx.create_table("t", {"x": spec}).extend({"x": values})
    with repo.transaction("main", message="Change") as tx:
        tx["t"]["x"][17] = 4.25
    values[17] = 4.25
    found = repo.checkout("main")["t"]["x"]
    assert np.array_equal(found[:], values)
    assert found[17] == 4.25
