"""What a reader refuses of a stored document, and a writer of what it is given to store."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from vstore.errors import FormatError, InvalidInputError
from vstore.faces import internals
from vstore.format import commit, document, node_codec, object_keys, page
from vstore.format.digest import Digest, digest_of
from vstore.format.nodes import GroupNode, Node
from vstore.storage.store import Key

ZEROS = "0" * 64


@pytest.mark.parametrize(
    "data",
    [
        '{"a":1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":1}{}',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
    ],
)
def test_json_that_readers_understand_differently_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        document.parse(data, what="document")


def test_an_escaped_character_beyond_the_basic_plane_is_read() -> None:
    assert document.parse(b'"\\ud83d\\ude00"', what="document") == "\N{GRINNING FACE}"


def test_documents_nest_as_deeply_when_written_as_when_read() -> None:
    deepest: Any = []
    for _ in range(63):
        deepest = (deepest,)
    document.parse(document.dumps(deepest), what="document")
    with pytest.raises(InvalidInputError, match="64 levels"):
        document.dumps([deepest])


@pytest.mark.parametrize("value", [{"a", "b"}, b"bytes", object(), np.int64(1), float("inf")])
def test_only_what_json_has_is_written(value: object) -> None:
    with pytest.raises(InvalidInputError):
        document.dumps({"value": value})


def patch(changes: Mapping[int, Any]) -> dict[str, Any]:
    members: list[Any] = [0, [[3, 1]], 0, 10, 5, ZEROS]
    for place, value in changes.items():
        members[place] = value
    return {"patches": [members]}


def leaf(changes: Mapping[str, Any]) -> bytes:
    fields: dict[str, Any] = {
        "at": [[0, 1]],
        "packs": [[ZEROS, 100]],
        "extents": [[0, 0, 1]],
        "nbytes": [10],
        "digests": base64.b64encode(bytes(32)).decode(),
    }
    return document.dumps(fields | dict(changes))


def test_a_well_formed_page_is_read() -> None:
    found = page.decode_page(leaf({}), height=0, what="page")
    assert isinstance(found, page.Leaf)
    assert found.ref(0) == page.ChunkRef(page.PackRef(Digest(ZEROS), 100), 0, 10, bytes(32))


def test_a_patch_of_a_chunk_is_read() -> None:
    found = page.decode_page(leaf(patch({})), height=0, what="page")
    assert isinstance(found, page.Leaf)
    place = found.ref(0)
    assert isinstance(place, page.Patched)
    pack = page.PackRef(Digest(ZEROS), 100)
    assert place.patches == (page.Patch(((3, 1),), page.ChunkRef(pack, 10, 5, bytes(32))),)
    assert place.nbytes == 15
    assert page.encode_leaf({0: place}) == leaf(patch({}))


def test_a_chunk_of_a_source_is_read() -> None:
    places: dict[str, Any] = {"sources": [0], "extents": [[0, 2**40, 1]]}
    found = page.decode_page(leaf(places), height=0, what="page")
    assert isinstance(found, page.Leaf)
    pack = page.PackRef(Digest(ZEROS), 100, is_source=True)
    assert found.ref(0) == page.ChunkRef(pack, 2**40, 10, bytes(32))
    assert page.encode_leaf({0: found.ref(0)}) == leaf(places)


@pytest.mark.parametrize(
    "changes",
    [
        {"at": []},
        {"at": [[-1, 1]]},
        {"at": [[512, 1]]},
        {"at": [[0, 513]]},
        {"at": [[1, 1], [0, 1]]},
        {"packs": []},
        {"packs": [[ZEROS, -5]]},
        {"packs": [[ZEROS, 2**70]]},
        {"packs": [["../" * 21 + "a", 100]]},
        {"extents": []},
        {"extents": [[1, 0, 1]]},
        {"extents": [[-1, 0, 1]]},
        {"extents": [[0, -1, 1]]},
        {"extents": [[0, 91, 1]]},
        {"extents": [[0, 2**63 - 1, 1]]},
        {"extents": [[0, 2**70, 1]]},
        {"extents": [*[[0, 0, 2**62]] * 4, [0, 0, 1]]},
        {"nbytes": [-1]},
        {"nbytes": [101]},
        {"nbytes": [2**70]},
        {"nbytes": []},
        {"digests": ""},
        {"digests": "?" * 44},
        {"more": 1},
        {"sources": [1]},
        {"sources": [-1]},
        {"sources": [0, 0]},
        {"sources": [2**70]},
        {"sources": 0},
        {"sources": [0], "extents": [[0, 2**53 - 5, 1]]},
        patch({0: 1}),
        patch({0: -1}),
        patch({0: 2**70}),
        patch({1: []}),
        patch({1: [[-1, 1]]}),
        patch({1: [[0, 0]]}),
        patch({1: [[0, 2**53]]}),
        patch({1: [[3, 1], [4, 1]]}),
        patch({1: [[3, 2], [1, 1]]}),
        patch({2: 1}),
        patch({2: -1}),
        patch({3: 96}),
        patch({3: -1}),
        patch({3: 2**63 - 1}),
        patch({4: 101}),
        patch({4: -1}),
        patch({5: "../" * 21 + "a"}),
        patch({5: "00"}),
        {"patches": [[0, [[3, 1]], 0, 10, 5, ZEROS]] * 65},
        {"patches": [[0, [[3, 1]], 0, 10, 5]]},
    ],
)
def test_a_page_that_contradicts_itself_is_refused(changes: Mapping[str, Any]) -> None:
    with pytest.raises(FormatError):
        page.decode_page(leaf(changes), height=0, what="page")


def commit_with(changes: Mapping[str, Any]) -> bytes:
    first: dict[str, Any] = {
        "format": 1,
        "features": [],
        "parents": [],
        "generation": 0,
        "depth": 0,
        "ancestors": [],
        "author": {"name": "Ann"},
        "time": "2026-01-02T03:04:05.678901Z",
        "message": "",
        "metadata": {},
        "changes": {},
        "tree": {},
    }
    return document.dumps(first | dict(changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": True},
        {"features": ["new"]},
        {"features": [{}]},
        {"features": None},
        {"parents": ["../secret"]},
        {"parents": [ZEROS]},
        {"parents": [ZEROS], "depth": 1, "generation": 1},
        {"parents": [ZEROS], "depth": 2, "generation": 2, "ancestors": [[2, ZEROS], [0, ZEROS]]},
        {"parents": [ZEROS], "depth": 2, "generation": 2, "ancestors": [[1, ZEROS]]},
        {"parents": [ZEROS], "depth": 2, "generation": 1, "ancestors": [[0, ZEROS]]},
        {"depth": 1, "generation": 1, "ancestors": [[0, ZEROS]]},
        {"merges": 1},
        {"merges": -1},
        {"merges": None},
        {"time": "2026-01-02"},
        {"time": "٢٠٢٦-01-02T03:04:05.678901Z"},
        {"more": 1},
    ],
)
def test_a_commit_that_cannot_be_is_refused(changes: Mapping[str, Any]) -> None:
    commit.decode(commit_with({}), commit.CommitDocument, what="commit")
    with pytest.raises(FormatError):
        commit.decode(commit_with(changes), commit.CommitDocument, what="commit")


@pytest.mark.parametrize("name", ["größe", "👨‍👩‍👧", "a b", "n°\u00a01", "ä" * 200])
def test_nodes_are_called_anything_that_can_be_seen(name: str) -> None:
    object_keys.check_node_name(name, what="array")


@pytest.mark.parametrize("name", ["", ".", "..", "__a", "a/b", "a\n", "\x85", "\u202e", "\ud800"])
def test_a_name_that_misleads_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        object_keys.check_node_name(name, what="array")


@pytest.mark.parametrize("name", ["a" * 200, "ö" * 41, "ö" * 41 + "/" + "ö" * 41])
def test_a_ref_has_a_file_name(name: str) -> None:
    assert all(len(part) <= 255 for part in object_keys.branch(name).split("/"))


@pytest.mark.parametrize("name", ["a" * 201, "ö" * 42, "a.json", "a.json/b", "a/@", ZEROS])
def test_a_ref_that_has_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        object_keys.branch(name)


@pytest.mark.parametrize("name", ["%2e%2e", "a%41", "a%ff", "ä", ".hidden", "a.json", "a b"])
def test_an_object_that_is_no_ref_has_no_name(name: str) -> None:
    assert object_keys.find_ref_name(Key(f"refs/branches/{name}.json")) is None


def test_what_cannot_be_read_again_is_not_committed(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    with pytest.raises(InvalidInputError, match="64 levels"), repo.transaction(message="") as tx:
        tx.create_array("/".join("a" * 40), shape=(1,), dtype="int8")
    assert list(repo.branches) == []


def test_metadata_without_an_order_of_its_own_is_refused(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    with (
        pytest.raises(InvalidInputError, match="set"),
        repo.transaction(message="", metadata={"tags": {"a", "b"}}, allow_empty=True),
    ):
        pass


def test_reading_a_zero_dimensional_array(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction(message="") as tx:
        tx.create_array("x", shape=(), dtype="int8")[...] = 7
    x = repo.checkout()["x"]
    assert isinstance(x, vstore.Array)
    assert x[...] == 7


def group(**members: Any) -> dict[str, Any]:
    metadata = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    return {"metadata": metadata, **members}


def decode_with_bucket(digit: str, bucket: Mapping[str, Any]) -> Node:
    data = document.dumps(bucket)
    value = group(buckets={digit: [digest_of(data), len(data), 500]})
    found = node_codec.decode(value, lambda _: [data], what="root")
    assert isinstance(found, GroupNode)
    assert len(list(found.children)) == len(found.children)
    return found


def test_a_group_finds_its_children_in_the_bucket_of_their_names() -> None:
    bucket = {"children": {"a": group(children={})}}
    digit = digest_of(b"a")[0]
    found = decode_with_bucket(digit, bucket)
    assert isinstance(found, GroupNode)
    assert list(found.children) == ["a"]
    for other in {"0", "f", "", "10"} - {digit}:
        with pytest.raises(FormatError):
            decode_with_bucket(other, bucket)


@pytest.mark.parametrize(
    "value",
    [
        group(),
        group(children={}, buckets={}),
        group(children={"a/b": group(children={})}),
        group(children={"..": group(children={})}),
        group(children={"a": {"ref": ["../secret", 10]}}),
        group(children={"a": {"ref": [ZEROS, 10], "metadata": {}}}),
        group(children={}, chunks={"height": 0, "chunks": 0, "stored": 0, "page": {}}),
        group(children={}, column={"kind": "ndarray"}),
        group(children={}, table={"keys": "float"}),
        {"metadata": {"node_type": "array"}, "children": {"a": group(children={})}},
        {"metadata": {"node_type": "array"}, "column": {"kind": "pickle"}},
        {"metadata": {"node_type": "array"}, "chunks": {"height": 0, "chunks": 0, "stored": 0}},
        {
            "metadata": {"node_type": "array"},
            "chunks": {"height": 7, "chunks": 1, "stored": 1, "ref": [ZEROS, 1]},
        },
        {"metadata": {"node_type": "link"}},
        {"metadata": {"node_type": "group", "attributes": 7}, "children": {}},
        {"metadata": {"node_type": "array", "attributes": []}},
    ],
)
def test_a_malformed_node_is_refused(value: Any) -> None:
    with pytest.raises(FormatError):
        node_codec.decode(value, lambda _: [b"{}"], what="root")


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("sample.deleted", "shape", [4]),
        ("sample.deleted", "data_type", "uint8"),
        ("sample", "shape", [2]),
        ("r.shape", "shape", [3, 2]),
        ("x", "shape", [2]),
    ],
)
def test_arrays_of_a_table_that_do_not_fit_together_are_refused(
    tmp_path: Path, name: str, member: str, value: Any
) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction(message="") as tx:
        columns = {"x": vstore.ndarray((), "int8"), "r": vstore.ndarray((None,), "int8")}
        staged = tx.create_table("t", columns, keys="int")
        staged.extend({"x": [1, 2, 3], "r": [[1], [2, 3], [4]]}, keys=[1, 2, 3])
        staged.delete(0)
    made_now = internals(tx).commit_made
    assert made_now is not None
    stored = document.parse(repo.store.get(object_keys.commit(made_now.id)), what="commit")
    stored["tree"]["children"]["t"]["children"][name]["metadata"][member] = value
    data = document.dumps(stored)
    repo.store.put(object_keys.commit(digest_of(data)), data)
    table = repo.checkout(digest_of(data))["t"]
    assert isinstance(table, vstore.Table)
    with pytest.raises(FormatError):
        _ = table[:], table.sample_keys()
