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
    from vstore.diffing.array_diff import ArrayDiff
    from vstore.diffing.attributes import AttributeChange
    from vstore.diffing.blamed import Blame
    from vstore.diffing.cell_changes import SampleChange
    from vstore.diffing.diff import Diff
    from vstore.diffing.diff_preview import DiffPreview
    from vstore.diffing.history import History
    from vstore.diffing.nodes import NodeChange
    from vstore.diffing.pairs import SamplePair
    from vstore.diffing.statistics import Moments, ValueStatistics
    from vstore.diffing.table_diff import TableDiff
    from vstore.diffing.values import ValueDigest
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
        NotHereError,
        OutOfBoundsError,
        PolicyError,
        ReadOnlyError,
        SignatureError,
        StorageError,
        UnknownOutcomeError,
        UnsupportedStoreError,
        VstoreError,
    )
    from vstore.format.commit import (
        Author,
        BranchDocument,
        Changes,
        DeletedDocument,
        LogEntry,
        RepositoryDocument,
        TagDocument,
    )
    from vstore.format.digest import Digest
    from vstore.format.table.images import ImageInfo
    from vstore.format.table.kinds import ColumnInfo, ColumnKind
    from vstore.format.table.sample_keys import KeyKindName, SampleKey
    from vstore.format.table.sounds import AudioInfo
    from vstore.format.table.specs import ColumnSpec, audio, bytes_, image, ndarray, text, texts
    from vstore.format.zarr.metadata import ArrayMetadata
    from vstore.history.commits import Commit
    from vstore.importers.datasets import from_dataset
    from vstore.maintenance.fsck.fsck import FsckCursor, FsckOptions
    from vstore.maintenance.fsck.fsck_report import FsckProblem, FsckReach, FsckReport
    from vstore.maintenance.fsck.policy_check import PolicyBreach
    from vstore.maintenance.gc.gc_report import DeadSpace, GcReport, Repacked
    from vstore.maintenance.gc.options import GcOptions
    from vstore.maintenance.probe.probe_report import ProbeCheck, ProbeReport
    from vstore.maintenance.progress import Amount, Progress, ProgressStep
    from vstore.maintenance.purge.purge_report import PurgeReport
    from vstore.maintenance.traces import Trace, TraceReport
    from vstore.maintenance.usage import Usage, UsageShare
    from vstore.merging.conflicts import Conflict, Resolution, Use
    from vstore.merging.merge import Merged
    from vstore.page.publishing import Publication, publish
    from vstore.partial.dropping import DroppedData
    from vstore.partial.fetching import FetchedData
    from vstore.partial.whereabouts import Whereabouts
    from vstore.reading.array import Array
    from vstore.reading.arrow_forms import ArrowForms
    from vstore.reading.column import Column
    from vstore.reading.key_indexer import KeyIndexer
    from vstore.reading.preview import Preview
    from vstore.reading.remote_settings import RemoteSettings
    from vstore.reading.snapshot import Group, Snapshot
    from vstore.reading.summary import ArraySummary, Summary, TableSummary
    from vstore.reading.table import Table
    from vstore.repository.branches import Branches, Tags
    from vstore.repository.cloning import clone
    from vstore.repository.opening import (
        checkout,
        create,
        open,  # noqa: A004
    )
    from vstore.repository.policies import Policies, Policy
    from vstore.repository.remote import AheadBehind, Remote
    from vstore.repository.remotes import Remotes
    from vstore.repository.repository import Repository
    from vstore.sharing.forks import Fork
    from vstore.signing.settings import SignatureSettings
    from vstore.signing.signatures import Signature
    from vstore.transfer.report import RefUpdate, TransferReport
    from vstore.writing.transaction import Transaction
    from vstore.writing.transaction_arrays import TransactionArray, TransactionColumn
    from vstore.writing.transaction_indexer import TransactionIndexer
    from vstore.writing.transaction_nodes import TransactionGroup
    from vstore.writing.transaction_table import TransactionTable
    from vstore.writing.upserting import Upserted

