"""How long objects and ranges may be, and what every store promises of a range; said once."""

from vstore.errors import CorruptionError, InvalidInputError
from vstore.storage.store import Key

DOCUMENT_NBYTES = 256 * 2**20
"""How long a JSON document may be: the format says so."""

MOST_NBYTES = 4 * 2**30
"""How long any other object may be that is read whole, and any range: more than any chunk."""


def most_nbytes(key: str) -> int:
    """Return how long an object of this name may be that is read whole."""
    return DOCUMENT_NBYTES if key.endswith(".json") else MOST_NBYTES


def check_length(key: str, nbytes: int) -> None:
    """Refuse an object that is too long to be read whole, before memory is taken for it.

    Raises:
        CorruptionError: it is.
    """
    if nbytes > most_nbytes(key):
        raise CorruptionError(
            f"{key!r} is said to have {nbytes:,} bytes; at most {most_nbytes(key):,} are read"
        )


def check_range(key: Key, start: int, nbytes: int) -> None:
    """Refuse a range that no object can have, or none that vstore wrote.

    A range of no bytes is answered with no bytes and without a request: HTTP cannot ask for one.
    """
    if start < 0 or nbytes < 0:
        raise InvalidInputError(f"{key!r} has no range of {nbytes} bytes from {start}")
    if nbytes > MOST_NBYTES:
        raise CorruptionError(
            f"a range of {nbytes:,} bytes of {key!r} was asked for; at most {MOST_NBYTES:,} are "
            "read at once"
        )


def too_short(key: Key, start: int, nbytes: int, *, found: int) -> CorruptionError:
    """Return the error of an object that ends inside the range asked for."""
    return CorruptionError(
        f"{key!r} is truncated: {nbytes} bytes from {start} were asked for, {found} are there"
    )


def slice_exactly(data: bytes, key: Key, start: int, nbytes: int) -> bytes:
    """Return the range of a whole object, or raise `CorruptionError` if it ends before."""
    found = data[start : start + nbytes]
    if len(found) != nbytes:
        raise too_short(key, start, nbytes, found=len(found))
    return found
