"""Repositories whose every document is well formed, and means harm."""

import base64
import os
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.format.zarr.test_codec_safety import within
from vstore import FormatError, Repository, VstoreError
from vstore.faces import internals
from vstore.format import document, object_keys
from vstore.format.digest import digest_of
from vstore.format.index import walk
from vstore.format.page import PageRef, decode_page, encode_inner, encode_leaf

MIB = 2**20
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = vstore.create(tmp_path / "repository")
    with made.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64", rows_per_chunk=4)})
        table.extend({"x": np.arange(10)})
        tx.create_array("a", shape=(8, 8), dtype="int32", chunk_shape=(4, 4))[:] = 1
    with made.transaction("main", message="Delete") as tx:
        tx["t"].delete([3])
    return made


def forged(repository: Repository, change: Change) -> Repository:
    """Move the branch to a commit that vstore would not write; its digest is right."""
    head = internals(repository).refs.get_branch("main")
    value = document.parse(repository.store.get(object_keys.commit(head.commit)), what="commit")
    change(value["tree"]["children"])
    data = document.dumps(value)
    repository.store.put(object_keys.commit(digest_of(data)), data)
    internals(repository).refs.move_branch(head, digest_of(data), action="forge")
    return Repository(repository.store)


def rows(length: int) -> Change:
    def change(children: dict[str, Any]) -> None:
        for node in children["t"]["children"].values():
            node["metadata"]["shape"][0] = length

    return change


@pytest.mark.parametrize("length", [2**33, 2**40, 2**52])
def test_a_table_that_says_it_is_huge_takes_no_memory(repository: Repository, length: int) -> None:
    table: Any = forged(repository, rows(length)).checkout("main")["t"]

    with within(32 * MIB):
        assert len(table) == length - 1
        assert table["x"][3] == 4
        assert table[2]["x"] == 2
        assert table["x"][length - 2] == 0


def test_verifying_a_table_of_very_many_keys_ends(repository: Repository) -> None:
    with repository.transaction("main", message="Add keys", author="Eve") as tx:
        tx.create_table("k", {"x": vstore.ndarray((), "int8")}, keys="int").append({"x": 1}, key=1)

    def change(children: dict[str, Any]) -> None:
        for node in children["k"]["children"].values():
            node["metadata"]["shape"][0] = 2**40

    report = forged(repository, change).fsck(mode="full")
    (problem,) = [each for each in report.problems if each.key == "k/sample"]
    assert "1,099,511,627,776 rows" in problem.detail


def metadata(**members: Any) -> Change:
    return lambda children: children["a"]["metadata"].update(members)


def chunks(*shape: int) -> Change:
    grid = {"name": "regular", "configuration": {"chunk_shape": list(shape)}}
    return metadata(chunk_grid=grid)


BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


def sized(name: str) -> dict[str, Any]:
    return {"name": name, "configuration": {"length_bytes": 2**40}}


