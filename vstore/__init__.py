"""vstore: version control for tensor data, straight on object storage.

>>> import vstore
>>> repo = vstore.create("memory://tour")
>>> with repo.transaction("main", message="Add digits") as tx:
...     table = tx.create_table("train", {"label": vstore.ndarray((), "int64")})
...     table.extend({"label": [3, 1, 4]})
>>> repo.checkout("main")["train"]["label"][1:]
array([1, 4])
"""

from vstore.array import Array
from vstore.column import Column
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
from vstore.format.samples import ColumnSpec, bytes_, image, ndarray, text
from vstore.history.commits import Commit
from vstore.merging.conflicts import Conflict, Use
from vstore.merging.merge import Merged
from vstore.opening import checkout, create
from vstore.opening import open_repository as open  # noqa: A004
from vstore.repository import Repository
from vstore.snapshot import Group, Snapshot
from vstore.summary import Summary
from vstore.table import Table
from vstore.transaction import Transaction
from vstore.version import __version__

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
