"""A snapshot never changes, tells damage from data, and may be used from anywhere."""

import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import (
    array_of,
    assert_same_bits,
    committed_array,
    committed_table,
    counted,
    new_repository,
    table_of,
)
from vstore import Repository
from vstore.faces import internals
from vstore.storage.store import Key

VALUES = np.random.default_rng(0).integers(0, 2**40, (200, 7))
TEXTS = [f"text {i}" for i in range(200)]
COLUMNS = {
    "x": vstore.ndarray((7,), "int64", rows_per_chunk=16),
    "text": vstore.text(rows_per_chunk=16),
}


def on_disk(tmp_path: Path) -> Repository:
    repository = vstore.create(tmp_path / "repository")
    with repository.transaction("main", message="Add") as tx:
        tx.create_table("t", COLUMNS).extend({"x": VALUES, "text": TEXTS})
    return repository


def test_a_snapshot_never_changes() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        tx.create_table("t", COLUMNS).extend({"x": VALUES, "text": TEXTS})
        tx.create_array("a", shape=(10,), dtype="int64")[:] = 1
    snapshot, array = repository.checkout("main"), array_of(repository, "a")
    table = table_of(repository)
    column = table["x"]
    with repository.transaction("main", message="Change everything") as tx:
        tx["t"]["x"][:] = 0
        tx["t"].extend({"x": VALUES, "text": TEXTS})
        tx["t"].delete(slice(0, 100))
        tx["a"][:] = 2
    with repository.transaction("main", message="Delete everything") as tx:
        tx.delete("t")
        tx.delete("a")
    repository.branches.create("other", at="main")
    repository.reset("main", to="main~1")
    for seen in (table, table_of(repository, snapshot.commit.id)):
        assert len(seen) == 200
        assert_same_bits(seen["x"][:], VALUES)
        assert seen["text"][:].tolist() == TEXTS
    assert_same_bits(column[::-3], VALUES[::-3])
    assert array[:].tolist() == [1] * 10
    assert list(snapshot) == ["a", "t"]


def test_what_a_reader_gets_is_its_own() -> None:
    _, table = committed_table(COLUMNS, {"x": VALUES, "text": TEXTS})
    first = table["x"][:]
    first[:] = -1
    assert_same_bits(table["x"][:], VALUES)
    table["x"].attributes["a"] = 1
    assert table["x"].attributes == {}
    rows = table["x"][3:5]
    rows += 1
    assert_same_bits(table["x"][3:5], VALUES[3:5])


@pytest.mark.parametrize("dtype", ["int64", "float32", "S3", "M8[s]"])
def test_every_array_read_may_be_written_to(dtype: str) -> None:
    values = np.zeros((40, 3), dtype)
    for codecs in ("none", "fast", "balanced"):
        spec = vstore.ndarray((3,), dtype, rows_per_chunk=8, codecs=codecs)
        _, table = committed_table({"c": spec}, {"c": values})
        for index in (slice(None), slice(0, 8), slice(3, 5), [1, 2], 5):
            assert table["c"][index].flags.writeable


def test_a_snapshot_and_all_it_gives_pickle(tmp_path: Path) -> None:
    repository = on_disk(tmp_path)
    snapshot = repository.checkout("main")
    again: Any = pickle.loads(pickle.dumps(snapshot))
    assert again.commit == snapshot.commit
    assert_same_bits(again["t"]["x"][:], VALUES)
    for thing in (table_of(repository), table_of(repository)["x"]):
        pickle.loads(pickle.dumps(thing))
    column: Any = pickle.loads(pickle.dumps(table_of(repository)["text"]))
    assert column[:3].tolist() == TEXTS[:3]
    reopened: Any = pickle.loads(pickle.dumps(repository))
    assert reopened.resolve("main") == repository.resolve("main")
    assert reopened.author == repository.author


def test_a_pickle_holds_no_data(tmp_path: Path) -> None:
    repository = on_disk(tmp_path)
    table = table_of(repository)
    assert_same_bits(table["x"][:], VALUES)
    assert len(pickle.dumps(table["x"])) < 20_000