__all__ = [
    "AheadBehind",
    "AlreadyExistsError",
    "Amount",
    "Array",
    "ArrayDiff",
    "ArrayMetadata",
    "ArraySummary",
    "ArrowForms",
    "AttributeChange",
    "AudioInfo",
    "Author",
    "Blame",
    "BranchDocument",
    "Branches",
    "Changes",
    "ClosedError",
    "Column",
    "ColumnInfo",
    "ColumnKind",
    "ColumnSpec",
    "Commit",
    "Conflict",
    "ConflictError",
    "CorruptionError",
    "DeadSpace",
    "DeletedDocument",
    "Diff",
    "DiffPreview",
    "Digest",
    "DroppedData",
    "FetchedData",
    "Fork",
    "FormatError",
    "FsckCursor",
    "FsckOptions",
    "FsckProblem",
    "FsckReach",
    "FsckReport",
    "GcOptions",
    "GcReport",
    "Group",
    "History",
    "ImageInfo",
    "InvalidInputError",
    "InvalidUrlError",
    "KeyIndexer",
    "KeyKindName",
    "LogEntry",
    "Merged",
    "MissingExtraError",
    "Moments",
    "NodeChange",
    "NotFoundError",
    "NotHereError",
    "OutOfBoundsError",
    "Policies",
    "Policy",
    "PolicyBreach",
    "PolicyError",
    "Preview",
    "ProbeCheck",
    "ProbeReport",
    "Progress",
    "ProgressStep",
    "Publication",
    "PurgeReport",
    "ReadOnlyError",
    "RefUpdate",
    "Remote",
    "RemoteSettings",
    "Remotes",
    "Repacked",
    "Repository",
    "RepositoryDocument",
    "Resolution",
    "SampleChange",
    "SampleKey",
    "SamplePair",
    "Signature",
    "SignatureError",
    "SignatureSettings",
    "Snapshot",
    "StorageError",
    "Summary",
    "Table",
    "TableDiff",
    "TableSummary",
    "TagDocument",
    "Tags",
    "Trace",
    "TraceReport",
    "Transaction",
    "TransactionArray",
    "TransactionColumn",
    "TransactionGroup",
    "TransactionIndexer",
    "TransactionTable",
    "TransferReport",
    "UnknownOutcomeError",
    "UnsupportedStoreError",
    "Upserted",
    "Usage",
    "UsageShare",
    "Use",
    "ValueDigest",
    "ValueStatistics",
    "VstoreError",
    "Whereabouts",
    "__version__",
    "audio",
    "bytes_",
    "checkout",
    "clone",
    "create",
    "from_dataset",
    "image",
    "ndarray",
    "open",
    "publish",
    "text",
    "texts",
]

