"""Who else may write into a directory."""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import grp
    import pwd


def others_may_write(folder: Path, descriptor: int | None = None) -> bool:
    """Return whether a user other than this one and root may write into a directory.

    Told by the owner and the mode of the directory, and by who owns a link that leads to it;
    access control lists are not read. False where there is no such directory. `descriptor` is
    of the directory, if that is open already.
    """
    if sys.platform == "win32":
        return False
    me = os.geteuid()
    try:
        itself, found = os.lstat(folder), os.stat(folder if descriptor is None else descriptor)
    except OSError:
        return False
    if {itself.st_uid, found.st_uid} - {0, me} or found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_group_of_one(found.st_gid, me)


def _is_group_of_one(group: int, user: int) -> bool:
    """Return whether a group is the one that many systems make for each user alone."""
    if sys.platform == "win32":
        return False
    with suppress(KeyError):
        found, name = grp.getgrgid(group), pwd.getpwuid(user).pw_name
        return found.gr_name == name and set(found.gr_mem) <= {name}
    return False