IMPOSSIBLE: dict[str, Change] = {
    "a chunk of no length": chunks(0, 4),
    "a chunk of negative length": chunks(-1, 4),
    "a chunk of 2^60 elements": chunks(2**40, 2**20),
    "a negative length": metadata(shape=[-1, 8]),
    "another rank": metadata(shape=[8, 8, 8]),
    "objects": metadata(data_type="object"),
    "NumPy's objects": metadata(data_type="|O"),
    "strings of 2^40 bytes": metadata(data_type=sized("fixed_length_utf32")),
    "bytes of 2^40 bytes": metadata(data_type=sized("null_terminated_bytes")),
    "pickle": metadata(codecs=[{"name": "numcodecs.pickle"}]),
    "objects as JSON": metadata(codecs=[{"name": "numcodecs.json2"}]),
    "a codec of any name": metadata(codecs=[BYTES, {"name": "os.system", "configuration": {}}]),
    "a transformer": metadata(storage_transformers=[{"name": "anything"}]),
    "a fill value of another type": metadata(fill_value="x" * 1000),
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_array_that_cannot_be_is_refused(repository: Repository, change: Change) -> None:
    found = forged(repository, change)

    snapshot: Any = found.checkout("main")
    with within(32 * MIB):
        with pytest.raises(VstoreError):
            _ = snapshot["a"][0, 0]
        assert snapshot["t"]["x"][3] == 4


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/b", "", "/etc/passwd", "__x", "a\x1b[2J", "a\u202eb"]
)
def test_a_node_with_a_name_that_misleads_is_refused(repository: Repository, name: str) -> None:
    found = forged(repository, lambda children: children.update({name: children["a"]}))
    with pytest.raises(VstoreError):
        found.checkout("main").summary()


@pytest.mark.parametrize("part", ["packs", "commits", "refs/branches/main.json"])
def test_links_that_leave_a_local_repository_are_not_followed(
    repository: Repository, tmp_path: Path, part: str
) -> None:
    """The bytes behind the link are right, and still nobody is led there."""
    revision = repository.branches["main"] if part == "commits" else "main"
    place = tmp_path / "repository" / part
    outside = tmp_path / "outside"
    place.rename(outside)
    place.symlink_to(outside)
    with pytest.raises(VstoreError, match="symbolic link"):
        _ = Repository(repository.store).checkout(revision)["a"][:]


def test_what_is_no_file_is_not_opened(repository: Repository, tmp_path: Path) -> None:
    """Opening a FIFO would wait for ever."""
    head = repository.branches["main"]
    place = tmp_path / "repository" / object_keys.commit(head)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(VstoreError):
        repository.store.get(object_keys.commit(head))


@pytest.fixture
def keyed(tmp_path: Path) -> Repository:
    made = vstore.create(tmp_path / "keyed")
    columns = {"n": vstore.ndarray((), "int64"), "text": vstore.text()}
    with made.transaction("main", message="Start") as tx:
        table = tx.create_table("t", columns, keys="str")
        table.extend({"n": np.arange(6), "text": list("abcdef")}, keys=list("uvwxyz"))
    with made.transaction("main", message="Change") as tx:
        tx["t"].loc["w"] = {"n": 7, "text": "changed"}
    return made


def without_keys(children: dict[str, Any]) -> None:
    del children["t"]["children"]["sample"]


def shortened(name: str, length: int) -> Change:
    def change(children: dict[str, Any]) -> None:
        children["t"]["children"][name]["metadata"]["shape"] = [length]

    return change


MISFITS: dict[str, Change] = {
    "no keys": without_keys,
    "few texts": shortened("text", 3),
    "many texts": shortened("text", 9),
    "one number": shortened("n", 1),
    "few keys": shortened("sample", 3),
    "many keys": shortened("sample", 9),
}


@pytest.mark.parametrize("change", MISFITS.values(), ids=MISFITS.keys())
def test_a_table_whose_arrays_do_not_fit_each_other_is_not_compared(
    keyed: Repository, change: Change
) -> None:
    whole = internals(keyed).refs.get_branch("main").commit
    first = keyed.checkout("main~1").commit.id
    made = forged(keyed, change)

    for old, new in [("main", whole), (whole, "main"), ("main", first), (first, "main")]:
        with pytest.raises(FormatError, match="'t'"):
            str(made.diff(old, new))


@pytest.mark.parametrize(
    ("column", "kind"), [("n", "text"), ("n", "image"), ("text", "image"), ("text", "bytes")]
)
def test_a_column_whose_array_is_not_one_of_its_kind_is_refused(
    keyed: Repository, column: str, kind: str
) -> None:
    def change(children: dict[str, Any]) -> None:
        children["t"]["children"][column]["column"]["kind"] = kind

    table = forged(keyed, change).checkout("main").tables["t"]
    with pytest.raises(FormatError, match=f"'{column}' .* is not one of {kind}"):
        table[column][:]


@pytest.mark.parametrize("length", [2**31, 2**62])
def test_rows_that_no_memory_could_list_are_not_compared(
    repository: Repository, length: int
) -> None:
    before = repository.checkout("main").commit.id
    made = forged(repository, rows(length))

    for old, new in [(before, "main"), ("main", before)]:
        with within(32 * MIB), pytest.raises(FormatError, match="rows"):
            str(made.diff(old, new))


def test_a_sample_that_says_it_has_a_million_chunks_costs_those_it_has(tmp_path: Path) -> None:
    made = vstore.create(tmp_path / "wide")
    images = np.arange(128, dtype="uint8").reshape(8, 4, 4)
    with made.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((4, 4), "uint8", rows_per_chunk=4)}).extend(
            {"x": images}
        )

    def widened(children: dict[str, Any]) -> None:
        children["t"]["children"]["x"]["metadata"]["shape"][1] *= 2**20

    column: Any = forged(made, widened).checkout("main")["t"]["x"]
    with within(64 * MIB):
        found = column[:2]
    assert found.shape == (2, 2**22, 4)
    assert found[:, :4].tolist() == images[:2].tolist()
    assert found[:, 4:8].tolist() == images[4:6].tolist()
    assert not found[:, 8:].any()


