import json
import pickle
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numcodecs import blosc as numcodecs_blosc

from tests.format.zarr import zarr_peer
from tests.format.zarr.codec_documents import BIG, CHAINS, LITTLE, blosc, named
from tests.format.zarr.samples import (
    FIXED_DTYPES,
    VARIABLE_TYPES,
    array_of,
    chunk_of,
    codec_of,
    dtype_id,
    is_same,
)
from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr.codec_choice import preset
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

PRESETS = ["none", "fast", "balanced", "small", "lz4"]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("dtype", [*FIXED_DTYPES, *VARIABLE_TYPES], ids=dtype_id)
class TestEveryDtype:
    def test_returns_every_bit(self, dtype: Any, name: Any) -> None:
        chunk = array_of(dtype, (4, 7))
        codec = codec_of(dtype, (4, 7), preset(name, dtype))

        assert is_same(codec.decode(codec.encode(chunk)), chunk)

    def test_decodes_into_a_given_array(self, dtype: Any, name: Any) -> None:
        chunk = array_of(dtype, (4, 7))
        codec = codec_of(dtype, (4, 7), preset(name, dtype))
        out = codec.fill()

        assert codec.decode(codec.encode(chunk), out) is out
        assert is_same(out, chunk)

    def test_zarr_reads_and_writes_the_same_chunks(self, dtype: Any, name: Any) -> None:
        array = array_of(dtype, (8, 7))
        metadata = ArrayMetadata.create(
            shape=(8, 7), dtype=dtype, chunk_shape=(4, 7), codecs=preset(name, dtype)
        )
        codec = ChunkCodec(metadata)

        own = {"c/0/0": codec.encode(array[:4]), "c/1/0": codec.encode(array[4:])}
        theirs = zarr_peer.write(metadata.to_dict(), array)

        assert is_same(zarr_peer.read(metadata.to_dict(), own), array)
        assert is_same(codec.decode(theirs["c/1/0"]), array[4:])


class TestRecords:
    record = np.dtype([("a", "i4"), ("b", [("c", "f8"), ("d", "S3")])])

    @pytest.mark.parametrize(
        ("serializer", "order"), [(LITTLE, "<"), ({"name": "bytes"}, "<"), (BIG, ">")], ids=str
    )
    def test_have_the_byte_order_that_is_named_or_little(self, serializer: Any, order: Any) -> None:
        chunk = array_of(self.record, (3, 4))
        codec = codec_of(self.record, (3, 4), [serializer])

        encoded = bytes(codec.encode(chunk))
        assert encoded == chunk.astype(self.record.newbyteorder(order)).tobytes()
        assert is_same(codec.decode(encoded), chunk)

    def test_new_ones_name_it_where_a_field_is_longer_than_a_byte(self) -> None:
        assert preset("none", self.record) == (LITTLE,)
        assert preset("none", [("a", "u1"), ("b", "?")]) == ({"name": "bytes"},)


@pytest.mark.parametrize("dtype", FIXED_DTYPES, ids=dtype_id)
class TestMemoryLayout:
    def test_big_endian_chunks_are_converted(self, dtype: Any) -> None:
        chunk = array_of(dtype, (4, 7))
        swapped = chunk.astype(chunk.dtype.newbyteorder(">"))
        codec = codec_of(dtype, (4, 7))

        assert bytes(codec.encode(swapped)) == bytes(codec.encode(chunk))
        assert codec.decode(codec.encode(swapped)).dtype == np.dtype(dtype)

    def test_order_does_not_matter(self, dtype: Any) -> None:
        chunk = array_of(dtype, (4, 7))
        codec = codec_of(dtype, (4, 7))
        spread = np.empty((8, 14), chunk.dtype)[::2, ::2]
        spread[...] = chunk

        assert bytes(codec.encode(np.asfortranarray(chunk))) == bytes(codec.encode(chunk))
        assert bytes(codec.encode(spread)) == bytes(codec.encode(chunk))

    def test_scalars(self, dtype: Any) -> None:
        chunk = array_of(dtype, ())
        codec = codec_of(dtype, ())

        decoded = codec.decode(codec.encode(chunk))

        assert decoded.shape == ()
        assert is_same(decoded, chunk)


