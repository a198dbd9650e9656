"""Checking what tables say of their rows: distinct keys, a right index, counts of the deleted."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from vstore.errors import VstoreError
from vstore.faces import internals
from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.digest import Digest
from vstore.format.numbers import ChunkNumbers
from vstore.format.table import key_index
from vstore.format.table.key_index import Marks
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.table.sample_keys import find_key_kind
from vstore.maintenance.fsck.findings import Findings
from vstore.maintenance.fsck.tables import tables_of
from vstore.reading.array import ChunkSource, StoredArray, read
from vstore.reading.fetch import Fetcher
from vstore.reading.table import Table

_BUCKETS_AT_ONCE = 1024


def check_keys(fetcher: Fetcher, commits: Iterable[Digest], findings: Findings) -> None:
    """Report the tables of some commits whose keys or index of keys are wrong.

    About 40 bytes of memory go for each key of the largest table. What cannot be read is
    left out: it is reported as what it is.
    """
    seen: list[Any] = []
    for commit, path, table in tables_of(fetcher, commits):
        detail = _counts_problem(table)
        if detail:
            where = f"{path}/{DELETED}"
            findings.report(where, "malformed", f"the table in {commit[:12]}: {detail}")
            continue
        state = _state(table)
        if table.key_kind is None or state in seen:
            continue
        seen.append(state)
        try:
            problem = _problem(table)
        except VstoreError as exc:
            problem = _own(exc)
        if problem:
            detail = f"the keys of the table in {commit[:12]}: {problem}"
            findings.report(f"{path}/{KEYS}", "malformed", detail)


def _state(table: Table) -> Any:
    sources = [internals(table).find_source(name) for name in (KEYS, KEY_INDEX)]
    return [each.node for each in sources if isinstance(each, StoredArray)]


def _own(error: VstoreError) -> str:
    """Return what is wrong with an index, nothing for damage that is found elsewhere."""
    return str(error) if error.code == "malformed-key-index" else ""


def _counts_problem(table: Table) -> str:
    """Return how the counts of deleted rows differ from the marks, nothing where they do not."""
    marks, info = internals(table).find_source(DELETED), internals(table).node.table
    said = list(info.deleted) if info is not None else []
    if marks is None:
        return f"{sum(said)} rows are said to be deleted and none is marked" if said else ""
    found: list[int] = []
    for start in range(0, marks.metadata.shape[0], BLOCK_ROWS):
        try:
            found.append(int(read(marks, slice(start, start + BLOCK_ROWS)).sum()))
        except VstoreError:
            return ""
    while found and not found[-1]:
        del found[-1]
    return "" if found == said else "other rows are marked as deleted than are counted"


def _problem(table: Table) -> str:
    """Return what is wrong with a table's keys or their index, nothing where they are right."""
    keys, index = internals(table).find_source(KEYS), internals(table).find_source(KEY_INDEX)
    buckets = key_index.bucket_count(internals(table).rows.stored)
    if keys is None:
        return "they are missing" if internals(table).rows.stored else ""
    internals(table).check_stored_keys(keys)
    marks, below = _entries(table, keys)
    double = _double(table, keys, marks)
    if double is not None:
        return f"{double!r} names two samples"
    if index is None:
        return "there is no key index" if buckets else ""
    if index.metadata.shape != (buckets,):
        return f"the key index has the shape {index.metadata.shape}, not {(buckets,)}"
    blocks = np.arange(len(marks), dtype=np.int64) // keys.metadata.chunk_shape[0]
    both = [(marks, blocks), *below]
    marks, blocks = (np.concatenate(parts) for parts in zip(*both, strict=True))
    wrong = list(_wrong(index, *key_index.distinct(marks, blocks)))
    return f"{len(wrong)} of {buckets} buckets of the key index are wrong" if wrong else ""


def _entries(table: Table, keys: ChunkSource) -> tuple[Marks, list[tuple[Marks, ChunkNumbers]]]:
    """Return the marks of all keys, and what the index says of shorter tuples."""
    step, rows = keys.metadata.chunk_shape[0], internals(table).rows.stored
    kind = find_key_kind(table.key_kind)
    marks = [np.zeros(0, np.uint64)]
    below: list[tuple[Marks, ChunkNumbers]] = []
    for start in range(0, rows, step):
        here = np.arange(start, min(start + step, rows))
        stored = read(keys, slice(start, start + step))
        marks.append(key_index.marks_of_keys(stored))
        if kind is not None and kind.has_prefixes:
            shorter, at = key_index.entries_below(stored, here)
            below.append(key_index.distinct(shorter, at // step))
    return np.concatenate(marks), below


def _double(table: Table, keys: ChunkSource, marks: Marks) -> Any:
    """Return a key that two live rows have, or None."""
    live = internals(table).rows.live()
    order = live[np.argsort(marks[live], kind="stable")]
    alike = np.flatnonzero(marks[order][1:] == marks[order][:-1])
    for i in alike.tolist():
        a, b = read(keys, (order[i : i + 2],)).tolist()
        if a == b:
            return a
    return None


def _wrong(index: ChunkSource, marks: Marks, blocks: ChunkNumbers) -> Iterator[int]:
    """Yield the buckets that do not hold exactly those of the entries that belong there."""
    count = index.metadata.shape[0]
    homes = key_index.bucket_of(marks, count)
    order = np.argsort(homes, kind="stable")
    numbers = np.arange(count)
    bounds = np.searchsorted(homes[order], [numbers, numbers + 1]).T.tolist()
    for start in range(0, count, _BUCKETS_AT_ONCE):
        stored = read(index, slice(start, start + _BUCKETS_AT_ONCE))
        for number, data in enumerate(stored.tolist(), start):
            here = order[slice(*bounds[number])]
            if data != key_index.encode_bucket(marks[here], blocks[here]):
                yield number
