"""What vstore writes is what docs/format.md says, down to the last byte."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

import vstore
from tests.format import second_encoder, second_reader
from tests.format.second_encoder import Node, RefusedError, digest, encode_node
from tests.format.second_reader import SecondReader
from vstore import Transaction
from vstore.format import tree
from vstore.format.index import walk
from vstore.repository import Repository

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

GOLDEN = "2f27262f78aed95e0f6f6ed693cdd8fff66df53b77f4c117ffa5f10927c6b346"
"""It changes only with the format's version."""


def commit_each(repo: Repository, *steps: Callable[[Transaction], None]) -> None:
    """Make each step a commit, one second after the other."""
    for i, step in enumerate(steps):
        time = NOON + timedelta(seconds=i)
        author = "Ann <ann@example.org>"
        with repo.transaction("main", message=f"№ {i}\n", author=author, time=time) as tx:
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
        "photo": [b"\x89PNG" + bytes([i % 256]) for i in numbers],
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


def add_tables(tx: Transaction) -> None:
    train = tx.create_table("train", COLUMNS, keys="str", attributes={"π": 3.0, "big": 10.0**16})
    train.extend(samples(0, 90), keys=[f"clé-{i}" for i in range(90)])
    tx.create_table("test", {"x": vstore.ndarray((2,), "int16")}, keys="int")
    tx.create_table("deep/er/bare", {"y": vstore.text()})


def change_samples(tx: Transaction) -> None:
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


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("written") / "repo"
    repo = vstore.create(root)
    write_history(repo)
    repo.branches.create("team/größe", at="main~2")
    repo.tags.create("v1.0", at="main~1", message="The first", author="Bo")
    return root


def test_the_second_reader_has_nothing_of_vstore() -> None:
    allowed = set(sys.stdlib_module_names) | {"blake3", "numcodecs", "numpy", "tests"}
    for module in (second_encoder, second_reader):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed


def test_history_and_refs_read_alike(written: Path) -> None:
    reader, repo = SecondReader(written), vstore.open(written)
    head = reader.branch("main")["commit"]
    line = list(reader.history(head))
    assert [commit.digest for commit in line] == [commit.id for commit in repo.log()]
    assert [commit.value["message"] for commit in line] == [f"№ {i}\n" for i in range(4, -1, -1)]
    assert reader.branch("team/größe")["commit"] == line[2].digest
    tag = reader.tag("v1.0")
    assert (tag["commit"], tag["message"]) == (line[1].digest, "The first")
    assert tag["author"] == {"name": "Bo"}
    assert [entry["commit"] for entry in reader.branch("main")["log"]] == [c.digest for c in line]
    assert line[3].value["changes"]["train"] == {"added": 5, "changed": 1, "removed": 3}


