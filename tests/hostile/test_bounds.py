"""What is small where it is stored and endless where it is read ends in time, with an error."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.format.zarr.test_codec_safety import within
from tests.hostile.test_repositories import forged
from vstore import CorruptionError, FormatError, InvalidInputError, Repository, StorageError
from vstore.exporters import export_refs
from vstore.faces import internals
from vstore.format import document, object_keys
from vstore.format.digest import digest_of
from vstore.storage import Key
from vstore.storage.ranges import DOCUMENT_NBYTES, MOST_NBYTES

MIB = 2**20
GROUP = {"attributes": {}, "node_type": "group", "zarr_format": 3}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = vstore.create(tmp_path / "repository", author="Eve")
    with made.transaction("main", message="Start") as tx:
        columns = {"x": vstore.ndarray((), "int64", rows_per_chunk=4)}
        tx.create_table("t", columns).extend({"x": np.arange(10)})
        tx.create_array("a", shape=(4,), dtype="int8")[:] = 1
    with made.transaction("main", message="Delete") as tx:
        tx["t"].delete([2, 3])
    return made


def put_part(repository: Repository, value: dict[str, Any]) -> list[Any]:
    data = document.dumps(value)
    repository.store.put(object_keys.index(digest_of(data)), data)
    return [digest_of(data), len(data)]


def nested(repository: Repository, levels: int, names: tuple[str, ...]) -> Repository:
    """Return a repository with a tree of few objects, each of which stands below the next."""
    ref = put_part(repository, {"metadata": GROUP, "children": {}})
    for _ in range(levels):
        ref = put_part(
            repository, {"metadata": GROUP, "children": {name: {"ref": ref} for name in names}}
        )
    return forged(repository, lambda children: children.update(bomb={"ref": ref}))


USES: dict[str, Callable[[Repository, Path], object]] = {
    "summary": lambda repo, _: repo.checkout("main").summary(),
    "tables": lambda repo, _: repo.checkout("main").tables,
    "export": lambda repo, to: export_refs(repo.checkout("main"), to / "refs.json"),
}


@pytest.mark.parametrize(("levels", "names"), [(60, ("l", "r")), (3000, ("g",))])
def test_trees_that_double_and_deep_trees_are_refused_in_time(
    repository: Repository, tmp_path: Path, levels: int, names: tuple[str, ...]
) -> None:
    found = nested(repository, levels, names)
    for use in USES.values():
        began = time.monotonic()
        with within(128 * MIB), pytest.raises(FormatError, match=r"deep|in so many places"):
            use(vstore.open(repository.url), tmp_path)
        assert time.monotonic() - began < 60
    assert found.fsck(mode="full") is not None
    assert found.checkout("main")["a"][0] == 1


def test_equal_groups_in_many_places_are_walked(repository: Repository) -> None:
    with repository.transaction("main", message="Copies") as tx:
        for i in range(40):
            tx.create_array(f"g/{i}", shape=(1,), dtype="int8", attributes={"n": "x" * 2000})
        for i in range(30):
            tx.copy("g", f"copies/{i}")
    assert len(list(internals(repository.checkout("main")).tree.walk())) > 30 * 40


@pytest.mark.parametrize("counts", [[11], [2, 2], [2, 0], [0], [10, 10], []])
def test_counts_of_deleted_rows_that_do_not_fit_are_refused(
    repository: Repository, counts: list[int]
) -> None:
    def change(children: dict[str, Any]) -> None:
        children["t"]["table"]["deleted"] = counts
        if not counts:
            children["t"]["table"]["deleted"] = [2]
            del children["t"]["children"]["sample.deleted"]

    found = forged(repository, change)
    with pytest.raises(FormatError, match="does not fit"):
        len(found.checkout("main")["t"])
    with pytest.raises(FormatError, match="does not fit"):
        found.checkout("main")["t"]["x"][:]
    assert not found.fsck(mode="full").is_sound


@pytest.mark.parametrize("member", ["chunks", "stored"])
def test_sums_of_an_index_are_compared(repository: Repository, member: str) -> None:
    def change(children: dict[str, Any]) -> None:
        children["a"]["chunks"][member] += 1

    found = forged(repository, change)
    with pytest.raises(FormatError, match="says that it has"):
        found.checkout("main")["a"][:]
    assert not found.fsck().is_sound


@pytest.mark.parametrize("name", ["chunks", "column"])
def test_a_member_that_is_null_is_refused(repository: Repository, name: str) -> None:
    found = forged(repository, lambda children: children["a"].update({name: None}))
    with pytest.raises(FormatError, match="which is null"):
        found.checkout("main")["a"][:]


def test_documents_of_very_many_values_are_refused_before_they_are_parsed() -> None:
    for data in (b"[" + b"[]," * (8 << 20) + b"[]]", b"[" + b"1.5," * (8 << 20) + b"1]"):
        with within(64 * MIB), pytest.raises(FormatError, match="values"):
            document.parse(data, what="it")
    text = document.dumps({"text": ',"' * (2 << 20)})
    assert document.parse(text, what="it")["text"][:2] == ',"'
    with pytest.raises(InvalidInputError, match="values"):
        document.dumps([1] * (3 << 20))


def test_a_commit_of_very_many_parents_is_refused(repository: Repository) -> None:
    head = internals(repository).refs.get_branch("main")
    value = document.parse(repository.store.get(object_keys.commit(head.commit)), what="commit")
    value["parents"] += [digest_of(b"%d" % i) for i in range(1024)]
    data = document.dumps(value)
    repository.store.put(object_keys.commit(digest_of(data)), data)
    with pytest.raises(FormatError, match="at most 1024 parents"):
        Repository(repository.store).commit(digest_of(data))


def sparse(repository: Repository, key: str) -> None:
    path = Path(repository.url, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(2**40)


@pytest.mark.parametrize("what", ["branch", "vstore.json", "commit", "state"])
def test_sparse_documents_take_no_memory(repository: Repository, what: str) -> None:
    head = repository.branches["main"]
    key = {
        "branch": "refs/branches/main.json",
        "commit": object_keys.commit(head),
        "state": "gc/state.json",
    }.get(what, what)
    sparse(repository, key)
    with within(32 * MIB):
        with pytest.raises(CorruptionError, match="at most"):
            repository.store.get(Key(key))
        with pytest.raises(CorruptionError):
            Repository(repository.store).gc(dry_run=True)


def test_a_sparse_pack_is_damaged_and_is_not_read_to_its_end(repository: Repository) -> None:
    (pack, *_) = [info.key for info in repository.store.list_prefix("packs/")]
    sparse(repository, pack)
    began = time.monotonic()
    with within(128 * MIB):
        report = repository.fsck(mode="full")
    assert not report.is_sound
    assert time.monotonic() - began < 60
    with pytest.raises(CorruptionError, match="at most"):
        repository.store.get(Key(pack))
    with pytest.raises(CorruptionError, match="at once"):
        repository.store.get_range(Key(pack), 0, MOST_NBYTES + 1)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_ends_a_commit_with_an_error(
    repository: Repository, make: Callable[[Path], None]
) -> None:
    path = Path(repository.url, "refs/branches/main.json")
    path.unlink()
    make(path)
    tx = repository.transaction("main", message="Again")
    tx.create_array("b", shape=(1,), dtype="int8")[:] = 1
    with pytest.raises((StorageError, vstore.NotFoundError)):
        tx.commit()


def test_documents_are_bounded_by_the_format() -> None:
    assert DOCUMENT_NBYTES == document.MAX_DOCUMENT_NBYTES