@pytest.mark.parametrize("chain", CHAINS)
class TestEveryCodec:
    def test_returns_every_element(self, chain: Any) -> None:
        dtype, codecs = CHAINS[chain]
        chunk = chunk_of(dtype)
        codec = codec_of(dtype, (8, 8), codecs)
        out = codec.fill()

        codec.decode(codec.encode(chunk), out)

        assert is_same(codec.decode(codec.encode(chunk)), chunk)
        assert is_same(out, chunk)

    def test_zarr_reads_and_writes_the_same_chunks(self, chain: Any) -> None:
        dtype, codecs = CHAINS[chain]
        array = np.concatenate([chunk_of(dtype), chunk_of(dtype)[::-1]])
        metadata = ArrayMetadata.create(
            shape=(16, 8), dtype=dtype, chunk_shape=(8, 8), codecs=codecs
        )
        codec = ChunkCodec(metadata)

        own = {"c/0/0": codec.encode(array[:8]), "c/1/0": codec.encode(array[8:])}
        theirs = zarr_peer.write(metadata.to_dict(), array)

        assert is_same(zarr_peer.read(metadata.to_dict(), own), array)
        assert is_same(codec.decode(theirs["c/1/0"]), array[8:])

    def test_its_document_is_the_one_that_zarr_writes(self, chain: Any) -> None:
        dtype, codecs = CHAINS[chain]
        document = ArrayMetadata.create(
            shape=(16, 8), dtype=dtype, chunk_shape=(8, 8), codecs=codecs
        ).to_dict()

        written = zarr_peer.normalized(document)

        assert ArrayMetadata.from_dict(written).to_dict() == written

    def test_equal_chunks_give_equal_bytes(self, chain: Any) -> None:
        dtype, codecs = CHAINS[chain]
        first = bytes(codec_of(dtype, (8, 8), codecs).encode(chunk_of(dtype)))

        time.sleep(0.001)

        assert bytes(codec_of(dtype, (8, 8), codecs).encode(chunk_of(dtype))) == first

    def test_pickles(self, chain: Any) -> None:
        dtype, codecs = CHAINS[chain]
        codec = codec_of(dtype, (8, 8), codecs)
        chunk = chunk_of(dtype)

        again = pickle.loads(pickle.dumps(codec))

        assert is_same(again.decode(codec.encode(chunk)), chunk)


class TestArguments:
    @pytest.mark.parametrize(
        "chunk",
        [
            np.zeros((4, 6), "int32"),
            np.zeros((28,), "int32"),
            np.zeros((4, 7), "int64"),
            np.zeros((4, 7), "float32"),
            np.zeros((4, 7), "U3"),
        ],
        ids=lambda chunk: f"{chunk.shape} {chunk.dtype}",
    )
    def test_other_chunks_are_refused(self, chunk: Any) -> None:
        codec = codec_of("int32", (4, 7))

        with pytest.raises(InvalidInputError, match=r"int32|shape"):
            codec.encode(chunk)
        with pytest.raises(InvalidInputError, match=r"int32|shape"):
            codec.is_fill(chunk)

    @pytest.mark.parametrize(
        "out",
        [
            np.zeros((4, 6), "int32"),
            np.zeros((4, 7), "int64"),
            np.zeros((4, 7), ">i4"),
            np.zeros((4, 7), "int32", order="F"),
            np.zeros((8, 7), "int32")[::2],
        ],
        ids=lambda out: f"{out.shape} {out.dtype} {out.strides}",
    )
    def test_other_outputs_are_refused(self, out: Any) -> None:
        codec = codec_of("int32", (4, 7))

        with pytest.raises(InvalidInputError, match="C-contiguous"):
            codec.decode(codec.encode(codec.fill()), out)

    def test_a_read_only_output_is_refused(self) -> None:
        codec = codec_of("int32", (4, 7))
        out = codec.fill()
        out.flags.writeable = False

        with pytest.raises(InvalidInputError, match="writable"):
            codec.decode(codec.encode(codec.fill()), out)

    def test_shorter_text_is_widened(self) -> None:
        codec = codec_of("U5", (2,))

        assert codec.decode(codec.encode(np.array(["ab", "c"]))).tolist() == ["ab", "c"]
        with pytest.raises(InvalidInputError, match="U"):
            codec.encode(np.array(["abcdefg", "c"]))

    def test_padded_structures_are_packed(self) -> None:
        padded = np.zeros(3, np.dtype([("a", "int8"), ("b", "int64")], align=True))
        padded["b"] = [1, 2, 3]
        codec = codec_of(padded.dtype, (3,))

        assert codec.decode(codec.encode(padded)).tolist() == padded.tolist()

    @pytest.mark.parametrize("data", [b"", memoryview(b""), np.zeros(3, "uint8").data])
    def test_any_bytes_are_taken(self, data: Any) -> None:
        with pytest.raises(CorruptionError):
            codec_of("int32", (4, 7)).decode(data)

    def test_raw_chunks_are_not_copied(self) -> None:
        codec = codec_of("int32", (4, 7), preset("none", "int32"))
        chunk = array_of("int32")

        data = codec.encode(chunk)

        assert np.shares_memory(np.frombuffer(data, "int32"), chunk)
        assert np.shares_memory(codec.decode(data), chunk)

    def test_misaligned_raw_chunks_are_copied(self) -> None:
        codec = codec_of("int32", (4, 7), preset("none", "int32"))
        chunk = array_of("int32")

        decoded = codec.decode(memoryview(b"x" + bytes(codec.encode(chunk)))[1:])

        assert decoded.flags.aligned
        assert is_same(decoded, chunk)