def keys_said(length: int) -> Change:
    def change(children: dict[str, Any]) -> None:
        rows(length)(children)
        children["t"]["table"]["keys"] = "str"

    return change


@pytest.mark.parametrize("length", [2**31, 2**40])
def test_keys_that_no_memory_could_hold_are_not_read(keyed: Repository, length: int) -> None:
    table: Any = forged(keyed, keys_said(length)).checkout("main")["t"]
    calls: list[Callable[[], Any]] = [
        table.sample_keys,
        lambda: table.loc["b"],
        lambda: table.positions(["b"]),
    ]
    for call in calls:
        with within(32 * MIB), pytest.raises(FormatError, match="chunks of keys"):
            call()


@pytest.mark.parametrize("counts", [[-1], [2, -1], [2**20 + 1]])
def test_blocks_that_cannot_have_so_many_deleted_rows_are_refused(
    repository: Repository, counts: list[int]
) -> None:
    made = forged(repository, lambda children: children["t"]["table"].update(deleted=counts))
    with pytest.raises(FormatError, match="deleted"):
        len(made.checkout("main")["t"])


def test_a_page_that_stands_for_ever_so_many_is_read_once(tmp_path: Path) -> None:
    """Six levels of pages, each 512 times the one below: some kilobytes for 512^6 chunks."""
    made = vstore.create(tmp_path / "pages")
    with made.transaction("main", message="Start") as tx:
        tx.create_array("a", shape=(2**57,), dtype="int64", chunk_shape=(8,))[:8] = 1
    forge_tower(made, height=5)
    found = vstore.open(tmp_path / "pages")
    with within(64 * MIB):
        assert found.fsck().is_sound
        found.gc(grace=timedelta(0))
        array: Any = found.checkout("main")["a"]
        assert array[0] == 1
        assert array[2**50] == 1
        head = found.checkout("main")
        node: Any = internals(head).tree.get("a")
        with pytest.raises(FormatError, match="stores 18,014,398,509,481,984 chunks"):
            next(walk(node.chunks, internals(head).fetcher.pages))


def forge_tower(repository: Repository, height: int) -> None:
    """Let the one stored chunk of `a` be every chunk."""
    node: Any = internals(repository.checkout("main")).tree.get("a")
    leaf: Any = decode_page(document.dumps(node.chunks.page), height=0, what="page")
    ref = leaf.ref(0)
    data = encode_leaf(dict.fromkeys(range(512), ref))
    below = PageRef(digest_of(data), len(data), 512, 512 * ref.nbytes)
    for _ in range(height):
        repository.store.put(object_keys.index(below.digest), data)
        data = encode_inner(dict.fromkeys(range(512), below))
        below = PageRef(digest_of(data), len(data), 512 * below.chunks, 512 * below.stored)
    repository.store.put(object_keys.index(below.digest), data)
    index: dict[str, Any] = {"height": height, "chunks": below.chunks, "stored": below.stored}
    index["ref"] = [below.digest, below.nbytes]

    def change(children: dict[str, Any]) -> None:
        children["a"]["chunks"] = index

    forged(repository, change)


