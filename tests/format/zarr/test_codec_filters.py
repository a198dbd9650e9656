from typing import Any

import numpy as np
import pytest

from tests.format.zarr import zarr_peer
from tests.format.zarr.codec_documents import LITTLE, named
from tests.format.zarr.samples import (
    codec_of,
    is_same,
)
from vstore.errors import InvalidInputError
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

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

        with pytest.raises(InvalidInputError, match=r"\(numcodecs.fixedscaleoffset\) would change"):
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
