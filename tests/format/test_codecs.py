import gc
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

from tests.format import zarr_peer
from tests.format.codec_documents import BIG, CHAINS, LITTLE, blosc, named, sharding
from tests.format.samples import FIXED_DTYPES, VARIABLE_TYPES, array_of, dtype_id, is_same
from vstore.errors import CorruptionError, FormatError, InvalidInputError
from vstore.format.codecs import ChunkCodec, preset
from vstore.format.metadata import ArrayMetadata

PRESETS = ["none", "fast", "balanced", "small"]


def codec_of(
    dtype: Any, shape: Any, codecs: Any = None, *, fill_value: Any = None, max_nbytes: Any = 2**31
) -> Any:
    metadata = ArrayMetadata.create(
        shape=shape, dtype=dtype, chunk_shape=shape, codecs=codecs, fill_value=fill_value
    )
    return ChunkCodec(metadata, max_nbytes=max_nbytes)


def chunk_of(dtype: Any, shape: tuple[int, ...] = (8, 8)) -> Any:
    """Return a chunk that compresses a little and that every codec can keep exactly."""
    if dtype in VARIABLE_TYPES:
        return array_of(dtype, shape)
    rng = np.random.default_rng(1)
    return rng.integers(0, 2 if dtype == "bool" else 50, shape).astype(dtype)


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


class TestDocuments:
    @pytest.mark.parametrize(
        ("dtype", "codecs", "words"),
        [
            ("int32", [LITTLE, named("zstd", level=23)], r"codecs\[1\].configuration: .*level"),
            ("int32", [LITTLE, named("zstd", speed=1)], "speed"),
            ("int32", [LITTLE, named("gzip", level=3, is_gzip=True)], "is_gzip"),
            ("int32", [LITTLE, named("blosc", cname="lz5")], "cname"),
            ("int32", [LITTLE, named("numcodecs.lzma", format=3)], "format"),
            ("int32", [named("bytes", endian="middle")], "endian"),
            ("int32", [{"name": "bytes"}], "int32 needs 'little' or 'big'"),
            ("int32", [named("zstd", level=1), LITTLE], "before the array becomes bytes"),
            ("int32", [LITTLE, LITTLE], "after the array became bytes"),
            ("int32", [LITTLE, named("transpose", order=[0, 1])], "after the array became bytes"),
            ("int32", [named("zstd", level=1)], "no codec turns the array into bytes"),
            ("int32", [named("vlen-utf8")], "needs the codec 'bytes'"),
            ("string", [LITTLE], "needs the codec 'vlen-utf8'"),
            ("string", [named("vlen-bytes")], "needs the codec 'vlen-utf8'"),
            ("string", [named("numcodecs.delta", dtype="O"), named("vlen-utf8")], "numeric"),
            ("int32", [named("transpose", order=[0, 0]), LITTLE], "order"),
            ("int32", [named("transpose", order=[0]), LITTLE], "order"),
            ("int32", [named("numcodecs.delta", dtype="O"), LITTLE], "not numeric"),
            ("int32", [named("numcodecs.delta", dtype="<i8"), LITTLE], "as wide"),
            ("int32", [named("numcodecs.delta"), LITTLE], "dtype"),
            ("int32", [named("numcodecs.packbits"), LITTLE], "needs dtype bool"),
            ("int32", [named("numcodecs.bitround", keepbits=3), LITTLE], "keepbits"),
            ("float32", [named("numcodecs.bitround", keepbits=24), LITTLE], "keepbits"),
            ("float32", [named("numcodecs.fixedscaleoffset", offset=0, scale=0), LITTLE], "scale"),
            ("float32", [named("numcodecs.quantize", digits=3, astype="<f2"), LITTLE], "quantize"),
            ("int32", [sharding((3, 8), LITTLE)], "does not divide"),
            ("int32", [sharding((8,), LITTLE)], "does not divide"),
            ("int32", [sharding((0, 8), LITTLE)], "does not divide"),
            ("int32", [sharding((8, 8), named("numcodecs.pickle"))], "numcodecs.pickle"),
            ("int32", [sharding((8, 8), LITTLE, location="middle")], "index_location"),
            ("int32", [LITTLE, *[{"name": "crc32c"}] * 16], "at most 16"),
        ],
        ids=repr,
    )
    def test_impossible_ones_are_refused_by_path(self, dtype: Any, codecs: Any, words: Any) -> None:
        document = ArrayMetadata.create(shape=(8, 8), dtype=dtype, chunk_shape=(8, 8)).to_dict()

        with pytest.raises(FormatError, match=words):
            ArrayMetadata.from_dict(document | {"codecs": codecs})

    def test_an_index_must_not_vary_in_size(self) -> None:
        shard = sharding((8, 8), LITTLE)
        shard["configuration"]["index_codecs"] = [LITTLE, named("zstd", level=1)]

        with pytest.raises(InvalidInputError, match="must not vary"):
            codec_of("int32", (8, 8), [shard])

    def test_shards_are_not_nested_for_ever(self) -> None:
        codecs = [LITTLE]
        for _ in range(10):
            codecs = [sharding((8, 8), *codecs)]

        with pytest.raises(InvalidInputError, match="nested too deeply"):
            codec_of("int32", (8, 8), codecs)

    def test_blosc_defaults_are_zarrs(self) -> None:
        codecs = [LITTLE, named("blosc", cname="zstd", clevel=5)]
        document = ArrayMetadata.create(
            shape=(8, 8), dtype="int32", chunk_shape=(8, 8), codecs=codecs
        ).to_dict()
        spelled = zarr_peer.normalized(document)["codecs"]

        chunk = chunk_of("int32")

        assert spelled[1]["configuration"]["typesize"] == 4
        assert bytes(codec_of("int32", (8, 8), codecs).encode(chunk)) == bytes(
            codec_of("int32", (8, 8), spelled).encode(chunk)
        )


