"""The lock of a folder: taken within a time, or an error that says who holds it."""

import os
import sys
import time
from contextlib import suppress

from vstore.errors import StorageError, UnsupportedStoreError

if sys.platform != "win32":
    import fcntl

LOCK_SECONDS = 20.0
"""How long a lock is waited for. Whoever holds it renames one file, or deletes one."""

_LONGEST_PAUSE = 0.02


def hold_lock(descriptor: int, path: str) -> None:
    """Lock an open file until its descriptor is closed.

    Raises:
        StorageError: another process has held it for `LOCK_SECONDS`.
        UnsupportedStoreError: the system has no such locks.
    """
    if sys.platform == "win32":
        raise UnsupportedStoreError("a local store needs flock, which this system lacks")
    began, pause = time.monotonic(), 0.0005
    while not _is_taken(descriptor):
        if time.monotonic() - began > LOCK_SECONDS:
            raise StorageError(
                f"{path} has been locked for {LOCK_SECONDS:.0f} seconds by {_holder(descriptor)}",
                code="locked",
                hint="if that process is stopped, continue it or end it, then try again",
            )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def is_locked_now(descriptor: int) -> bool:
    """Lock an open file if nobody else holds the lock; return whether that succeeded."""
    return _is_taken(descriptor)


def _is_taken(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    """Return which process holds a lock, as far as this system tells."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError, IndexError):
            inode = str(os.fstat(descriptor).st_ino)
            with open("/proc/locks", encoding="ascii") as locks:
                # 1: FLOCK  ADVISORY  WRITE 4711 08:01:123456 0 EOF
                found = [line.split() for line in locks if " FLOCK " in line]
            for words in found:
                if words[-3].rpartition(":")[2] == inode and int(words[-4]) > 0:
                    return f"process {words[-4]}{_command(words[-4])}"
    return "another process, perhaps on another machine"


def _command(process: str) -> str:
    with suppress(OSError), open(f"/proc/{process}/cmdline", encoding="utf-8") as file:
        words = file.read(200).replace("\0", " ").strip()
        return f" ({words})" if words else ""
    return ""