def _read_in_child(snapshot: vstore.Snapshot, start: int) -> list[int]:
    column: Any = snapshot["t/x"]
    rows: list[int] = column[start : start + 3, 0].tolist()
    return rows


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_one_snapshot(tmp_path: Path, method: str) -> None:
    snapshot = on_disk(tmp_path).checkout("main")
    assert_same_bits(snapshot["t/x"][:], VALUES)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(_read_in_child, [snapshot] * 4, [0, 50, 100, 150]))
    assert found == [VALUES[start : start + 3, 0].tolist() for start in (0, 50, 100, 150)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_while_others_read_can_read(tmp_path: Path) -> None:
    column = table_of(on_disk(tmp_path))["x"]
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            column[np.arange(0, 200, 7)]

    threads = [threading.Thread(target=read_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            assert _exit_code_of_child(column) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_while_a_lock_was_held_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vstore.reading.coalescing.MAX_RANGE_NBYTES", 1)
    column = table_of(on_disk(tmp_path))["x"]
    source: Any = internals(column).source
    fetcher = source.fetcher
    assert_same_bits(column[:], VALUES)
    with fetcher._threads._lock, fetcher._pages._lock, fetcher._chunks._lock:
        assert _exit_code_of_child(column) == 0


def _exit_code_of_child(column: vstore.Column) -> int:
    """Fork; the child reads and leaves at once. One that hangs is killed by its alarm."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            import signal  # noqa: PLC0415 - only the child wants it

            signal.alarm(20)
            code = 0 if (column[:] == VALUES).all() else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_threads_read_one_snapshot() -> None:
    repository, _ = committed_table(COLUMNS, {"x": VALUES, "text": TEXTS})
    fresh, store = counted(repository)
    snapshot: Any = fresh.checkout(repository.resolve("main"))

    def read(i: int) -> bool:
        rng = np.random.default_rng(i)
        picks = rng.integers(0, 200, 20)
        same = (snapshot["t"]["x"][picks] == VALUES[picks]).all()
        texts = snapshot["t"]["text"][picks].tolist()
        return bool(same) and texts == [TEXTS[pick] for pick in picks]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(64)))
    assert store.count("get") == 1


def _objects(repository: Repository, prefix: str) -> list[Key]:
    return [info.key for info in repository.store.list_prefix(prefix)]


def _many_chunks() -> Repository:
    """Return a repository whose array has index pages of their own."""
    rng = np.random.default_rng(0)
    return committed_array(rng.integers(0, 255, (1500, 8), "uint8"), chunk_shape=(1, 8))[0]


@pytest.mark.parametrize("prefix", ["packs/", "index/", "commits/"])
def test_one_flipped_bit_is_noticed(prefix: str) -> None:
    repository = _many_chunks()
    head = repository.resolve("main")
    for key in _objects(repository, prefix):
        data = bytearray(repository.store.get(key))
        data[len(data) // 2] ^= 4
        repository.store.put(key, bytes(data))
    with pytest.raises(vstore.CorruptionError, match=r"memory:.*damaged[^\n]*\nHint: restore"):
        vstore.open(repository.url).checkout(head)["x"][:]


@pytest.mark.parametrize("prefix", ["packs/", "index/"])
def test_a_missing_object_is_damage_not_a_missing_name(prefix: str) -> None:
    repository = _many_chunks()
    for key in _objects(repository, prefix):
        repository.store.delete(key)
    with pytest.raises(vstore.CorruptionError, match=r"missing[^\n]*\nHint: restore"):
        vstore.open(repository.url).checkout("main")["x"][:]


def test_damage_names_the_array() -> None:
    repository, _ = committed_table(COLUMNS, {"x": VALUES, "text": TEXTS})
    for key in _objects(repository, "packs/"):
        repository.store.put(key, bytes(len(repository.store.get(key))))
    with pytest.raises(vstore.CorruptionError) as raised:
        table_of(vstore.open(repository.url))["text"][5]
    assert any("t/text" in note for note in raised.value.__notes__)


def test_a_pack_cut_short_is_damage() -> None:
    repository, _ = committed_table(COLUMNS, {"x": VALUES, "text": TEXTS})
    for key in _objects(repository, "packs/"):
        repository.store.put(key, repository.store.get(key)[:-10])
    with pytest.raises(vstore.CorruptionError):
        table_of(vstore.open(repository.url))["x"][:]


def test_undamaged_chunks_stay_readable() -> None:
    repository, _ = committed_table(
        {"x": vstore.ndarray((7,), "int64", rows_per_chunk=16, codecs="none")}, {"x": VALUES}
    )
    (key,) = _objects(repository, "packs/")
    data = bytearray(repository.store.get(key))
    data[-1] ^= 1
    repository.store.put(key, bytes(data))
    column = table_of(vstore.open(repository.url))["x"]
    assert_same_bits(column[:100], VALUES[:100])
    with pytest.raises(vstore.CorruptionError):
        column[199]


def test_a_snapshot_leads_to_its_contents_by_path() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        tx.create_table("data/train", COLUMNS, attributes={"made": "by hand"}).extend(
            {"x": VALUES, "text": TEXTS}
        )
        tx.create_array("data/mean", shape=(7,), dtype="float64", attributes={"unit": "m"})
        tx.create_array("größe ✓", shape=(), dtype="int8")[...] = 3
    snapshot: Any = repository.checkout("main")
    assert list(snapshot) == ["data", "größe ✓"]
    assert len(snapshot) == 2
    group = snapshot["data"]
    assert list(group) == ["mean", "train"]
    assert "train" in group
    assert "test" not in group
    assert group["train"].attributes == {"made": "by hand"}
    assert snapshot["data/mean"].attributes == {"unit": "m"}
    assert snapshot["/data/train/"]["x"][3].tolist() == VALUES[3].tolist()
    assert snapshot["data/train/x"].shape == (200, 7)
    assert snapshot["größe ✓"][()] == 3
    assert list(snapshot.tables) == ["data/train"]
    assert "data/train/x" in snapshot
    assert "data/test" not in snapshot
    with pytest.raises(vstore.NotFoundError, match="'mean', 'train'"):
        snapshot["data/test"]
    with pytest.raises(vstore.NotFoundError, match="choose one of 'text', 'x'"):
        snapshot["data/train"]["y"]


def test_summaries_are_for_people_and_programs() -> None:
    repository, _ = committed_table(
        COLUMNS | {"r": vstore.ndarray((None, 2), "float32"), "i": vstore.image()},
        {
            "x": VALUES,
            "text": TEXTS,
            "r": [np.ones((i % 3, 2), "float32") for i in range(200)],
            "i": [np.zeros((2, 2), "uint8")] * 200,
        },
        keys="str",
        sample_keys=[f"k{i}" for i in range(200)],
    )
    with repository.transaction("main", message="Delete\nmore") as tx:
        tx["t"].delete([0, 1])
        tx.create_array("a", shape=(10,), dtype="int8")
    summary = repository.checkout("main").summary()
    text = str(summary)
    for words in ("198 samples, keyed by", "(198, 7)", "(198, ?, 2)", "image", "Delete", "arrays"):
        assert words in text
    assert "more" not in text
    plain = summary.to_dict()
    assert plain["tables"][0]["samples"] == 198
    assert plain["stored_nbytes"] == summary.stored_nbytes > 0
    assert repr(summary) == text


def test_what_people_hold_says_what_it_is() -> None:
    repository, table = committed_table(
        {"x": vstore.ndarray((3,), "f4"), "y": vstore.ndarray((), "i8"), "s": vstore.text()},
        {"x": np.zeros((5, 3), "f4"), "y": range(5), "s": list("abcde")},
        keys="int",
        sample_keys=range(5),
    )
    commit = repository.commit("main")
    assert str(commit) == f"{commit.id[:12]} {commit.message}"
    assert repr(commit) == (
        f"<vstore.Commit {commit.id[:12]} {commit.message!r} by {commit.author.name}, "
        f"{commit.time:%Y-%m-%d %H:%M:%S} UTC>"
    )
    assert repr(table) == (
        "<vstore.Table 't' 5 samples, keyed by int; s: text, x: float32[3], y: int64>"
    )
    assert repr(table.loc) == f"<int keys of {table!r}>"
    merged = repository.merge("main")
    for thing in (repository, repository.checkout("main"), repository.branches, merged):
        assert len(repr(thing)) < 200


def test_assigning_to_a_commit_says_where_to_write() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        tx.create_table("t", COLUMNS).extend({"x": VALUES, "text": TEXTS})
    with pytest.raises(TypeError, match="'x' is read from a commit, which never changes: assign"):
        table_of(repository)["x"][0] = VALUES[0]


def test_a_summary_of_few_values_shows_no_ratio_of_nought() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [1]})
    shown = str(repository.checkout("main").summary())
    assert "<0.1x" in shown
    assert " 0.0x" not in shown