class TestShards:
    def test_chunks_of_fill_values_are_left_out(self) -> None:
        codec = codec_of("int32", (8, 8), [sharding((2, 8), LITTLE)], fill_value=7)
        chunk = np.full((8, 8), 7, "int32")
        chunk[2:4] = 1

        data = codec.encode(chunk)

        assert len(data) == 64 + 4 * 16 + 4
        assert is_same(codec.decode(data), chunk)

    def test_zarr_reads_a_shard_with_chunks_left_out(self) -> None:
        metadata = ArrayMetadata.create(
            shape=(8, 8),
            dtype="int32",
            chunk_shape=(8, 8),
            codecs=[sharding((2, 4), LITTLE, blosc())],
            fill_value=7,
        )
        chunk = np.full((8, 8), 7, "int32")
        chunk[5, 5] = 1

        theirs = zarr_peer.write(metadata.to_dict(), chunk)["c/0/0"]
        own = ChunkCodec(metadata).encode(chunk)

        assert is_same(zarr_peer.read(metadata.to_dict(), {"c/0/0": own}), chunk)
        assert is_same(ChunkCodec(metadata).decode(theirs), chunk)

    def test_minus_zero_is_not_left_out(self) -> None:
        codec = codec_of("float32", (4,), [sharding((2,), LITTLE)])
        chunk = np.array([0, -0.0, 0, 0], "float32")

        assert is_same(codec.decode(codec.encode(chunk)), chunk)


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


SCALED = [
    named("numcodecs.fixedscaleoffset", offset=0, scale=255, dtype="<f4", astype="|u1"),
    LITTLE,
]


class TestExactness:
    """Filters may lose something; a chunk is stored only if it comes back as it was."""

    def test_exact_chunks_pass(self) -> None:
        codec = codec_of("float32", (256,), SCALED)
        chunk = (np.arange(256) / np.float32(255)).astype("float32")

        document = ArrayMetadata.create(
            shape=(256,), dtype="float32", chunk_shape=(256,), codecs=SCALED
        ).to_dict()

        assert len(codec.encode(chunk)) == 256
        assert is_same(codec.decode(codec.encode(chunk)), chunk)
        assert is_same(zarr_peer.read(document, {"c/0": codec.encode(chunk)}), chunk)
        assert bytes(codec.encode(chunk)) == zarr_peer.write(document, chunk)["c/0"]

    @pytest.mark.parametrize("value", [0.5, -0.0, np.nan, 2.0])
    def test_other_chunks_are_refused(self, value: Any) -> None:
        codec = codec_of("float32", (4,), SCALED)

        with pytest.raises(InvalidInputError, match=r"numcodecs.fixedscaleoffset.* would change"):
            codec.encode(np.full(4, value, "float32"))

    @pytest.mark.parametrize(
        "codec",
        [
            named("numcodecs.bitround", keepbits=3),
            named("numcodecs.quantize", digits=1, dtype="<f4"),
            named("numcodecs.astype", encode_dtype="<f2", decode_dtype="<f4"),
            named("numcodecs.delta", dtype="<f4"),
        ],
        ids=lambda codec: codec["name"],
    )
    def test_rounded_chunks_pass_and_others_do_not(self, codec: Any) -> None:
        own = codec_of("float32", (4,), [codec, LITTLE])
        rounded = np.array([0.5, 1, 1.5, 2], "float32")

        assert is_same(own.decode(own.encode(rounded)), rounded)
        with pytest.raises(InvalidInputError, match="would change"):
            own.encode(np.array([0.1, 1e9, 1e-9, 3.3], "float32"))

    def test_reads_what_zarr_wrote_with_loss(self) -> None:
        codecs = [named("numcodecs.bitround", keepbits=3), LITTLE]
        metadata = ArrayMetadata.create(
            shape=(4,), dtype="float32", chunk_shape=(4,), codecs=codecs
        )
        written = zarr_peer.write(metadata.to_dict(), np.array([0.1, 1e9, 1e-9, 3.3], "float32"))

        assert is_same(
            ChunkCodec(metadata).decode(written["c/0"]), zarr_peer.read(metadata.to_dict(), written)
        )


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
        codec = codec_of("int32", (8, 8), [LITTLE, blosc()])
        data = bytearray(codec.encode(chunk_of("int32")))
        data[16:] = bytes(len(data) - 16)

        with pytest.raises(CorruptionError):
            codec.decode(bytes(data))
        gc.collect()


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