def test_a_merge_reads_alike(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    commit_each(repo, add_tables)
    repo.branches.create("side")
    for branch, key in [("main", -1), ("side", 1), ("side", 2)]:
        with repo.transaction(branch, message=branch) as tx:
            tx["test"].extend({"x": [[key, key]]}, keys=[key])
    repo.merge("side", into="main")
    reader = SecondReader(tmp_path / "repo")
    merge, ours, _ = reader.history(reader.branch("main")["commit"])
    theirs = reader.commit(reader.branch("side")["commit"])
    assert merge.value["parents"] == [ours.digest, theirs.digest]
    assert (merge.value["depth"], merge.value["generation"]) == (2, 3)
    assert reader.table(merge.root["test"])["sample"] == [-1, 1, 2]


def test_samples_of_every_kind_read_alike(written: Path) -> None:
    reader = SecondReader(written)
    *_, third, second, first = reader.history(reader.branch("main")["commit"])
    assert_samples_equal(
        reader.table(first.root["train"]),
        samples(0, 90) | {"sample": [f"clé-{i}" for i in range(90)]},
    )
    live = [i for i in range(95) if i not in (0, 17, 89)]
    expected = {name: [values[i] for i in live] for name, values in samples(0, 95).items()}
    expected["caption"][4] = "other"
    expected["box"][4] = np.ones((9, 2), "float32")
    expected["sample"] = [f"clé-{i if i < 89 else i - 1}" for i in live]
    for commit in (second, third):
        assert_samples_equal(reader.table(commit.root["train"]), expected)
    assert reader.table(second.root["test"])["sample"] == [-5, 2**62]
    assert reader.table(second.root["test"])["x"].tolist() == [[1, 2], [3, 4]]
    assert reader.table(second.root["deep/er/bare"]) == {"y": []}


def assert_samples_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert len(found[name]) == len(values)
        for mine, theirs in zip(found[name], values, strict=True):
            np.testing.assert_array_equal(mine, theirs)
            assert np.shape(mine) == np.shape(theirs)


def test_arrays_read_alike(written: Path) -> None:
    reader = SecondReader(written)
    for commit in reader.history(reader.branch("main")["commit"]):
        snapshot = vstore.open(written).checkout(commit.digest)
        for path, node in nodes(commit.root):
            if node.is_group or "table" in parent(commit.root, path).value or "large" in path:
                continue
            array = snapshot[path]
            assert isinstance(array, vstore.Array)
            np.testing.assert_array_equal(reader.array(node), array[...])
            assert reader.array(node).dtype == array.dtype


def parent(root: Node, path: str) -> Node:
    above = path.rpartition("/")[0]
    return root[above] if above else root


def test_large_indexes_read_alike(written: Path) -> None:
    reader = SecondReader(written)
    *_, third, _, _ = line = list(reader.history(reader.branch("main")["commit"]))
    leaf, inner, high = (third.root[f"large/{name}"] for name in ("leaf", "inner", "high"))
    assert reader.array(leaf).tolist() == (np.arange(400) % 127).tolist()
    assert sorted(leaf.chunks) == [i for i in range(400) if i % 127]
    assert sorted(inner.chunks) == [512 * i for i in range(200)]
    assert sorted(high.chunks) == [0, 511, 512, 262143, 262144, 2**20 - 1]
    assert sorted(line[0].root["large/high"].chunks) == [0, 511, 512, 262143]


def test_the_repository_holds_every_form_of_the_format(written: Path) -> None:
    repo = vstore.open(written)
    third, head = repo.checkout("main~2").tree, repo.checkout("main").tree

    def index(at: tree.Tree, path: str) -> tuple[int, bool]:
        node = at.get(path)
        assert isinstance(node, tree.ArrayNode)
        assert node.chunks is not None
        return node.chunks.height, node.chunks.ref is not None

    assert index(third, "grid") == (0, False)
    assert index(third, "large/leaf") == (0, True)
    assert index(third, "large/inner") == (1, True)
    assert index(third, "large/high") == (2, False)
    assert index(head, "large/high") == (1, False)
    stored = repo.fetcher.commit(repo.branches["main"]).tree["children"]
    assert "buckets" in stored["wide"]
    assert "ref" in stored["noted"]
    assert "metadata" in stored["train"]


def test_every_object_is_named_by_its_content(written: Path) -> None:
    read_everything(written)
    paths = [path for path in written.rglob("*") if path.is_file()]
    for path in paths:
        name = path.relative_to(written).as_posix()
        if name.startswith(("commits/", "index/", "packs/")):
            assert digest(path.read_bytes()) == path.name.removesuffix(".json")
    assert {path.relative_to(written).parts[0] for path in paths} == {
        *(".vstore", "vstore.json", "refs", "commits", "index", "packs"),
    }


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    yield path, node
    for name, child in node.children.items():
        yield from nodes(child, f"{path}/{name}".strip("/"))


@pytest.mark.parametrize("damaged", ["commits", "index", "packs", "refs", "vstore.json"])
def test_the_second_reader_notices_damage(written: Path, tmp_path: Path, damaged: str) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    for path in copy.rglob("*"):
        if path.is_file() and path.relative_to(copy).parts[0] == damaged:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    with pytest.raises((RefusedError, ValueError)):
        read_everything(copy)


def read_everything(root: Path) -> None:
    reader = SecondReader(root)
    for commit in reader.history(reader.branch("main")["commit"]):
        for path, node in nodes(commit.root):
            if not node.is_group and "large" not in path:
                reader.array(node)


def test_a_group_of_many_groups_has_buckets_within_buckets() -> None:
    names = [f"group {i}" for i in range(16_000)]
    root = tree.GroupNode(children={name: tree.GroupNode() for name in names})
    value, objects = tree.encode(root, lambda _: b"")
    empty = {"metadata": root.metadata}
    mine: dict[str, bytes] = {}
    assert encode_node(Node(empty, {name: Node(empty) for name in names}), mine) == value
    assert mine == objects
    assert sum(b'"buckets"' in data for data in objects.values()) == 16


def test_a_changed_index_has_the_form_of_one_made_at_once() -> None:
    """The second reader encodes each anew; here an order that grows and shrinks the tree."""
    repo = vstore.create(f"memory://{uuid4()}")
    numbers = [5, 300_000, 700, 0, 2**20 - 1, 512, 511, 262_143, 262_144]
    ids = set()
    for order in (numbers, numbers[::-1], sorted(numbers)):
        with repo.transaction("main", message="") as tx:
            path = uuid4().hex
            x = tx.create_array(path, shape=(2**20,), dtype="int8", chunk_shape=(1,), codecs=RAW)
            x[100_000:400_000:100_000] = 9
            for i in order:
                x[i] = 1
            x[100_000:400_000:100_000] = 0
            x[300_000] = 1
        ids.add(str(chunk_numbers(repo, path)))
    assert ids == {str(sorted(numbers))}


RAW = [{"name": "bytes"}]


def chunk_numbers(repo: Repository, path: str) -> list[int]:
    node = repo.checkout("main").tree.get(path)
    assert isinstance(node, tree.ArrayNode)
    return [n for n, _ in walk(node.chunks, repo.fetcher.pages)]


# The same data and history give the same hash


def ids(repo: Repository) -> list[str]:
    return [commit.id for commit in repo.log()]


def test_the_same_history_has_the_same_hashes_everywhere(written: Path) -> None:
    repo = vstore.create(f"memory://{uuid4()}")
    write_history(repo)
    assert ids(repo) == ids(vstore.open(written))


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_makes_the_same_commits(written: Path, seed: str) -> None:
    script = (
        "import vstore; from tests.format.test_second_reader import ids, write_history; "
        "repo = vstore.create('memory://again'); write_history(repo); print(*ids(repo))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert run.stdout.split() == ids(vstore.open(written))


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


def test_the_format_has_not_changed() -> None:
    """No compressor is used, since what one gives may change with its release."""
    repo = vstore.create(f"memory://{uuid4()}")
    commit_each(repo, add_plain_table, change_plain_table, change_plain_array)
    assert ids(repo)[0] == GOLDEN


def test_a_copied_repository_opens_with_equal_hashes(written: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(written, tmp_path / "copy", ignore=shutil.ignore_patterns(".vstore"))
    original, copied = vstore.open(written), vstore.open(copy)
    assert ids(copied) == ids(original)
    assert copied.description == original.description
    assert {name: copied.branches[name] for name in copied.branches} == {
        name: original.branches[name] for name in original.branches
    }
    found = copied.checkout("main")["train"]
    assert isinstance(found, vstore.Table)
    np.testing.assert_array_equal(found["image"][:3], images(1, 3))
    with copied.transaction("main", message="Go on") as tx:
        tx["train"]["label"][0] = 5
    assert copied.checkout("main~1").commit.id == ids(original)[0]
