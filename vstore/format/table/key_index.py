"""The index of keys: from a sample's name to the chunks of the keys that may hold it.

A table with many keys has an array of *buckets* next to it. A bucket lists marks of names,
64-bit hashes, each with the number of a chunk of the array `sample` in which a key has that
name. The buckets grow one by one, as linear hashing has it (Litwin, 1980): the number of
rows says how many there are, and a new one takes its names from one other.

Names that differ in their last two digits only are in one bucket, so that keys counted up
touch few of them.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format import document
from vstore.format.numbers import ChunkNumbers, Ints, StoredRows

FEWEST_ROWS = 2**14
"""A table with no more stored rows has no index: its keys are read as a whole."""

ROWS_PER_BUCKET = 1024

Marks = NDArray[np.uint64]

_ENTRY_NBYTES = 12
_HASH_NBYTES = 7
_PARTS = msgspec.json.Decoder(tuple[int | str, ...])
_LAST_DIGITS = re.compile(r"([0-9])([^0-9]*)([0-9])([^0-9]*)\Z")


def bucket_count(rows: int) -> int:
    """Return how many buckets a table of this many stored rows has; 0 where it has no index.

    >>> bucket_count(16384), bucket_count(16385), bucket_count(100_000_000)
    (0, 17, 97657)
    """
    return 0 if rows <= FEWEST_ROWS else -(-rows // ROWS_PER_BUCKET)


def bucket_of(marks: Marks, count: int) -> Ints:
    """Return in which of `count` buckets each mark is."""
    whole = 1 << max(count - 1, 0).bit_length()
    hashes = (marks >> np.uint64(8)).astype(np.int64)
    found = hashes & (whole - 1)
    return np.where(found < count, found, found & (whole // 2 - 1))


def marks_of(names: Sequence[str]) -> Marks:
    """Return the marks of names: a hash in the upper 56 bits, the last two digits below it."""
    hashes: dict[str, int] = {}
    marks = np.empty(len(names), np.uint64)
    for i, name in enumerate(names):
        group, digits = _split(name)
        found = hashes.get(group)
        if found is None:
            found = hashes[group] = _hash(group)
        marks[i] = found | digits
    return marks


def _split(name: str) -> tuple[str, int]:
    """Return a name with zeros for its last two digits, and these; as it is where it has none.

    >>> _split("img-0123.jpg"), _split("x1"), _split("-25")
    (('img-0100.jpg', 23), ('x1', 0), ('-00', 25))
    """
    found = _LAST_DIGITS.search(name)
    if found is None:
        return name, 0
    tens, between, ones, rest = found.groups()
    return f"{name[: found.start()]}0{between}0{rest}", 10 * int(tens) + int(ones)


def _hash(group: str) -> int:
    return int.from_bytes(blake3(group.encode()).digest(_HASH_NBYTES), "big") << 8


def marks_of_keys(stored: NDArray[Any]) -> Marks:
    """Return the marks of keys, given as they are stored."""
    if stored.dtype != np.int64:
        return marks_of(stored.tolist())
    # As for the digits in their text, but a group at a time.
    negative, hundreds = stored < 0, np.abs(stored) // 100
    digits = np.abs(stored) - 100 * hundreds
    short = (stored > -10) & (stored < 10) | (stored == np.iinfo(np.int64).min)
    marks: Marks = digits.astype(np.uint64)
    marks[short] = marks_of([str(key) for key in stored[short].tolist()])
    for sign, among in (("", ~negative & ~short), ("-", negative & ~short)):
        groups, which = np.unique(hundreds[among], return_inverse=True)
        texts = [f"{sign}{group or ''}00" for group in groups.tolist()]
        marks[among] |= np.array([_hash(text) for text in texts], np.uint64)[which]
    return marks


def text_below(parts: Sequence[int | str]) -> str:
    """Return the name of a tuple, or of those that begin with it."""
    return document.dumps(list(parts)).decode()


def entries_below(stored: NDArray[Any], rows: StoredRows) -> tuple[Marks, StoredRows]:
    """Return the marks of the shorter tuples that stored ones begin with, and where those are."""
    known: dict[tuple[int | str, ...], int] = {}
    which: list[int] = []
    at: list[int] = []
    for text, row in zip(stored.tolist(), rows.tolist(), strict=True):
        parts = _parts(text)
        for length in range(1, len(parts)):
            which.append(known.setdefault(parts[:length], len(known)))
            at.append(row)
    marks = marks_of([text_below(parts) for parts in known])
    return marks[np.array(which, np.int64)], np.array(at, np.int64)


def _parts(stored: str) -> tuple[int | str, ...]:
    try:
        return _PARTS.decode(stored)
    except msgspec.MsgspecError as exc:
        raise FormatError(
            f"the key {stored!r} is not a JSON array of integers and strings"
        ) from exc


def ranges(first: Ints, counts: Ints) -> Ints:
    """Return the numbers from each first on, this many of each, one range after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    found: Ints = np.arange(total) + np.repeat(first - (ends - counts), counts)
    return found


def distinct(marks: Marks, blocks: ChunkNumbers) -> tuple[Marks, ChunkNumbers]:
    """Return entries in order, each once."""
    order = np.lexsort((blocks, marks))
    marks, blocks = marks[order], blocks[order]
    fresh = np.ones(len(marks), bool)
    fresh[1:] = (marks[1:] != marks[:-1]) | (blocks[1:] != blocks[:-1])
    return marks[fresh], blocks[fresh]


def encode_bucket(marks: Marks, blocks: ChunkNumbers) -> bytes:
    """Return a bucket of entries that are in order: all marks, then all chunk numbers."""
    return marks.astype("<u8").tobytes() + blocks.astype("<u4").tobytes()


def decode_bucket(data: bytes) -> tuple[Marks, ChunkNumbers]:
    """Return the entries of a bucket, or raise `FormatError`."""
    count, rest = divmod(len(data), _ENTRY_NBYTES)
    if rest:
        raise FormatError(
            f"a bucket of the key index cannot have {len(data)} bytes", code="malformed-key-index"
        )
    marks = np.frombuffer(data, "<u8", count).astype(np.uint64)
    blocks = np.frombuffer(data, "<u4", count, offset=8 * count).astype(np.int64)
    same = marks[1:] == marks[:-1]
    if not ((marks[1:] > marks[:-1]) | (same & (blocks[1:] > blocks[:-1]))).all():
        raise FormatError("a bucket of the key index is out of order", code="malformed-key-index")
    return marks, blocks
