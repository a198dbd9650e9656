"""Where chunks that were read from a remote are kept on disk."""

import os
import sys
from pathlib import Path

from vstore.reading.disk_cache import DiskCache
from vstore.reading.remote_settings import RemoteSettings
from vstore.storage.location import scheme_of
from vstore.storage.store import ObjectStore

_IN_A_REPOSITORY = (".vstore", "cache")
"""Below the one directory of a local repository that holds no objects."""


def open_cache(store: ObjectStore, settings: RemoteSettings) -> DiskCache | None:
    """Return the cache for what is read in place of what a store lacks, None if there is none.

    A repository in memory has none, unless a directory is given.
    """
    if not settings.cache_nbytes:
        return None
    directory = settings.cache_dir
    if directory is None:
        directory = _place(store.url)
    if directory is None:
        return None
    path = Path(directory).expanduser().absolute()
    return DiskCache(path, settings.cache_nbytes)


def _place(url: str) -> Path | None:
    scheme = scheme_of(url)
    if scheme == "memory":
        return None
    if scheme is None and os.access(url, os.W_OK):
        return Path(url, *_IN_A_REPOSITORY)
    return user_caches()


def user_caches() -> Path:
    """Return the directory for caches of this user, as the platform has it."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        return Path(base or Path.home() / "AppData" / "Local") / "vstore" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vstore"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if os.path.isabs(base) else Path.home() / ".cache") / "vstore"
