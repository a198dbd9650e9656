"""Reading what a server sends, and not more than was to be expected."""

from collections.abc import Awaitable, Callable

from vstore.storage.failure import too_long

_PART_NBYTES = 2**20


async def read_at_most(
    read: Callable[[int], Awaitable[bytes]], announced: int | None, most: int
) -> bytes:
    """Return a body of at most `most` bytes, in memory for no more than it has.

    Raises:
        RequestFailedError: it is longer, as `announced` or as it comes.
    """
    if announced is not None and announced > most:
        raise too_long(f"{announced:,}", most)
    parts, found = [], 0
    while part := await read(_PART_NBYTES):
        found += len(part)
        if found > most:
            raise too_long("more", most)
        parts.append(part)
    return b"".join(parts)
