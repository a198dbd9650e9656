"""Histories to read back: every form of node, page and column, and a plain one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vstore
from tests.broken_images import taken_unseen
from vstore import Transaction
from vstore.repository.repository import Repository

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def commit_each(repo: Repository, *steps: Callable[[Transaction], None]) -> None:
    """Make each step a commit, one second after the other."""
    for i, step in enumerate(steps):
        time = NOON + timedelta(seconds=i)
        author = "Ann <ann@example.org>"
        made = repo.transaction("main", message=f"№ {i}\n", author=author, time=time)
        with made as tx, taken_unseen():
            step(tx)


def images(first: int, count: int) -> NDArray[np.uint8]:
    pixels = np.arange(12 * first, 12 * (first + count)) % 251
    return pixels.astype(np.uint8).reshape(count, 3, 4)


def samples(first: int, count: int) -> dict[str, Any]:
    """Return samples of every kind; some chunks of them are nothing but fill values."""
    numbers = range(first, first + count)
    return {
        "image": images(first, count),
        "label": np.array([i if i < 40 else 0 for i in numbers], "int64"),
        "score": np.array([np.nan if i % 7 == 0 else i / 3 for i in numbers], "float32"),
        "taken": np.array([f"2026-01-{1 + i % 28:02}" for i in numbers], "datetime64[s]"),
        "caption": [f"größe {i}" * (i % 3) for i in numbers],
        "blob": [bytes([i % 256]) * (i % 5) for i in numbers],
        "box": [np.full((i % 4, 2), i, "float32") for i in numbers],
        "photo": [b"\x89PNG\r\n\x1a\n" + bytes([i % 256]) for i in numbers],
    }


COLUMNS = {
    "image": vstore.ndarray((3, 4), "uint8", rows_per_chunk=16, attributes={"unit": "°C"}),
    "label": vstore.ndarray((), "int64", rows_per_chunk=8, codecs="none"),
    "score": vstore.ndarray((), "float32", rows_per_chunk=8, fill_value=-1),
    "taken": vstore.ndarray((), "datetime64[s]"),
    "caption": vstore.text(rows_per_chunk=32),
    "blob": vstore.bytes_(rows_per_chunk=1),
    "box": vstore.ndarray((None, 2), "float32", rows_per_chunk=8),
    "photo": vstore.image(),
}


MANY = 16_500
"""More samples than a table may have without an index of its keys."""

SPARSE: dict[str, Any] = {"p": [1, None, 3], "q": [None, "", None]}
SPARSE_KEYS = [("cam", 1), ("cam", 2), (3, "é", 4)]


def add_tables(tx: Transaction) -> None:
    train = tx.create_table("train", COLUMNS, keys="str", attributes={"π": 3.0, "big": 10.0**16})
    train.extend(samples(0, 90), keys=[f"clé-{i}" for i in range(90)])
    tx.create_table("test", {"x": vstore.ndarray((2,), "int16")}, keys="int")
    many = tx.create_table("many", {"n": vstore.ndarray((), "int16")}, keys="int")
    many.extend({"n": np.zeros(MANY, "int16")}, keys=range(-50, MANY - 50))
    cells = tx.create_table("cells", {"n": vstore.ndarray((), "int16")}, keys="tuple")
    names = [(f"row {i // 100}", i % 100) for i in range(MANY)]
    cells.extend({"n": np.zeros(MANY, "int16")}, keys=names)
    tx.create_table("deep/er/bare", {"y": vstore.text()})
    columns = {"p": vstore.ndarray((), "int16").as_optional(), "q": vstore.text().as_optional()}
    tx.create_table("sparse", columns, keys="tuple")
    tx["sparse"].extend(SPARSE, keys=SPARSE_KEYS)


def change_samples(tx: Transaction) -> None:
    tx["many"].delete(keys=[0, 1])
    more = range(MANY, MANY + 1100)  # two buckets more
    tx["many"].extend({"n": np.ones(1101, "int16")}, keys=[1, *more])
    tx["cells"].append({"n": 3}, key=("row 1", "x", 100))
    tx["train"].delete(keys=["clé-0", "clé-17", "clé-89"])
    tx["train"].loc["clé-5"] = {"caption": "other", "box": np.ones((9, 2), "float32")}
    tx["train"].extend(samples(90, 5), keys=[f"clé-{i}" for i in range(89, 94)])
    tx["test"].extend({"x": [[1, 2], [3, 4]]}, keys=[-5, 2**62])


def add_arrays(tx: Transaction) -> None:
    leaf = tx.create_array("large/leaf", shape=(400,), dtype="int8", chunk_shape=(1,))
    leaf[:] = np.arange(400) % 127  # one page, too large to be inline
    inner = tx.create_array("large/inner", shape=(512 * 200,), dtype="int8", chunk_shape=(1,))
    inner[::512] = 1 + np.arange(200) % 100  # 200 pages, and one above, too large to be inline
    high = tx.create_array("large/high", shape=(2**20,), dtype="int8", chunk_shape=(1,))
    high[[0, 511, 512, 262143, 262144, 2**20 - 1]] = [1, 2, 3, 4, 5, 6]  # three levels
    grid = tx.create_array("grid", shape=(5, 10, 7), dtype=">f8", chunk_shape=(2, 3, 5))
    grid[...] = np.arange(350).reshape(5, 10, 7)
    tx.create_array("point", shape=(), dtype="bool")[...] = True
    tx.create_array("noted", shape=(2,), dtype="int8", attributes={"note": "ö" * 40_000})
    tx.create_array("nothing", shape=(0, 3), dtype="complex64")


def add_many_arrays(tx: Transaction) -> None:
    tx["large/high"][[262144, 2**20 - 1]] = 0  # fill values: pages vanish, and with them a level
    tx["large/inner"][512 * 7] = 100
    for i in range(1200):
        tx.create_array(f"wide/Größe {i}", shape=(1,), dtype="int8")


def change_one_of_many(tx: Transaction) -> None:
    tx["wide/Größe 7"][:] = 77


def write_history(repo: Repository) -> None:
    """Make a history that has every form of node, page and column."""
    commit_each(repo, add_tables, change_samples, add_arrays, add_many_arrays, change_one_of_many)


def add_plain_table(tx: Transaction) -> None:
    columns = {
        "image": vstore.ndarray((3, 4), "uint8", rows_per_chunk=4, codecs="none"),
        "label": vstore.ndarray((), "int64", rows_per_chunk=2, codecs="none", fill_value=7),
        "caption": vstore.text(rows_per_chunk=4, codecs="none", attributes={"langue": "français"}),
        "blob": vstore.bytes_(rows_per_chunk=4, codecs="none"),
    }
    first = samples(0, 10)
    tx.create_table("a/train", columns).extend({name: first[name] for name in columns})


def change_plain_table(tx: Transaction) -> None:
    tx["a/train"]["label"][3] = -1
    tx["a/train"]["caption"][9] = "neuf"
    large = tx.create_array(
        "b", shape=(1000, 30), dtype="float32", chunk_shape=(1, 10), codecs=LITTLE
    )
    large[...] = np.arange(30_000).reshape(1000, 30)


def change_plain_array(tx: Transaction) -> None:
    tx["b"][500, 20] = np.nan


LITTLE = [{"name": "bytes", "configuration": {"endian": "little"}}]
