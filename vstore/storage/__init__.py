"""Where objects are kept: memory, local disk, S3, GCS, Azure, any fsspec filesystem."""

from typing import TYPE_CHECKING

from vstore.lazy import lazy_names

if TYPE_CHECKING:
    from vstore.storage.client import Engine
    from vstore.storage.counting import CountingStore, Request
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

__getattr__ = lazy_names(
    __name__,
    {
        "CountingStore": "vstore.storage.counting",
        "Data": "vstore.storage.store",
        "Engine": "vstore.storage.client",
        "Key": "vstore.storage.store",
        "LocalStore": "vstore.storage.local",
        "MemoryStore": "vstore.storage.memory",
        "ObjectInfo": "vstore.storage.store",
        "ObjectStore": "vstore.storage.store",
        "Request": "vstore.storage.counting",
        "Version": "vstore.storage.store",
        "open_store": "vstore.storage.open",
    },
)


def __dir__() -> list[str]:
    return list(__all__)
