"""Room on a disk that is set aside for what frees room: collecting garbage, and deleting names.

Both write small files before they remove any. On a disk without room they would fail, and
nobody could free any by means of vstore.
"""

import os
from contextlib import suppress

from vstore.storage.folder import Folder
from vstore.storage.local_file import FULL
from vstore.storage.store import Key

RESERVE_NBYTES = 256 * 1024
NAME = "reserve"
FREEING = ("gc/", "refs/")
"""Where the objects are that are written to free others."""


def may_use(key: Key, failure: OSError) -> bool:
    """Return whether a write failed for want of room, and is one that the room is kept for."""
    return failure.errno in FULL and key.startswith(FREEING)


def set_aside(private: Folder) -> None:
    """Keep room in a folder, unless it is kept already or the disk has little more."""
    if private.find(NAME) is not None:
        return
    disk = os.fstatvfs(private.descriptor)
    if disk.f_bavail * disk.f_frsize < 4 * RESERVE_NBYTES:
        return
    with suppress(OSError):
        descriptor = private.create_file(NAME, mode=0o600)
        try:
            _allocate(descriptor)
        finally:
            os.close(descriptor)


def give_up(private: Folder) -> bool:
    """Free the room that was kept; return whether there was any."""
    is_kept = private.find(NAME) is not None
    private.remove(NAME)
    return is_kept


def _allocate(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, RESERVE_NBYTES)
    else:
        os.write(descriptor, bytes(RESERVE_NBYTES))
