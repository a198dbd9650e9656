"""vstore: version control for tensor data, straight on object storage.

>>> import vstore
>>> repo = vstore.create("memory://tour")
>>> with repo.transaction("main", message="Add digits") as tx:
...     table = tx.create_table("train", {"label": vstore.ndarray((), "int64")})
...     table.extend({"label": [3, 1, 4]})
>>> repo.checkout("main")["train"]["label"][1:]
array([1, 4])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vstore.version import __version__

if TYPE_CHECKING:
    from vstore.diffing.diff import Diff
    from vstore.errors import (
        AlreadyExistsError,
        ClosedError,
        ConflictError,
        CorruptionError,
        FormatError,
        InvalidInputError,
        InvalidUrlError,
        MissingExtraError,
        NotFoundError,
        OutOfBoundsError,
        ReadOnlyError,
        StorageError,
        UnknownOutcomeError,
        UnsupportedStoreError,
        VstoreError,
    )
    from vstore.format.commit import Author, Changes
    from vstore.format.table.samples import ColumnSpec, bytes_, image, ndarray, text
    from vstore.history.commits import Commit
    from vstore.merging.conflicts import Conflict, Use
    from vstore.merging.merge import Merged
    from vstore.reading.array import Array
    from vstore.reading.column import Column
    from vstore.reading.snapshot import Group, Snapshot
    from vstore.reading.summary import Summary
    from vstore.reading.table import Table
    from vstore.repository.opening import checkout, create
    from vstore.repository.opening import open_repository as open  # noqa: A004
    from vstore.repository.repository import Repository
    from vstore.writing.transaction import Transaction

__all__ = [
    "AlreadyExistsError",
    "Array",
    "Author",
    "Changes",
    "ClosedError",
    "Column",
    "ColumnSpec",
    "Commit",
    "Conflict",
    "ConflictError",
    "CorruptionError",
    "Diff",
    "FormatError",
    "Group",
    "InvalidInputError",
    "InvalidUrlError",
    "Merged",
    "MissingExtraError",
    "NotFoundError",
    "OutOfBoundsError",
    "ReadOnlyError",
    "Repository",
    "Snapshot",
    "StorageError",
    "Summary",
    "Table",
    "Transaction",
    "UnknownOutcomeError",
    "UnsupportedStoreError",
    "Use",
    "VstoreError",
    "__version__",
    "bytes_",
    "checkout",
    "create",
    "image",
    "ndarray",
    "open",
    "text",
]

# Names are looked up when they are first used, so that a program pays for what it uses:
# `vstore --help` takes 0.15 s instead of 0.35 s, most of which would go to NumPy.
_HOMES = {
    "AlreadyExistsError": "vstore.errors",
    "Array": "vstore.reading.array",
    "Author": "vstore.format.commit",
    "Changes": "vstore.format.commit",
    "ClosedError": "vstore.errors",
    "Column": "vstore.reading.column",
    "ColumnSpec": "vstore.format.table.samples",
    "Commit": "vstore.history.commits",
    "Conflict": "vstore.merging.conflicts",
    "ConflictError": "vstore.errors",
    "CorruptionError": "vstore.errors",
    "Diff": "vstore.diffing.diff",
    "FormatError": "vstore.errors",
    "Group": "vstore.reading.snapshot",
    "InvalidInputError": "vstore.errors",
    "InvalidUrlError": "vstore.errors",
    "Merged": "vstore.merging.merge",
    "MissingExtraError": "vstore.errors",
    "NotFoundError": "vstore.errors",
    "OutOfBoundsError": "vstore.errors",
    "ReadOnlyError": "vstore.errors",
    "Repository": "vstore.repository.repository",
    "Snapshot": "vstore.reading.snapshot",
    "StorageError": "vstore.errors",
    "Summary": "vstore.reading.summary",
    "Table": "vstore.reading.table",
    "Transaction": "vstore.writing.transaction",
    "UnknownOutcomeError": "vstore.errors",
    "UnsupportedStoreError": "vstore.errors",
    "Use": "vstore.merging.conflicts",
    "VstoreError": "vstore.errors",
    "bytes_": "vstore.format.table.samples",
    "checkout": "vstore.repository.opening",
    "create": "vstore.repository.opening",
    "image": "vstore.format.table.samples",
    "ndarray": "vstore.format.table.samples",
    "open": "vstore.repository.opening",
    "text": "vstore.format.table.samples",
}

_CALLED = {"open": "open_repository"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vstore' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), _CALLED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
