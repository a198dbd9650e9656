"""What other processes write for a transaction that is open, until it takes it.

    journals/<token>/open.json             the transaction is open; deleted before its commit
    journals/<token>/entries/<name>.json   what one process wrote at one time

Entries are taken in the order of their names, which begin with the time, and are after all that
the writer had seen. The transaction says in entries of its own what became of it. When it is
over they are deleted; what a dead one leaves behind, garbage collection removes.
"""

import base64

import msgspec

from vstore.errors import FormatError
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest, parse_digest
from vstore.format.page import ChunkRef, PackRef
from vstore.format.seal import seal, unseal


class Write(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one key of the Zarr hierarchy.

    A chunk that was stored says where in the entry's pack it is, and its digest; `on` is the
    digest of what the writer had read there before ("" for nothing, None if it had not looked).
    Anything else says its bytes in base64. Neither: the key was deleted, or, where it ends
    in a slash, all below it.
    """

    key: str
    chunk: tuple[int, int, str] | None = None
    on: str | None = None
    data: str | None = None

    def __post_init__(self) -> None:
        if self.on:
            parse_digest(self.on, what="on")
        if self.data is not None:
            base64.b64decode(self.data, validate=True)
            if self.chunk is not None:
                raise ValueError("a write has a chunk or data, not both")


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the transaction holds, as a commit that no ref names; the states are numbered.

    `taken` are the entries that are in it and were in no state before.
    """

    number: int
    commit: str
    taken: list[str]

    def __post_init__(self) -> None:
        parse_digest(self.commit, what="commit")
        if self.number < 1:
            raise ValueError("states are numbered from 1")


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one process wrote at one time, in order; or what the transaction holds by then."""

    format: int
    writes: list[Write]
    pack: tuple[str, int] | None = None
    state: State | None = None

    def __post_init__(self) -> None:
        if self.pack is not None:
            parse_digest(self.pack[0], what="pack")
        end = 0 if self.pack is None else self.pack[1]
        if not 0 <= end < 2**53:
            raise ValueError("a pack cannot have that length")
        for write in self.writes:
            if write.chunk is None:
                continue
            offset, nbytes, digest = write.chunk
            parse_digest(digest, what="chunk")
            if self.pack is None or offset < 0 or not 0 <= nbytes <= end - offset:
                raise ValueError(f"the chunk of {write.key!r} lies outside the entry's pack")

    def ref(self, write: Write, *, what: str) -> ChunkRef:
        """Return where the chunk of a write is."""
        if self.pack is None or write.chunk is None:
            raise FormatError(f"{what} has a chunk that lies nowhere")
        offset, nbytes, digest = write.chunk
        pack = PackRef(parse_digest(self.pack[0], what=what), self.pack[1])
        return ChunkRef(pack, offset, nbytes, bytes.fromhex(parse_digest(digest, what=what)))


class JournalMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says that a transaction is open, and takes what is written for it."""

    format: int
    begun: str


def encode_mark(begun: Digest) -> bytes:
    """Return the mark of an open transaction, which other processes find at `begun`."""
    return seal(JournalMark(FORMAT, begun))


def encode_entry(writes: list[Write], pack: PackRef | None = None) -> bytes:
    """Return an entry of what was written, as it is stored."""
    return seal(JournalEntry(FORMAT, writes, pack and (pack.digest, pack.nbytes)))


def encode_state(number: int, commit: Digest, taken: list[str]) -> bytes:
    """Return an entry that says what the transaction holds, as it is stored."""
    return seal(JournalEntry(FORMAT, [], state=State(number, commit, taken)))


def decode_entry(data: bytes, *, what: str) -> JournalEntry:
    """Return a stored entry.

    Raises:
        FormatError: malformed, or of a newer format version.
        CorruptionError: it differs from its own check.
    """
    return unseal(data, JournalEntry, version=FORMAT, what=what)
