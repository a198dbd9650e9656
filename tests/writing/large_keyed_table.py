"""Tables of very many keyed samples, of which only the parts that are looked at are real."""

from collections.abc import Sequence
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

import vstore
from vstore.faces import internals
from vstore.format.deleted_rows import BLOCK_ROWS, DeletedRows
from vstore.format.index import locate
from vstore.format.table.key_index import (
    ROWS_PER_BUCKET,
    bucket_count,
    bucket_of,
    distinct,
    encode_bucket,
    marks_of_keys,
)
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.repository.repository import Repository
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore
from vstore.writing.deletions import Deletions
from vstore.writing.keys import index_metadata
from vstore.writing.staged_array import StagedArray
from vstore.writing.transaction import Transaction

ROWS_PER_CHUNK = 1024
KEYS_PER_CHUNK = 8192
FIRST = 2 * KEYS_PER_CHUNK


def large_keyed_table(
    samples: int, asked: Sequence[int], *, deleted: bool = False
) -> CountingStore:
    """Return a store with a table `t` whose i-th sample has the key i.

    Only the keys and buckets of the keys `asked` (those of new samples too) and the last
    chunk are what they would be; all others are copies, of the right size. With `deleted`,
    one sample in every 2^20 is.
    """
    store = CountingStore(MemoryStore(uuid4().hex))
    vstore.create(store.inner.url)
    repo = Repository(store)
    first = min(samples, FIRST)
    with repo.transaction("main", message="First chunks") as tx:
        columns = {"n": vstore.ndarray((), "int64", rows_per_chunk=ROWS_PER_CHUNK)}
        table = tx.create_table("t", columns, keys="int")
        table.extend({"n": np.arange(first)}, keys=range(first))
        if deleted:
            table.delete(keys=[7])
    if samples > first:
        with repo.transaction("main", message="All rows") as tx:
            _fill_up(tx, samples, asked)
        with repo.transaction("main", message="All buckets") as tx:
            _copy(tx, internals(tx["t"]).stored[KEY_INDEX], bucket_count(samples), 1)
    return store


def _fill_up(tx: Transaction, samples: int, asked: Sequence[int]) -> None:
    stored = internals(tx["t"]).stored
    stored.count = samples
    _copy(tx, stored["n"], samples, ROWS_PER_CHUNK)
    _copy(tx, stored[KEYS], samples, KEYS_PER_CHUNK)
    if DELETED in stored:
        _copy(tx, stored[DELETED], samples, BLOCK_ROWS)
        dead = np.arange(7, samples, BLOCK_ROWS)
        stored._deletions = Deletions(DeletedRows.of(dead))
    real = np.array([key for key in asked if key < samples], np.int64)
    for block in np.unique([*real // KEYS_PER_CHUNK, (samples - 1) // KEYS_PER_CHUNK]).tolist():
        rows = np.arange(block * KEYS_PER_CHUNK, min((block + 1) * KEYS_PER_CHUNK, samples))
        stored[KEYS].write((rows,), rows)
    index = stored._new(KEY_INDEX, index_metadata(), None)
    index.grow(bucket_count(samples))
    homes = bucket_of(marks_of_keys(np.array(asked, np.int64)), bucket_count(samples))
    for bucket in np.unique(homes).tolist():
        index.write(bucket, np.array(_bucket(bucket, samples, real), object))


def _bucket(number: int, samples: int, real: NDArray[np.int64]) -> bytes:
    """Return a bucket with what is asked for, and as many others as there would be."""
    count = bucket_count(samples)
    marks = marks_of_keys(real)
    here = bucket_of(marks, count) == number
    whole = 1 << (count - 1).bit_length()
    hashes = np.random.default_rng(number).integers(0, 2**56, ROWS_PER_BUCKET) // whole * whole
    others = (hashes + number).astype(np.uint64) << np.uint64(8)
    blocks = np.arange(ROWS_PER_BUCKET) * samples // ROWS_PER_BUCKET // KEYS_PER_CHUNK
    return encode_bucket(
        *distinct(
            np.concatenate([marks[here], others]),
            np.concatenate([real[here] // KEYS_PER_CHUNK, blocks]),
        )
    )


def _copy(tx: Transaction, array: StagedArray, length: int, step: int) -> None:
    """Let every chunk of an array that is not stored be the first stored one."""
    array.flush()
    there = set(array.stored())
    node = array.node
    assert node is not None
    (ref,) = locate(node.chunks, np.array([min(there)]), internals(tx).staged.fetcher.pages)
    array.grow(length)
    for number in range(-(-length // step)):
        if number not in there:
            array.adopt(number, ref)
