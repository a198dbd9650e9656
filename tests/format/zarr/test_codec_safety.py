"""Stored bytes are not trusted: whatever they are, a `VstoreError` or a chunk comes of them."""

import bz2
import gzip
import lzma
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import blosc as numcodecs_blosc
from numcodecs import lz4 as numcodecs_lz4
from numcodecs import zstd as numcodecs_zstd

from tests.format.zarr.codec_documents import CHAINS, LITTLE, blosc, named, sharding
from tests.format.zarr.samples import chunk_of, codec_of, is_same
from vstore.errors import CorruptionError, VstoreError
from vstore.format.zarr.codec_zstd import content_size

MIB = 2**20
BOMB = bytes(64 * MIB)


@contextmanager
def within(nbytes: int) -> Iterator[None]:
    """Fail if Python or NumPy hold more than so many bytes more at any time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < nbytes, f"{peak} bytes were held"


def zstd_block(kind: int, content: bytes, nbytes: int, *, last: bool) -> bytes:
    return (int(last) | kind << 1 | nbytes << 3).to_bytes(3, "little") + content


def zstd_frame(*blocks: bytes) -> bytes:
    """Return a frame that does not say how much it decodes to."""
    return struct.pack("<IBB", 0xFD2FB528, 0, 0x58) + b"".join(blocks)


def endless_zstd(nbytes: int) -> bytes:
    """Return a frame of repeated zeros: four bytes for each 128 KiB."""
    count = nbytes // (128 * 1024)
    return zstd_frame(
        *(zstd_block(1, b"\0", 128 * 1024, last=i == count - 1) for i in range(count))
    )


BOMBS: dict[str, tuple[dict[str, Any], bytes]] = {
    "zstd": (named("zstd", level=3), numcodecs_zstd.compress(BOMB)),
    "zstd of unknown size": (named("zstd", level=3), endless_zstd(64 * MIB)),
    "zstd in two frames": (
        named("zstd", level=3),
        numcodecs_zstd.compress(bytes(256)) + numcodecs_zstd.compress(BOMB),
    ),
    "gzip": (named("gzip", level=3), gzip.compress(BOMB)),
    "zlib": (named("numcodecs.zlib", level=3), zlib.compress(BOMB)),
    "bz2": (named("numcodecs.bz2", level=9), bz2.compress(BOMB)),
    "lzma": (named("numcodecs.lzma", preset=1), lzma.compress(BOMB, preset=0)),
    "lz4": (named("numcodecs.lz4", acceleration=1), numcodecs_lz4.compress(BOMB)),
    "blosc": (blosc(), numcodecs_blosc.compress(BOMB, b"lz4", 9, 1)),
}


@pytest.mark.parametrize("name", BOMBS)
class TestBombs:
    def test_are_refused_before_they_burst(self, name: str) -> None:
        codec_document, bomb = BOMBS[name]
        codec = codec_of("int32", (8, 8), [LITTLE, codec_document])

        with within(8 * MIB), pytest.raises(CorruptionError):
            codec.decode(bomb)

    def test_are_refused_inside_other_codecs(self, name: str) -> None:
        codec_document, bomb = BOMBS[name]
        codecs = [LITTLE, named("zstd", level=1), codec_document, {"name": "crc32c"}]
        crc = codec_of("uint8", (len(bomb),), [{"name": "bytes"}, {"name": "crc32c"}])
        codec = codec_of("int32", (8, 8), codecs)

        with within(8 * MIB), pytest.raises(CorruptionError):
            codec.decode(crc.encode(np.frombuffer(bomb, "uint8")))

    def test_are_refused_in_shards(self, name: str) -> None:
        codec_document, bomb = BOMBS[name]
        inner = sharding((8, 8), LITTLE, codec_document)
        inner["configuration"]["index_codecs"] = [LITTLE]
        codec = codec_of("int32", (8, 8), [inner])

        with within(8 * MIB), pytest.raises(CorruptionError):
            codec.decode(bomb + struct.pack("<QQ", 0, len(bomb)))

    def test_are_refused_where_samples_differ_in_size(self, name: str) -> None:
        codec_document, bomb = BOMBS[name]
        codec = codec_of("string", (8,), [named("vlen-utf8"), codec_document], max_nbytes=MIB)

        with within(8 * MIB), pytest.raises(CorruptionError):
            codec.decode(bomb)


class TestDamage:
    @pytest.mark.parametrize("chain", CHAINS)
    def test_never_breaks_anything(self, chain: str) -> None:
        dtype, codecs = CHAINS[chain]
        codec = codec_of(dtype, (8, 8), codecs)
        data = bytes(codec.encode(chunk_of(dtype)))
        rng = np.random.default_rng(0)

        for _ in range(60):
            damaged = bytearray(data)
            for position in rng.integers(0, len(data), rng.integers(1, 4)):
                damaged[position] ^= 1 << int(rng.integers(8))
            with suppress(VstoreError):
                chunk = codec.decode(bytes(damaged))
                assert chunk.shape == (8, 8)
                assert repr(chunk)

    @pytest.mark.parametrize("chain", CHAINS)
    def test_no_length_but_the_right_one_is_taken(self, chain: str) -> None:
        dtype, codecs = CHAINS[chain]
        codec = codec_of(dtype, (8, 8), codecs)
        data = bytes(codec.encode(chunk_of(dtype)))

        for length in {0, 1, 3, 4, 7, 8, len(data) // 2, len(data) - 1}:
            with pytest.raises(CorruptionError):
                codec.decode(data[:length])
        for longer in (data + b"\0", data + data):
            with suppress(CorruptionError):
                assert is_same(codec.decode(longer), chunk_of(dtype))

    @pytest.mark.parametrize(
        "chain", [chain for chain in CHAINS if "32" in chain or "checksum" in chain]
    )
    def test_checksums_notice_any_flipped_bit(self, chain: str) -> None:
        dtype, codecs = CHAINS[chain]
        codec = codec_of(dtype, (8, 8), codecs)
        data = bytearray(codec.encode(chunk_of(dtype)))

        for position in range(len(data)):
            data[position] ^= 4
            with suppress(CorruptionError):
                assert is_same(codec.decode(bytes(data)), chunk_of(dtype))
                assert chain == "zstd with checksum"  # whose header has unused bits
            data[position] ^= 4

    @settings(max_examples=100, deadline=None)
    @given(data=st.binary(max_size=300), chain=st.sampled_from(sorted(CHAINS)))
    def test_junk_is_never_decoded_wrongly_typed(self, data: bytes, chain: str) -> None:
        dtype, codecs = CHAINS[chain]
        with suppress(VstoreError):
            assert codec_of(dtype, (8, 8), codecs).decode(data).shape == (8, 8)

    def test_a_bool_is_true_or_false(self) -> None:
        with pytest.raises(CorruptionError, match="neither true nor false"):
            codec_of("bool", (4,), [{"name": "bytes"}]).decode(b"\0\1\2\1")

    def test_text_is_unicode(self) -> None:
        with pytest.raises(CorruptionError, match="Unicode"):
            codec_of("U1", (2,), [LITTLE]).decode(b"a\0\0\0\0\0\x11\0")

    def test_text_and_bools_in_structures_are_checked_too(self) -> None:
        codec = codec_of([("a", "bool"), ("b", [("c", "U1")])], (1,), [{"name": "bytes"}])

        assert codec.decode(b"\1a\0\0\0").tolist() == [(True, ("a",))]
        with pytest.raises(CorruptionError, match="neither true nor false"):
            codec.decode(b"\2a\0\0\0")
        with pytest.raises(CorruptionError, match="Unicode"):
            codec.decode(b"\1\0\0\x11\0")


class TestShards:
    @pytest.fixture
    def shard(self) -> dict[str, Any]:
        document = sharding((4, 8), LITTLE)
        document["configuration"]["index_codecs"] = [LITTLE]
        return document

    @pytest.mark.parametrize(
        "entry", [(0, 127), (0, 129), (2**63, 128), (129, 128), (0, 2**64 - 1), (2**64 - 2, 1)]
    )
    def test_chunks_outside_are_refused(
        self, shard: dict[str, Any], entry: tuple[int, int]
    ) -> None:
        codec = codec_of("int32", (8, 8), [shard])
        data = bytes(128) + struct.pack("<4Q", 0, 128, *entry)

        with pytest.raises(CorruptionError):
            codec.decode(data)

    def test_a_huge_index_is_not_allocated(self, shard: dict[str, Any]) -> None:
        shard["configuration"]["chunk_shape"] = [1, 1]
        codec = codec_of("int8", (2**15, 2**15), [shard])

        with within(MIB), pytest.raises(CorruptionError, match="too short"):
            codec.decode(bytes(100))

    def test_chunks_that_share_bytes_do_not_multiply(self) -> None:
        document = sharding((1,), named("vlen-bytes"))
        document["configuration"]["index_codecs"] = [LITTLE]
        codec = codec_of("bytes", (1000,), [document], max_nbytes=4 * MIB)
        sample = codec_of("bytes", (1,), [named("vlen-bytes")]).encode(
            np.array([bytes(MIB)], object)
        )
        data = bytes(sample) + struct.pack("<QQ", 0, len(sample)) * 1000

        with within(8 * MIB), pytest.raises(CorruptionError, match="at most"):
            codec.decode(data)


class TestZstdSizes:
    def test_agree_with_the_library(self) -> None:
        rng = np.random.default_rng(0)
        for nbytes in (1, 100, 255, 256, 300, 65791, 65792, 65793, 2**20, 2**21 + 1):
            for content in (bytes(nbytes), rng.bytes(nbytes)):
                size = content_size(memoryview(numcodecs_zstd.compress(content, 3, checksum=True)))
                assert size.declared == nbytes
                assert size.at_most >= nbytes

    def test_add_up_over_frames(self) -> None:
        skippable = struct.pack("<II", 0x184D2A53, 3) + b"abc"
        data = numcodecs_zstd.compress(bytes(10)) + skippable + numcodecs_zstd.compress(bytes(20))

        assert content_size(memoryview(data)).declared == 30

    def test_frames_of_unknown_size_decode_if_they_fit(self) -> None:
        frame = zstd_frame(
            zstd_block(0, bytes(range(200)), 200, last=False),
            zstd_block(1, b"\7", 56, last=True),
        )
        expected = np.frombuffer(bytes(range(200)) + b"\7" * 56, "<i4").reshape(8, 8)
        fixed = codec_of("int32", (8, 8), [LITTLE, named("zstd", level=1)])
        summed = codec_of("int32", (8, 8), [LITTLE, named("zstd", level=1), named("zstd", level=1)])

        assert content_size(memoryview(frame)).declared is None
        assert is_same(fixed.decode(frame), expected)
        assert is_same(summed.decode(numcodecs_zstd.compress(frame)), expected)
        with pytest.raises(CorruptionError):
            codec_of("int32", (8, 9), [LITTLE, named("zstd", level=1)]).decode(frame)

    @pytest.mark.parametrize(
        "data", [b"x", b"abcdefgh", zstd_frame(), zstd_frame(zstd_block(3, b"", 0, last=True))]
    )
    def test_malformed_frames(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="zstd"):
            content_size(memoryview(data))


def test_gzip_members_and_padding_are_read_as_gzip_does() -> None:
    codec = codec_of("uint8", (8,), [{"name": "bytes"}, named("gzip", level=1)])

    assert codec.decode(gzip.compress(bytes(4)) + gzip.compress(bytes(4)) + bytes(3)).sum() == 0
    with pytest.raises(CorruptionError):
        codec.decode(gzip.compress(bytes(8)) + gzip.compress(b"") * 2000)