# Names are looked up when they are first used, so that a program pays for what it uses.
_HOMES = {
    "AheadBehind": "vstore.repository.remote",
    "AlreadyExistsError": "vstore.errors",
    "Amount": "vstore.maintenance.progress",
    "Array": "vstore.reading.array",
    "ArrayDiff": "vstore.diffing.array_diff",
    "ArrayMetadata": "vstore.format.zarr.metadata",
    "ArraySummary": "vstore.reading.summary",
    "ArrowForms": "vstore.reading.arrow_forms",
    "AttributeChange": "vstore.diffing.attributes",
    "AudioInfo": "vstore.format.table.sounds",
    "Author": "vstore.format.commit",
    "Blame": "vstore.diffing.blamed",
    "BranchDocument": "vstore.format.commit",
    "Branches": "vstore.repository.branches",
    "Changes": "vstore.format.commit",
    "ClosedError": "vstore.errors",
    "Column": "vstore.reading.column",
    "ColumnInfo": "vstore.format.table.kinds",
    "ColumnKind": "vstore.format.table.kinds",
    "ColumnSpec": "vstore.format.table.specs",
    "Commit": "vstore.history.commits",
    "Conflict": "vstore.merging.conflicts",
    "ConflictError": "vstore.errors",
    "CorruptionError": "vstore.errors",
    "DeadSpace": "vstore.maintenance.gc.gc_report",
    "DeletedDocument": "vstore.format.commit",
    "Diff": "vstore.diffing.diff",
    "DiffPreview": "vstore.diffing.diff_preview",
    "Digest": "vstore.format.digest",
    "DroppedData": "vstore.partial.dropping",
    "FetchedData": "vstore.partial.fetching",
    "Fork": "vstore.sharing.forks",
    "FormatError": "vstore.errors",
    "FsckCursor": "vstore.maintenance.fsck.fsck",
    "FsckOptions": "vstore.maintenance.fsck.fsck",
    "FsckProblem": "vstore.maintenance.fsck.fsck_report",
    "FsckReach": "vstore.maintenance.fsck.fsck_report",
    "FsckReport": "vstore.maintenance.fsck.fsck_report",
    "GcOptions": "vstore.maintenance.gc.options",
    "GcReport": "vstore.maintenance.gc.gc_report",
    "Group": "vstore.reading.snapshot",
    "History": "vstore.diffing.history",
    "ImageInfo": "vstore.format.table.images",
    "InvalidInputError": "vstore.errors",
    "InvalidUrlError": "vstore.errors",
    "KeyIndexer": "vstore.reading.key_indexer",
    "KeyKindName": "vstore.format.table.sample_keys",
    "LogEntry": "vstore.format.commit",
    "Merged": "vstore.merging.merge",
    "MissingExtraError": "vstore.errors",
    "Moments": "vstore.diffing.statistics",
    "NodeChange": "vstore.diffing.nodes",
    "NotFoundError": "vstore.errors",
    "NotHereError": "vstore.errors",
    "OutOfBoundsError": "vstore.errors",
    "Policies": "vstore.repository.policies",
    "Policy": "vstore.repository.policies",
    "PolicyBreach": "vstore.maintenance.fsck.policy_check",
    "PolicyError": "vstore.errors",
    "Preview": "vstore.reading.preview",
    "ProbeCheck": "vstore.maintenance.probe.probe_report",
    "ProbeReport": "vstore.maintenance.probe.probe_report",
    "Progress": "vstore.maintenance.progress",
    "ProgressStep": "vstore.maintenance.progress",
    "Publication": "vstore.page.publishing",
    "PurgeReport": "vstore.maintenance.purge.purge_report",
    "ReadOnlyError": "vstore.errors",
    "RemoteSettings": "vstore.reading.remote_settings",
    "RefUpdate": "vstore.transfer.report",
    "Remote": "vstore.repository.remote",
    "Remotes": "vstore.repository.remotes",
    "Repacked": "vstore.maintenance.gc.gc_report",
    "Repository": "vstore.repository.repository",
    "RepositoryDocument": "vstore.format.commit",
    "Resolution": "vstore.merging.conflicts",
    "SampleChange": "vstore.diffing.cell_changes",
    "SampleKey": "vstore.format.table.sample_keys",
    "SamplePair": "vstore.diffing.pairs",
    "Signature": "vstore.signing.signatures",
    "SignatureError": "vstore.errors",
    "SignatureSettings": "vstore.signing.settings",
    "Snapshot": "vstore.reading.snapshot",
    "StorageError": "vstore.errors",
    "Summary": "vstore.reading.summary",
    "Table": "vstore.reading.table",
    "TableDiff": "vstore.diffing.table_diff",
    "TableSummary": "vstore.reading.summary",
    "TagDocument": "vstore.format.commit",
    "Tags": "vstore.repository.branches",
    "Trace": "vstore.maintenance.traces",
    "TraceReport": "vstore.maintenance.traces",
    "Transaction": "vstore.writing.transaction",
    "TransactionArray": "vstore.writing.transaction_arrays",
    "TransactionColumn": "vstore.writing.transaction_arrays",
    "TransactionGroup": "vstore.writing.transaction_nodes",
    "TransactionIndexer": "vstore.writing.transaction_indexer",
    "TransactionTable": "vstore.writing.transaction_table",
    "TransferReport": "vstore.transfer.report",
    "UnknownOutcomeError": "vstore.errors",
    "UnsupportedStoreError": "vstore.errors",
    "Upserted": "vstore.writing.upserting",
    "Use": "vstore.merging.conflicts",
    "Usage": "vstore.maintenance.usage",
    "UsageShare": "vstore.maintenance.usage",
    "ValueDigest": "vstore.diffing.values",
    "ValueStatistics": "vstore.diffing.statistics",
    "VstoreError": "vstore.errors",
    "Whereabouts": "vstore.partial.whereabouts",
    "audio": "vstore.format.table.specs",
    "bytes_": "vstore.format.table.specs",
    "checkout": "vstore.repository.opening",
    "clone": "vstore.repository.cloning",
    "create": "vstore.repository.opening",
    "from_dataset": "vstore.importers.datasets",
    "image": "vstore.format.table.specs",
    "ndarray": "vstore.format.table.specs",
    "open": "vstore.repository.opening",
    "publish": "vstore.page.publishing",
    "text": "vstore.format.table.specs",
    "texts": "vstore.format.table.specs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vstore' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
