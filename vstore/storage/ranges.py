"""What every store promises of a byte range, said once."""

from vstore.errors import CorruptionError, InvalidInputError
from vstore.storage.store import Key


def check_range(key: Key, start: int, nbytes: int) -> None:
    """Refuse a range that no object can have.

    A range of no bytes is answered with no bytes and without a request: HTTP cannot ask for one.
    """
    if start < 0 or nbytes < 0:
        raise InvalidInputError(f"{key!r} has no range of {nbytes} bytes from {start}")


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