def resealed(value: dict[str, Any]) -> bytes:
    members = {name: member for name, member in value.items() if name != "check"}
    return document.dumps(members | {"check": digest_of(document.dumps(members))})


TOMBSTONE = {"format": 1, "name": "main", "token": "0" * 32, "deleted": True}

REFS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "a log without end": lambda value: resealed(value | {"log": value["log"][:1] * 51}),
    "no log": lambda value: resealed(value | {"log": []}),
    "a log of another head": lambda value: resealed(value | {"log": value["log"][1:]}),
    "a move at no time": lambda value: resealed(
        value | {"log": [value["log"][0] | {"time": "yesterday"}]}
    ),
    "a tombstone as long as a branch": lambda _: b" " * 1000 + resealed(TOMBSTONE),
    "a tombstone with a long token": lambda _: resealed(TOMBSTONE | {"token": "0" * 1000}),
    "a tombstone that is none": lambda _: resealed(TOMBSTONE | {"deleted": False}),
    "a branch that is a tombstone": lambda value: resealed(value | {"deleted": True}),
}


@pytest.mark.parametrize("change", REFS.values(), ids=REFS.keys())
def test_a_branch_that_says_what_cannot_be_is_refused(
    repository: Repository, change: Callable[[dict[str, Any]], bytes]
) -> None:
    key = object_keys.branch("main")
    value = document.parse(repository.store.get(key), what="branch")
    repository.store.put(key, change(value))
    found = Repository(repository.store)
    for read in (found.checkout, found.log):
        with pytest.raises(FormatError):
            list(read("main"))
    report = found.fsck()
    assert key in str(report)
    assert not report.is_sound


def data_of(value: bytes) -> str:
    return base64.b64encode(value).decode()


Z = "0" * 64
PACK = [Z, 64]

ENTRIES: dict[str, dict[str, Any]] = {
    "a chunk beyond its pack": {"pack": PACK, "chunk": [1, 64, Z]},
    "a chunk before its pack": {"pack": PACK, "chunk": [-1, 4, Z]},
    "a chunk of negative length": {"pack": PACK, "chunk": [4, -4, Z]},
    "a chunk in no pack": {"pack": None, "chunk": [0, 64, Z]},
    "a pack of 2^60 bytes": {"pack": [Z, 2**60], "chunk": [0, 2**60, Z]},
    "a pack elsewhere": {"pack": ["../x", 64], "chunk": [0, 64, Z]},
    "a chunk without a digest": {"pack": PACK, "chunk": [0, 64, "x"]},
    "a chunk and data": {"pack": PACK, "chunk": [0, 64, Z], "data": ""},
    "other letters than those of base64": {"data": "!!!"},
    "base64 that was cut": {"data": "abc"},
    "letters beyond ASCII": {"data": "\xe9"},
    "a digest that is none": {"data": data_of(b"1"), "on": "zz"},
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_what_cannot_have_been_written_for_a_transaction_is_not_committed(
    repository: Repository, entry: dict[str, Any]
) -> None:
    head = repository.branches["main"]
    tx = repository.transaction("main", message="Lend")
    pickle.dumps(tx.store)
    (mark,) = [info.key for info in repository.store.list_prefix(object_keys.JOURNALS)]
    write = {"key": "a/c/0/0", **entry}
    value = {"format": 1, "pack": write.pop("pack", None), "writes": [write]}
    repository.store.put(object_keys.journal_entry(mark.split("/")[1], "0" * 20), resealed(value))
    with pytest.raises(FormatError, match="journals/"):
        tx.commit()
    tx.discard()
    assert repository.branches["main"] == head
