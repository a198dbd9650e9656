"""One document for every codec that vstore allows, with a dtype that suits it."""

from typing import Any

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}


def named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def blosc(cname: str = "lz4", shuffle: str = "shuffle", typesize: int = 4) -> dict[str, Any]:
    options: dict[str, Any] = {"cname": cname, "clevel": 5, "shuffle": shuffle, "blocksize": 0}
    return named("blosc", typesize=typesize, **options)


def sharding(chunk_shape: tuple[int, ...], *codecs: Any, location: str = "end") -> dict[str, Any]:
    return named(
        "sharding_indexed",
        chunk_shape=list(chunk_shape),
        codecs=list(codecs),
        index_codecs=[LITTLE, {"name": "crc32c"}],
        index_location=location,
    )


COMPRESSORS: dict[str, dict[str, Any]] = {
    "zstd": named("zstd", level=3, checksum=False),
    "zstd with checksum": named("zstd", level=-5, checksum=True),
    "gzip": named("gzip", level=5),
    **{
        f"blosc {cname} {shuffle}": blosc(cname, shuffle)
        for cname in ("lz4", "lz4hc", "blosclz", "zlib", "zstd")
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
    },
    "numcodecs.zstd": named("numcodecs.zstd", level=3),
    "numcodecs.gzip": named("numcodecs.gzip", level=1),
    "numcodecs.zlib": named("numcodecs.zlib", level=1),
    "numcodecs.bz2": named("numcodecs.bz2", level=1),
    "numcodecs.lzma": named("numcodecs.lzma", preset=1),
    "numcodecs.lz4": named("numcodecs.lz4", acceleration=1),
    "numcodecs.blosc": named("numcodecs.blosc", cname="lz4", clevel=5, shuffle=2, blocksize=0),
}
CHECKSUMS: dict[str, dict[str, Any]] = {
    "crc32c": {"name": "crc32c"},
    "numcodecs.crc32c": named("numcodecs.crc32c"),
    "numcodecs.crc32": named("numcodecs.crc32"),
    "numcodecs.crc32 at the end": named("numcodecs.crc32", location="end"),
    "numcodecs.adler32": named("numcodecs.adler32"),
    "numcodecs.fletcher32": named("numcodecs.fletcher32"),
    "numcodecs.jenkins_lookup3": named("numcodecs.jenkins_lookup3", initval=3),
}
CHAINS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "raw": ("float32", [LITTLE]),
    "big endian": ("float32", [BIG]),
    **{name: ("int32", [LITTLE, codec]) for name, codec in (COMPRESSORS | CHECKSUMS).items()},
    "shuffle": ("int32", [LITTLE, named("numcodecs.shuffle", elementsize=4), COMPRESSORS["zstd"]]),
    "zstd, crc32c": ("int32", [LITTLE, COMPRESSORS["zstd"], {"name": "crc32c"}]),
    "crc32c, zstd": ("int32", [LITTLE, {"name": "crc32c"}, COMPRESSORS["zstd"]]),
    "zstd, gzip": ("int32", [LITTLE, COMPRESSORS["zstd"], COMPRESSORS["gzip"]]),
    "gzip, lzma": ("int32", [LITTLE, COMPRESSORS["gzip"], COMPRESSORS["numcodecs.lzma"]]),
    "transpose": ("int32", [named("transpose", order=[1, 0]), LITTLE, COMPRESSORS["zstd"]]),
    "transpose, big endian": ("int32", [named("transpose", order=[1, 0]), BIG]),
    "delta": ("int32", [named("numcodecs.delta", dtype="<i4"), LITTLE, COMPRESSORS["zstd"]]),
    "delta to wider": ("int16", [named("numcodecs.delta", dtype="<i2", astype="<i4"), LITTLE]),
    "packbits": ("bool", [named("numcodecs.packbits"), {"name": "bytes"}]),
    "astype": (
        "float32",
        [named("numcodecs.astype", encode_dtype="<f8", decode_dtype="<f4"), LITTLE],
    ),
    "shards": ("int32", [sharding((4, 8), LITTLE, COMPRESSORS["zstd"])]),
    "shards, index first": ("int32", [sharding((2, 8), LITTLE, location="start")]),
    "shards of blosc": ("int32", [sharding((2, 4), LITTLE, blosc())]),
    "shards, crc32c": ("int32", [sharding((2, 4), LITTLE), {"name": "crc32c"}]),
    "shards of shards": ("int32", [sharding((4, 8), sharding((2, 4), LITTLE))]),
    "transposed shards": (
        "int32",
        [sharding((4, 4), named("transpose", order=[1, 0]), LITTLE)],
    ),
    "text": ("string", [named("vlen-utf8"), COMPRESSORS["zstd"]]),
    "bytes": ("variable_length_bytes", [named("vlen-bytes"), blosc(typesize=1)]),
    "shards of text": ("string", [sharding((2, 4), named("vlen-utf8"), COMPRESSORS["gzip"])]),
}
"""Codecs by name, each with a data type; for chunks of shape (8, 8)."""
