import numpy as np

from tests.format.zarr import zarr_peer
from tests.format.zarr.codec_documents import LITTLE, blosc, sharding
from tests.format.zarr.samples import codec_of, is_same
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata


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
