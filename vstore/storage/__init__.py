"""Where objects are kept: memory, local disk, S3, GCS, Azure, any fsspec filesystem."""

from vstore.storage.counting import CountingStore, Request
from vstore.storage.engines import Engine
from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.open import open_store
from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version

__all__ = [
    "CountingStore",
    "Data",
    "Engine",
    "Key",
    "LocalStore",
    "MemoryStore",
    "ObjectInfo",
    "ObjectStore",
    "Request",
    "Version",
    "open_store",
]
