from typing import Any

import pytest

from tests.format.zarr import zarr_peer
from tests.format.zarr.codec_documents import LITTLE, named, sharding
from tests.format.zarr.samples import (
    chunk_of,
    codec_of,
)
from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.metadata import ArrayMetadata


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
            ("bool", [named("scale_offset", scale=2), LITTLE], "numeric|integers or floats"),
            ("float32", [named("scale_offset", scale=0.0), LITTLE], "inverse"),
            ("float32", [named("scale_offset", scale="NaN"), LITTLE], "inverse"),
            ("int8", [named("scale_offset", scale=300), LITTLE], "scale"),
            ("uint8", [named("scale_offset", offset=1), LITTLE], "fill value"),
            ("int8", [named("scale_offset", factor=1), LITTLE], "factor"),
            ("int8", [named("cast_value"), LITTLE], "data_type"),
            ("int8", [named("cast_value", data_type="bool"), LITTLE], "integers or floats"),
            ("int8", [named("cast_value", data_type="float8_e5m2"), LITTLE], "float8_e5m2"),
            ("int8", [named("cast_value", data_type="int16", rounding="up"), LITTLE], "rounding"),
            (
                "int8",
                [named("cast_value", data_type="float32", out_of_range="wrap"), LITTLE],
                "wrap",
            ),
            (
                "int8",
                [named("cast_value", data_type="int16", out_of_range=None), LITTLE],
                "out_of_range",
            ),
            (
                "int8",
                [named("cast_value", data_type="uint8", scalar_map={"encode": [[300, 1]]}), LITTLE],
                "scalar_map.encode",
            ),
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
