"""The page's reader, in JavaScript, reads what vstore reads, and refuses what is damaged."""

import base64
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from blake3 import blake3

import vstore
from tests.format.golden import archives
from tests.page.reading import (
    SHOWN,
    assert_alike,
    assert_known,
    read_by_page,
    run_node,
)

MANY = 16_500
"""More samples than a table may have without an index of its keys."""


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two commits with tables so long that they have an index of their keys."""
    root = tmp_path_factory.mktemp("indexed") / "repo"
    repo = vstore.create(root, author="Ann Lee <ann@example.org>")
    n = {"n": vstore.ndarray((), "int16")}
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("many", n, keys="int").extend(
            {"n": np.arange(MANY) % 99}, keys=range(-50, MANY - 50)
        )
        cells = [(f"row {i // 100}", i % 100) for i in range(MANY)]
        tx.create_table("cells", n, keys="tuple").extend({"n": [0] * MANY}, keys=cells)
        box = vstore.ndarray((None, 2), "float32").as_optional()
        few = n | {"caption": vstore.text(), "box": box}
        tx.create_table("few", few, keys="str").extend(
            {
                "n": range(5),
                "caption": list("abcde"),
                "box": [np.full((i, 2), i, "float32") for i in range(5)],
            },
            keys=[f"clé-{i}" for i in range(5)],
        )
        tx.create_table("plain", n).extend({"n": range(100)})
        tx.create_array("grid", shape=(9, 9), dtype="float32")[:] = 1
    with repo.transaction("main", message="Change") as tx:
        tx["many"].delete(keys=[0, 1])
        tx["many"].extend({"n": [1] * 1101}, keys=[1, *range(MANY, MANY + 1100)])
        tx["cells"].append({"n": 3}, key=("row 1", "x", 100))
        tx["few"].delete(keys=["clé-0"])
        tx["few"].loc["clé-3"] = {"caption": "other", "box": None}
        tx["few"].append({"n": 9, "caption": "new", "box": np.ones((1, 2), "f4")}, key="clé-9")
        tx["plain"]["n"][17] = -1
        tx["grid"][3, 3] = 2
    return root


def assert_reads_alike(root: Path, *revisions: str) -> list[str]:
    """Compare all that both read; return what the page said that it cannot show."""
    return assert_alike(root, revisions, read_by_page(root, *revisions))


@pytest.mark.parametrize("name", SHOWN)
def test_golden_repositories_read_alike(name: str, tmp_path: Path) -> None:
    root = archives.unpack(name, tmp_path / "repo")
    states = list(archives.expected(name)["states"])
    assert_known(name, assert_reads_alike(root, *states))


def test_compressed_bytes_of_every_compressor_read_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    plain = [b"", b"a", b"ab" * 10, bytes(1024), bytes(range(256)) * 9, b"hello world " * 900]
    for count in (63, 1025, 40_003):
        plain += [
            rng.integers(0, 256, count, dtype=np.uint8).tobytes(),
            rng.integers(0, 5, count, dtype=np.uint8).tobytes(),
            np.cumsum(rng.integers(-3, 4, count)).astype("i4").tobytes(),
            rng.normal(size=count).astype("f8").tobytes(),
        ]
    plain.append((Path(__file__).parents[2] / "docs/format.md").read_bytes())
    made: list[tuple[str, Any, Any]] = [
        ("zstd", numcodecs.Zstd(level), each) for level in (1, 19) for each in plain
    ]
    for compressor, shuffle in product(("blosclz", "lz4", "zlib", "zstd"), (0, 1, 2)):
        for each, size in product(plain, (1, 4, 8)):
            array = np.frombuffer(each[: len(each) // size * size], f"u{size}")
            made.append(("blosc", numcodecs.Blosc(compressor, 5, shuffle), array))
    made += [("lz4", numcodecs.LZ4(), each) for each in plain if each]
    cases = [
        (
            codec,
            bytes(encoder.encode(each)),
            bytes(memoryview(each).cast("B")) if len(each) else b"",
        )
        for codec, encoder, each in made
    ]
    text = [
        [codec, *(base64.b64encode(part).decode() for part in parts), blake3(parts[1]).hexdigest()]
        for codec, *parts in cases
    ]
    (tmp_path / "cases.json").write_text(json.dumps(text))
    found = run_node("decode.mjs", tmp_path / "cases.json")
    assert found == {"cases": len(cases), "wrong": []}


DAMAGED = {
    "refs/branches/main.json": ("merges", "main"),
    "refs/tags/v1.0.json": ("history", "v1.0"),
    "commits": ("merges", None),
    "index": ("tree", None),
    "packs": ("merges", None),
}


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_flipped_byte_is_refused(tmp_path: Path, damaged: str) -> None:
    name, revision = DAMAGED[damaged]
    root = archives.unpack(name, tmp_path / "repo")
    files = [root / damaged] if damaged.endswith(".json") else sorted((root / damaged).rglob("*"))
    for path in files:
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    (page,) = read_by_page(root, revision or archives.expected(name)["branches"]["main"])
    if damaged == "packs":  # what the tree says is still read, and nothing that lies in chunks
        assert "DamagedError" in json.dumps(page)
        assert "columns" not in json.dumps(page)
    else:
        assert page["refused"] == "DamagedError"


def test_no_flipped_byte_of_any_object_shows_something_else(tmp_path: Path) -> None:
    root = archives.unpack("repacked", tmp_path / "repo")
    (sound,) = read_by_page(root, "main")
    objects = [path for path in sorted(root.rglob("*")) if path.is_file()]
    assert {path.relative_to(root).parts[0] for path in objects} >= {"commits", "moved", "packs"}
    for path in objects:
        data = path.read_bytes()
        for at in (0, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            (page,) = read_by_page(root, "main")
            assert page.get("refused") or _is_part(page, sound), (path, at)
        path.write_bytes(data)


def _is_part(found: Any, whole: Any) -> bool:
    """Return whether what was found is the same, but for what is refused."""
    if isinstance(found, dict) and "refused" in found:
        return True
    if isinstance(found, dict) and isinstance(whole, dict):
        return found.keys() == whole.keys() and all(
            _is_part(each, whole[name]) for name, each in found.items()
        )
    return bool(found == whole)


def test_chunks_that_stay_elsewhere_are_said_not_to_be_shown(tmp_path: Path) -> None:
    root = archives.unpack("virtual", tmp_path / "repo")
    first = list(archives.expected("virtual")["states"])[-1]
    (page,) = read_by_page(root, first)
    assert "elsewhere" in page["found"]["deep/x"]["message"]
    assert page["found"]["deep/x"]["refused"] == "UnknownError"


def test_what_a_clone_left_out_is_said(tmp_path: Path) -> None:
    root = archives.unpack("partial", tmp_path / "repo")
    for page in read_by_page(root, *archives.expected("partial")["states"]):
        assert page["refused"] == "MissingError"
    (page,) = read_by_page(archives.unpack("empty", tmp_path / "empty"), "main")
    assert page == {
        "refused": "MissingError",
        "message": "there is no branch, tag or commit main",
    }


def test_what_is_not_there_is_said(indexed: Path) -> None:
    for page in read_by_page(indexed, "no-such-branch", "0" * 64):
        assert page["refused"] == "MissingError"


def test_keys_lead_to_samples(indexed: Path) -> None:
    def rows(path: str, keys: Sequence[Any]) -> Any:
        return run_node("look.mjs", indexed, "rows", "main", path, json.dumps(keys))

    table = vstore.open(indexed).checkout().table("many")
    keys = [-50, 0, 1, 2, 9999, MANY + 1099, MANY + 1100]
    found = rows("many", keys)
    assert [row is not None for row in found] == [table.has_key(key) for key in keys]
    assert found[0] == 0
    assert found[4] == 10_049
    assert rows("cells", [["row 1", 23], ["row 1", "x", 100], ["row 1", 100]]) == [123, MANY, None]
    assert rows("few", ["clé-3", "clé-0"]) == [3, None]


def test_changes_are_those_that_vstore_finds(indexed: Path) -> None:
    repo = vstore.open(indexed)
    sides = repo.resolve("main~1"), repo.resolve("main")
    found = run_node("look.mjs", indexed, "changes", *sides)
    difference = repo.diff("main~1", "main")
    assert set(found) == {*difference.tables, *difference.arrays}
    for path, each in difference.tables.items():
        assert sorted(found[path]["added"]) == sorted(_name(key) for key in each.added)
        assert sorted(found[path]["removed"]) == sorted(_name(key) for key in each.removed)
        pairs = {(key, name) for key, names in found[path]["changed"].items() for name in names}
        assert pairs == {(_name(key), name) for name in each.changed for key in each.changed[name]}


def _name(key: Any) -> str:
    """Return a key, or a position, as the script spells it."""
    if isinstance(key, tuple):
        return json.dumps(key, separators=(",", ":"), ensure_ascii=False)
    return str(key)


def test_a_first_page_takes_few_rounds(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo", author="Ann Lee <ann@example.org>")
    count = 20_000
    columns = {
        "label": vstore.ndarray((), "int64"),
        "caption": vstore.text(),
        "patch": vstore.ndarray((16, 16, 3), "uint8"),
    }
    rng = np.random.default_rng(0)
    with repo.transaction("main", message="Add") as tx:
        samples = {
            "label": np.arange(count),
            "caption": [f"number {i}" for i in range(count)],
            "patch": rng.integers(0, 256, (count, 16, 16, 3), np.uint8),
        }
        tx.create_table("t", columns, keys="int").extend(samples, keys=range(count))
    page = run_node("look.mjs", tmp_path / "repo", "page", "main", "t", 15_000, 100)
    assert page["rows"] == list(range(15_000, 15_100))
    assert page["rounds"] <= 3
    assert page["requests"] <= 6
    assert page["nbytes"] < 6_000_000
