"""What a fetcher keeps of chunks: little, verified, and only what transactions touched."""

import numpy as np
import pytest

import vstore
from tests.repositories import counted, new_repository, table_of
from vstore.format.digest import digest_of, raw_digest
from vstore.format.object_keys import pack
from vstore.format.page import ChunkRef, PackRef
from vstore.reading.fetch import Fetcher
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore


def stored(*chunks: bytes) -> tuple[Fetcher, CountingStore, list[ChunkRef]]:
    """Return a pack of chunks and what reads it."""
    store = CountingStore(MemoryStore())
    data = b"".join(chunks)
    ref = PackRef(digest_of(data), len(data))
    store.put(pack(ref.digest), data)
    store.reset()
    refs, offset = [], 0
    for chunk in chunks:
        refs.append(ChunkRef(ref, offset, len(chunk), raw_digest(chunk)))
        offset += len(chunk)
    return Fetcher(store), store, refs


def test_a_chunk_anywhere_in_its_pack_reads_back() -> None:
    fetcher, _, refs = stored(b"first", b"second", b"third")
    assert [bytes(fetcher.chunk(ref)) for ref in refs] == [b"first", b"second", b"third"]


def test_prefetched_chunks_are_read_by_one_request_and_kept() -> None:
    fetcher, store, refs = stored(b"first", b"second", b"third")
    fetcher.prefetch(refs)
    assert store.count() == 1
    found: dict[int, bytes] = {}
    fetcher.each([*refs, None], lambda i, data: found.update({i: bytes(data or b"")}))
    assert found == {0: b"first", 1: b"second", 2: b"third", 3: b""}
    assert store.count() == 1


def test_reading_keeps_nothing_unless_asked() -> None:
    fetcher, store, refs = stored(b"first", b"second")
    for _ in range(3):
        fetcher.each(refs, lambda _, __: None)
    assert store.count() == 3


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vstore.reading.caches.ENCODED_NBYTES", 1000)
    chunks = [bytes([i]) * 100 for i in range(50)]
    fetcher, store, refs = stored(*chunks)
    for ref in refs:
        fetcher.each([ref], lambda _, __: None, keep=True)
    store.reset()
    for ref in refs[-10:]:
        fetcher.chunk(ref)
    assert store.count() == 0
    for ref in refs[:-10]:
        fetcher.chunk(ref)
    assert store.count() == 40
    fetcher.keep_chunk(b"large", bytes(500))
    fetcher.chunk(refs[-1])
    assert store.count() == 40, "a large chunk pushed out small ones"


def test_more_than_can_be_kept_is_not_prefetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vstore.reading.caches.ENCODED_NBYTES", 1000)
    fetcher, store, refs = stored(*(bytes([i]) * 100 for i in range(50)))
    fetcher.prefetch(refs)
    assert store.count() == 0


def test_a_transaction_reads_its_own_chunks_back_without_requests() -> None:
    repository = new_repository()
    writer, store = counted(repository)
    with writer.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64", rows_per_chunk=16)})
        table.extend({"x": np.arange(200)})
        store.reset()
        assert table["x"][5] == 5
    assert table_of(repository)["x"][:].tolist() == list(range(200))
    assert store.count("get_range") == 0
