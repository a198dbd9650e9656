"""A file of a local store that stays open, and what the system's errors become."""

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vstore.errors import NotFoundError, ReadOnlyError, StorageError, VstoreError
from vstore.storage.ranges import check_range, too_short
from vstore.storage.store import Key

_ABSENT = (errno.ENOENT, errno.ENOTDIR)
FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FIXED = 0x10
"""MAP_FIXED, which Python does not name; the same on all processors that Linux runs on."""


@contextmanager
def translated(key: Key, action: str) -> Iterator[None]:
    """Turn the system's errors into vstore's, here and nowhere else."""
    try:
        yield
    except VstoreError:
        raise
    except OSError as failure:
        if failure.errno in _ABSENT or (action == "read" and failure.errno == errno.EISDIR):
            raise NotFoundError(f"there is no object {key!r} ({failure.filename})") from failure
        file = f" ({failure.filename})" if failure.filename else ""
        where = f"{key!r}{file}: {failure.strerror}"
        if failure.errno in _REFUSED and action != "read":
            raise ReadOnlyError(f"this process may not {action} {where}") from failure
        if failure.errno in FULL:
            raise StorageError(
                f"cannot {action} {where}",
                code="disk-full",
                hint="free room on the disk; deleting branches and collecting garbage need none",
            ) from failure
        raise StorageError(f"cannot {action} {where}") from failure


class OpenFile:
    """An object that is open for reading; it is closed when nobody holds this any more."""

    def __init__(self, key: Key, descriptor: int) -> None:
        """Take over a descriptor."""
        self._key = key
        self._descriptor = descriptor

    def __del__(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)

    def read_into(self, start: int, target: memoryview) -> None:
        """Fill `target` with the bytes from `start`, or raise if there are not as many."""
        check_range(self._key, start, target.nbytes)
        try:
            done = os.preadv(self._descriptor, [target], start) if target.nbytes else 0
            while done < target.nbytes:
                count = os.preadv(self._descriptor, [target[done:]], start + done)
                if not count:
                    raise too_short(self._key, start, target.nbytes, found=done)
                done += count
        except OSError:
            with translated(self._key, "read"):
                raise

    def map_over(self, start: int, address: int, nbytes: int) -> bool:
        """Show bytes of the file at an address, in place of private memory of this process.

        Nothing is copied; writing there changes the memory alone, never the file. Returns
        False, changing nothing, where that is impossible: a file shown in memory begins and
        ends where pages do.
        """
        if _MMAP is None or (start | address | nbytes) % mmap.PAGESIZE or not nbytes:
            return False
        try:
            if os.fstat(self._descriptor).st_size < start + nbytes:
                return False
        except OSError:
            return False
        access, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _FIXED
        found = _MMAP(address, nbytes, access, kind, self._descriptor, start)
        return bool(found == address)


def _find_mmap() -> "ctypes._NamedFuncPointer | None":
    """Return the C library's `mmap`, on systems where it is known to take what is given here."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):  # Linux alone
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).mmap64
    except (OSError, AttributeError):
        try:
            function = ctypes.CDLL(None, use_errno=True).mmap
        except (OSError, AttributeError):
            return None
    function.restype = ctypes.c_void_p
    function.argtypes = [
        *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
        *(ctypes.c_int, ctypes.c_int, ctypes.c_int64),
    ]
    return function


_MMAP = _find_mmap()
