"""Golden repositories with tables: of every column, key and change."""

from typing import Any

import numpy as np

import vstore
from tests.format.golden.making import RAW, Made, bits
from tests.format.golden.values import png, wav
from tests.format.zarr.samples import FIXED_DTYPES, dtype_id
from vstore import ColumnSpec, Transaction

COUNT = 6


def every_column() -> dict[str, tuple[ColumnSpec, Any]]:
    """Return a column of every kind and data type, with its samples."""
    made: dict[str, tuple[ColumnSpec, Any]] = {}
    for dtype in FIXED_DTYPES:
        name = dtype_id(dtype).replace("[", " ").rstrip("]")
        values = bits(dtype, (COUNT, 2), f"column {name}")
        plain = len(made) % 4  # some of them are numbers, others pairs
        made[f"{name} plain"] = (
            vstore.ndarray((2,) if plain else (), dtype, codecs=RAW),
            values if plain else values[:, 0],
        )
        ragged = [bits(dtype, (i % 3, 2), f"ragged {name} {i}") for i in range(COUNT)]
        made[f"{name} ragged"] = vstore.ndarray((None, 2), dtype, codecs=RAW), ragged
    words = ["", "größe", "a\nb", "\u0000", "🎈", "x" * 40]
    made["text"] = vstore.text(codecs=RAW), words
    made["words"] = (
        vstore.ndarray((2,), "T", codecs=RAW),
        [[word, word[::-1]] for word in words],
    )
    made["texts"] = vstore.texts(codecs=RAW), [words[:i] for i in range(COUNT)]
    made["bytes"] = vstore.bytes_(codecs=RAW), [word.encode() for word in words]
    gray = [bits("uint8", (2 + i, 3), f"gray {i}") for i in range(COUNT)]
    color = [bits("uint8", (2, 1 + i, 3), f"color {i}") for i in range(COUNT)]
    made["image"] = vstore.image(), [png(each) for each in [*gray[:3], *color[:3]]]
    sounds = [bits("int16", (4 * i, 1 + i % 2), f"sound {i}") for i in range(COUNT)]
    made["audio"] = vstore.audio(rate=8000), [wav(each, 8000) for each in sounds]
    return made


def write_columns(made: Made) -> None:
    """Columns of every kind and data type; then optional ones, in which samples are missing."""

    def add_each(tx: Transaction) -> None:
        """Add a column of every kind."""
        columns = every_column()
        table = tx.create_table("each", {name: spec for name, (spec, _) in columns.items()})
        table.extend({name: samples for name, (_, samples) in columns.items()})

    def add_optional(tx: Transaction) -> None:
        """Add optional columns."""
        columns = {
            name: each
            for name, each in every_column().items()
            if name in {"text", "texts", "bytes", "image", "audio"} or name.startswith("int16 ")
        }
        specs = {name: spec.as_optional() for name, (spec, _) in columns.items()}
        samples = {
            name: [None if (i + j) % 3 == 0 else each for j, each in enumerate(values)]
            for i, (name, (_, values)) in enumerate(columns.items())
        }
        tx.create_table("optional", specs, keys="str").extend(
            samples, keys=[f"clé {i}" for i in range(COUNT)]
        )

    repo = made.create()
    made.commit(repo, add_each)
    made.commit(repo, add_optional)


def write_tables(made: Made) -> None:
    """Keys of every kind, deleted rows, an index of keys, columns that change, new layouts."""

    def number(dtype: str = "int16") -> ColumnSpec:
        return vstore.ndarray((), dtype, codecs=RAW, rows_per_chunk=4)

    def add(tx: Transaction) -> None:
        """Add tables."""
        tx.create_table("bare", {"n": number()}, attributes={"π": 3.0, "big": 1e16, "many": [1]})
        whole = tx.create_table("int", {"n": number()}, keys="int")
        whole.extend({"n": range(10)}, keys=[*range(-5, 4), 2**53 + 1])
        tx.create_table("str", {"n": number(), "m": number()}, keys="str")
        tx["str"].extend({"n": range(9), "m": range(9)}, keys=[f"é{i}" for i in range(9)])
        keys: list[Any] = [("a", 1), ("a", "é", 2), (-7, "b")]
        tx.create_table("tuple", {"n": number()}, keys="tuple").extend({"n": [1, 2, 3]}, keys=keys)
        tx.create_table("none", {"n": number()}).extend({"n": range(9)})

    def delete(tx: Transaction) -> None:
        """Delete, change and add samples."""
        tx["int"].delete(keys=[0, 2**53 + 1])
        tx["str"].delete(keys=["é0", "é8"])
        tx["str"].append({"n": 80, "m": 81}, key="é8")
        tx["none"].delete([0, 3, 4])
        tx["none"]["n"][1] = -1

    def reshape(tx: Transaction) -> None:
        """Add, drop, rename and cast columns."""
        tx["str"].add_column("new", vstore.text(codecs=RAW).as_optional())
        tx["str"].drop_column("m")
        tx["str"].rename_column("n", "count")
        tx["str"].cast("count", "float64")
        tx.move("int", "deep/er/int")

    def compact(tx: Transaction) -> None:
        """Rewrite tables without their deleted rows."""
        tx["str"].compact()
        tx["none"].compact()
        tx["none"].extend({"n": [7]})

    def index(tx: Transaction) -> None:
        """Add tables that are large enough for an index of their keys."""
        many = 16_500
        one = vstore.ndarray((), "int8", codecs=RAW)
        tx.create_table("many", {"n": one}, keys="int").extend(
            {"n": np.zeros(many, "int8")}, keys=range(-50, many - 50)
        )
        names = [(f"row {i // 100}", i % 100) for i in range(many)]
        tx.create_table("cells", {"n": one}, keys="tuple").extend(
            {"n": np.zeros(many, "int8")}, keys=names
        )

    repo = made.create()
    for step in (add, delete, reshape, compact, index):
        made.commit(repo, step)


def write_patches(made: Made) -> None:
    """Chunks of which some rows were stored again, once and several times."""
    rows = 4096

    def add(tx: Transaction) -> None:
        """Add a table."""
        columns = {
            "wide": vstore.ndarray((4,), "int64", codecs=RAW, rows_per_chunk=2048),
            "text": vstore.text(codecs=RAW, rows_per_chunk=4096),
        }
        wide = np.zeros((rows, 4), "int64")
        wide[::64] = np.arange(rows)[::64, np.newaxis]
        tx.create_table("t", columns).extend({"wide": wide, "text": ["text"] * rows})

    def change(tx: Transaction) -> None:
        """Change a row."""
        tx["t"]["wide"][100] = [1, 2, 3, 4]
        tx["t"]["text"][7] = "sept"

    def again(tx: Transaction) -> None:
        """Change that row and others."""
        tx["t"]["wide"][100] = [9, 9, 9, 9]
        tx["t"]["wide"][[5, 6, 7, 3000]] = -1
        tx["t"]["text"][4095] = ""

    repo = made.create()
    for step in (add, change, again):
        made.commit(repo, step)
