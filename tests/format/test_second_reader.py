"""What vstore writes is what docs/format.md says, down to the last byte."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from tests.format import second_codecs, second_data_types, second_encoder, second_reader
from tests.format.second_encoder import Node, RefusedError, digest, encode_node
from tests.format.second_reader import SecondReader
from tests.format.written_history import (
    MANY,
    SPARSE,
    SPARSE_KEYS,
    add_plain_table,
    add_tables,
    change_plain_array,
    change_plain_table,
    commit_each,
    images,
    samples,
    write_history,
)
from tests.format.zarr.samples import FIXED_DTYPES, array_of, dtype_id, is_same
from vstore.faces import internals
from vstore.format import node_codec
from vstore.format.index import walk
from vstore.format.nodes import ArrayNode, GroupNode
from vstore.format.tree import Tree
from vstore.repository.repository import Repository

ROOT = Path(__file__).parents[2]
GOLDEN = "2c0983b63f2057ccf2615238e658bef1c691fad3aa46bb9fc63d727a5cf47fc7"
"""It changes only with the format's version."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("written") / "repo"
    repo = vstore.create(root)
    write_history(repo)
    repo.branches.create("team/größe", at="main~2")
    repo.tags.create("v1.0", at="main~1", message="The first", author="Bo")
    return root


def test_the_second_reader_has_nothing_of_vstore() -> None:
    allowed = set(sys.stdlib_module_names) | {
        *("blake3", "google_crc32c", "numcodecs", "numpy", "tests"),
    }
    for module in (second_codecs, second_data_types, second_encoder, second_reader):
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
    assert reader.table(third.root["sparse"]) == SPARSE | {"sample": SPARSE_KEYS}


def test_the_index_of_keys_is_what_the_page_says(written: Path) -> None:
    """The second reader compares each index with one of its own making."""
    reader = SecondReader(written)
    *_, second, first = reader.history(reader.branch("main")["commit"])
    for commit, count in ((first, MANY), (second, MANY + 1100 - 1)):
        assert "sample.index" in commit.root["many"].children
        assert len(reader.table(commit.root["many"])["sample"]) == count
    cells = reader.table(second.root["cells"])["sample"]
    assert cells[123] == ("row 1", 23)
    assert cells[-1] == ("row 1", "x", 100)
    table = vstore.open(written).checkout(second.digest)["cells"]
    assert table.loc["row 1"]["n"].tolist() == [0] * 100 + [3]
    assert table.loc[("row 1", "x")]["n"].tolist() == [3]


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


def test_every_data_type_of_fixed_size_reads_alike(tmp_path: Path) -> None:
    """With fill values that are easy to get wrong, in the second half of each array."""
    root = tmp_path / "repo"
    expected = {}
    with vstore.create(root).transaction("main", message="Every data type") as tx:
        for dtype in FIXED_DTYPES:
            for i in range(4):
                values, path = array_of(dtype, (4, 3), seed=i).copy(), f"{dtype_id(dtype)}/{i}"
                fill = values[3, 2]
                array = tx.create_array(
                    path, shape=(4, 3), chunk_shape=(2, 3), dtype=dtype, fill_value=fill
                )
                array[:2] = values[:2]
                values[2:] = fill
                expected[path] = values
    reader, snapshot = SecondReader(root), vstore.open(root).checkout()
    commit = reader.commit(snapshot.commit.id)
    for path, values in expected.items():
        assert is_same(reader.array(commit.root[path]), values), path
        assert is_same(snapshot[path][...], values), path


def test_scaled_floats_read_alike(tmp_path: Path) -> None:
    values = {"plain": np.arange(300) % 256 / np.float32(255), "tenths": np.arange(300) / 10}
    values["shifted"] = np.arange(300) % 256 / np.float32(127.5) - np.float32(1)
    repo = vstore.create(tmp_path / "repo")
    specs = {
        name: vstore.ndarray((), each.dtype, codecs="scaled", fill_value=each[0])
        for name, each in values.items()
    }
    with repo.transaction("main", message="Scaled floats") as tx:
        tx.create_table("t", specs).extend(values)
    reader, table = SecondReader(tmp_path / "repo"), repo.checkout()["t"]
    stored = reader.table(reader.commit(repo.branches["main"]).root["t"])
    assert isinstance(table, vstore.Table)
    for name, each in values.items():
        codecs = internals(table[name]).source.metadata.codecs
        assert codecs[0]["name"] == "scale_offset"
        assert is_same(np.array(stored[name], each.dtype), each)
        assert is_same(table[name][:], each)


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
    third, head = internals(repo.checkout("main~2")).tree, internals(repo.checkout("main")).tree

    def index(at: Tree, path: str) -> tuple[int, bool]:
        node = at.get(path)
        assert isinstance(node, ArrayNode)
        assert node.chunks is not None
        return node.chunks.height, node.chunks.ref is not None

    assert index(third, "grid") == (0, False)
    assert index(third, "large/leaf") == (0, True)
    assert index(third, "large/inner") == (1, True)
    assert index(third, "large/high") == (2, False)
    assert index(head, "large/high") == (1, False)
    stored = internals(repo).fetcher.commit(repo.branches["main"]).tree["children"]
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
    root = GroupNode(children={name: GroupNode() for name in names})
    value, objects = node_codec.encode(root, lambda _: [])
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
    node = internals(repo.checkout("main")).tree.get(path)
    assert isinstance(node, ArrayNode)
    return [n for n, _ in walk(node.chunks, internals(repo).fetcher.pages)]


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