class TestThreads:
    def test_many_at_once(self) -> None:
        codec = codec_of("int32", (64, 64), [LITTLE, blosc()])
        chunks = [array_of("int32", (64, 64), seed) for seed in range(8)]

        def turn(i: Any) -> Any:
            chunk = chunks[i % 8]
            return is_same(codec.decode(codec.encode(chunk), codec.fill()), chunk)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(turn, range(200)))

    def test_blosc_gives_the_same_bytes_on_the_main_thread(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(numcodecs_blosc, "use_threads", None)
        codec = codec_of("int64", (1 << 17,), [LITTLE, blosc("zstd", typesize=8)])
        chunk = np.cumsum(np.random.default_rng(0).integers(0, 9, 1 << 17))
        assert threading.current_thread() is threading.main_thread()

        encoded = {bytes(codec.encode(chunk)) for _ in range(8)}
        with ThreadPoolExecutor(1) as pool:
            encoded.add(bytes(pool.submit(codec.encode, chunk).result()))

        assert len(encoded) == 1
        assert is_same(codec.decode(encoded.pop()), chunk)
        assert numcodecs_blosc.use_threads is None

    def test_blosc_refuses_to_encode_with_its_threads(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(numcodecs_blosc, "use_threads", None)
        codec = codec_of("int32", (8, 8), [LITTLE, blosc()])
        data = codec.encode(chunk_of("int32"))
        monkeypatch.setattr(numcodecs_blosc, "use_threads", True)

        with pytest.raises(InvalidInputError, match="use_threads"):
            codec.encode(chunk_of("int32"))
        assert is_same(codec.decode(data), chunk_of("int32"))

    def test_errors_come_back_to_the_main_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(numcodecs_blosc, "use_threads", None)
        codec = codec_of("int32", (8, 8), [LITTLE, blosc("snappy")])

        with pytest.raises(InvalidInputError, match="snappy"):
            codec.encode(chunk_of("int32"))


def test_gzip_has_no_time_stamp() -> None:
    codec = codec_of("int32", (8, 8), [LITTLE, named("gzip", level=5)])

    data = codec.encode(chunk_of("int32"))

    assert bytes(data[4:8]) == bytes(4)
    assert zlib.decompress(data, 31) == chunk_of("int32").tobytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_chunk_comes_back(data: Any) -> None:
    dtype = data.draw(st.sampled_from(["bool", "int8", ">u2", "float32", "complex64", "M8[s]"]))
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=3, max_side=6))
    chunk = data.draw(npst.arrays(np.dtype(dtype), shape))
    name = data.draw(st.sampled_from(PRESETS))
    codecs = list(preset(name, np.dtype(dtype)))
    if data.draw(st.booleans()):
        codecs.insert(
            0, named("transpose", order=list(data.draw(st.permutations(range(len(shape))))))
        )
    if np.dtype(dtype).itemsize > 1 and data.draw(st.booleans()):
        codecs[codecs.index(LITTLE)] = BIG

    codec = codec_of(np.dtype(dtype), shape, codecs)

    assert is_same(codec.decode(codec.encode(chunk)), chunk)
    assert json.loads(json.dumps(codecs)) == codecs
