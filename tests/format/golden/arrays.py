"""Golden repositories with arrays: of every data type, codec and form of the tree."""

from typing import Any

import numpy as np
import zarr

import vstore
from tests.format.golden.making import RAW_1, RAW_8, Made, bits
from tests.format.zarr.codec_documents import CHAINS, LITTLE, named
from tests.format.zarr.samples import FIXED_DTYPES, dtype_id
from vstore import Transaction


def write_arrays(made: Made) -> None:
    """Arrays of every data type, of every number of axes, that grew, with few chunks stored."""

    def add_types(tx: Transaction) -> None:
        """Add an array of every data type, half of it fill values."""
        for dtype in FIXED_DTYPES:
            values = bits(dtype, (4, 3), f"array {dtype_id(dtype)}").copy()
            array = tx.create_array(
                f"types/{dtype_id(dtype)}",
                shape=(4, 3),
                chunk_shape=(2, 3),
                dtype=dtype,
                fill_value=values[3, 2],
                codecs=RAW_1 if np.dtype(dtype).itemsize == 1 else RAW_8,
            )
            array[:2] = values[:2]
        text = tx.create_array(
            "types/text", shape=(3,), dtype="T", chunk_shape=(2,), codecs=[{"name": "vlen-utf8"}]
        )
        text[:] = ["", "größe", "c"]

    def add_shapes(tx: Transaction) -> None:
        """Add arrays of other shapes."""
        raw: dict[str, Any] = {"codecs": RAW_1}
        big = [{"name": "bytes", "configuration": {"endian": "big"}}]
        grid = tx.create_array(
            "grid", shape=(5, 10, 7), dtype="f8", chunk_shape=(2, 3, 5), codecs=big
        )
        grid[...] = np.arange(350).reshape(5, 10, 7)
        tx.create_array("point", shape=(), dtype="bool", **raw)[...] = True
        tx.create_array("nothing", shape=(0, 3), dtype="complex64", codecs=RAW_8)
        tx.create_array("unwritten", shape=(7,), dtype="int8", fill_value=-3, **raw)
        grown = tx.create_array(
            "grown", shape=(3, 5), dtype="int16", chunk_shape=(2, 2), codecs=RAW_8
        )
        grown[...] = np.arange(15).reshape(3, 5)

    def grow(tx: Transaction) -> None:
        """Let an array grow along both axes."""
        grown = zarr.open_array(tx.store, path="grown")
        grown.resize((4, 9))
        grown[3, 8] = -1
        tx["grid"][0, 0, 0] = np.nan

    repo = made.create()
    for step in (add_types, add_shapes, grow):
        made.commit(repo, step)


def write_codecs(made: Made) -> None:
    """An array for every codec, and floats that are stored as whole numbers."""

    def add(tx: Transaction) -> None:
        """Add an array for every codec."""
        texts = np.array([f"größe {i % 7}" for i in range(64)], "T").reshape(8, 8)
        for name, (dtype, codecs) in CHAINS.items():
            if dtype == "variable_length_bytes":
                column = vstore.bytes_(codecs=codecs)
                encoded = [each.encode() for each in texts.flat]
                tx.create_table(name, {"data": column}).extend({"data": encoded})
                continue
            array = tx.create_array(
                name,
                shape=(8, 8),
                chunk_shape=(8, 8),
                codecs=codecs,
                dtype="T" if dtype == "string" else dtype,
            )
            numbers = (np.arange(64) % 7).reshape(8, 8)
            array[...] = texts if dtype == "string" else numbers.astype(dtype)

    def add_numbers(tx: Transaction) -> None:
        """Add arrays whose numbers are stored as others."""
        eighths = (np.arange(64) % 7 / 8).reshape(8, 8)
        scaled = [
            named("scale_offset", scale=8, offset=0.5),
            named("cast_value", data_type="int16"),
            LITTLE,
        ]
        tx.create_array("scaled", shape=(8, 8), dtype="float64", codecs=scaled)[...] = eighths
        narrow = [named("cast_value", data_type="uint8"), {"name": "bytes"}]
        tx.create_array("cast", shape=(8, 8), dtype="int64", codecs=narrow)[...] = (
            np.arange(64).reshape(8, 8) % 7
        )
        fixed = named("numcodecs.fixedscaleoffset", offset=0, scale=8, dtype="<f8", astype="<i2")
        tx.create_array("fixed", shape=(8, 8), dtype="float64", codecs=[fixed, LITTLE])[...] = (
            eighths
        )
        for name, codec in (
            ("quantize", named("numcodecs.quantize", digits=3, dtype="<f8")),
            ("bitround", named("numcodecs.bitround", keepbits=10)),
        ):
            few = tx.create_array(name, shape=(8, 8), dtype="float64", codecs=[codec, LITTLE])
            few[...] = eighths
        tenths = vstore.ndarray((), "float32", codecs="scaled")
        tx.create_table("t", {"tenths": tenths}).extend(
            {"tenths": (np.arange(300) / 10).astype("float32")}
        )

    repo = made.create()
    made.commit(repo, add)
    made.commit(repo, add_numbers)


def write_tree(made: Made) -> None:
    """Groups of very many nodes, documents of their own, indexes of several levels."""

    def add_large(tx: Transaction) -> None:
        """Add arrays of very many chunks, and long documents."""
        raw: dict[str, Any] = {"dtype": "int8", "chunk_shape": (1,), "codecs": RAW_1}
        leaf = tx.create_array("large/leaf", shape=(400,), **raw)
        leaf[:] = np.arange(400) % 127  # one page, too large to be inline
        inner = tx.create_array("large/inner", shape=(512 * 130,), **raw)
        inner[::512] = 1 + np.arange(130) % 100  # 130 pages, and one above, not inline
        high = tx.create_array("large/high", shape=(2**20,), **raw)
        high[[0, 511, 512, 262143, 262144, 2**20 - 1]] = [1, 2, 3, 4, 5, 6]  # three levels
        note = "ö" * 40_000
        tx.create_array("noted", shape=(2,), dtype="int8", codecs=RAW_1, attributes={"note": note})

    def add_many(tx: Transaction) -> None:
        """Add very many arrays, and take levels from an index."""
        tx["large/high"][[262144, 2**20 - 1]] = 0
        for i in range(150):
            tx.create_array(f"wide/Größe {i}", shape=(1,), dtype="int8", codecs=RAW_1)

    def change_one(tx: Transaction) -> None:
        """Change one of very many."""
        tx["wide/Größe 7"][:] = 77

    def add_odd(tx: Transaction) -> None:
        """Add attributes that are no numbers of JSON, and groups without documents."""
        tx.create_array("a/b/c/d", shape=(1,), dtype="int8", codecs=RAW_1)
        odd = {"nan": float("nan"), "in": [{"x": float("-inf")}], "text": "NaN"}
        tx.create_array("odd", shape=(), dtype="int8", codecs=RAW_1, attributes=odd)

    repo = made.create()
    for step in (add_large, add_many, change_one, add_odd):
        made.commit(repo, step)
