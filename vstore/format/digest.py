"""BLAKE3 digests: the names of all that is immutable."""

from collections.abc import Callable
from typing import NewType, TypeVar

from blake3 import blake3

from vstore.errors import CorruptionError, FormatError
from vstore.faces import exported_from

Digest = NewType("Digest", str)
"""64 lower-case hexadecimal digits: the id of a commit, the name of a pack."""

exported_from("vstore")(Digest)

Data = TypeVar("Data", bytes, memoryview)

_PART_NBYTES = 2**20
DIGEST_NBYTES = 32
READS = 5
"""How often bytes are read that come damaged in another way each time."""
RESTORE = "restore it from a copy with `repo.fsck(mode='full', repair_from=copy)`"
"""What to do about a damaged object."""

_HEX = frozenset("0123456789abcdef")


def raw_digest(data: bytes | bytearray | memoryview) -> bytes:
    """Return the 32 bytes of the BLAKE3 digest of `data`."""
    return blake3(data).digest()


def digest_of(data: bytes | bytearray | memoryview) -> Digest:
    """Return the BLAKE3 digest of `data`.

    >>> digest_of(b"")[:16]
    'af1349b9f5f9a1a6'
    """
    return Digest(blake3(data).hexdigest())


def digest_of_stream(read: Callable[[int], bytes]) -> Digest:
    """Return the digest of what `read` returns, a part at a time, until nothing is left.

    >>> import io
    >>> digest_of_stream(io.BytesIO(b"").read) == digest_of(b"")
    True
    """
    state = blake3()
    while part := read(_PART_NBYTES):
        state.update(part)
    return Digest(state.hexdigest())


def is_digest(text: str) -> bool:
    """Return whether `text` is spelled like a digest."""
    return len(text) == 2 * DIGEST_NBYTES and _HEX.issuperset(text)


def parse_digest(text: str, *, what: str) -> Digest:
    """Return `text` as a digest, or raise `FormatError` naming `what`."""
    if not is_digest(text):
        msg = f"{what} must be 64 lower-case hexadecimal digits, not {text[:80]!r}"
        raise FormatError(msg)
    return Digest(text)


def read_verified(
    read: Callable[[], Data], expected: bytes, *, what: str, first: Data | None = None
) -> Data:
    """Return what `read` brings, once it has the 32-byte digest `expected`; see `read_settled`.

    Raises:
        CorruptionError: the bytes never had the digest.
    """
    data = read_settled(read, expected, first=first)
    verify(data, expected, what=what)
    return data


def read_settled(read: Callable[[], Data], expected: bytes, *, first: Data | None = None) -> Data:
    """Return what `read` brings, right or wrong, once it is known to be what is there.

    Bytes that are damaged where they are come the same every time, bytes that are damaged
    on their way here do not: no client notices either. So reading ends with bytes that have
    the digest `expected`, when the same wrong ones have come twice, or after `READS` times.
    `first` was read already.
    """
    data = read() if first is None else first
    seen: set[bytes] = set()
    while (found := raw_digest(data)) != expected and found not in seen:
        seen.add(found)
        if len(seen) == READS:
            break
        data = read()
    return data


def verify(data: bytes | memoryview, expected: bytes, *, what: str) -> None:
    """Raise `CorruptionError` unless `data` has the 32-byte digest `expected`."""
    found = raw_digest(data)
    if found != expected:
        raise CorruptionError(
            f"{what} is damaged: its {len(data)} bytes have the digest {found.hex()}, "
            f"not {expected.hex()}",
            code="damaged-object",
            hint=RESTORE,
        )
