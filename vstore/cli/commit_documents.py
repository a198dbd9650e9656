"""Models of JSON documents: commits, refs, and what a commit holds."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

Number = float | int | Literal["NaN", "Infinity", "-Infinity"]


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """A JSON object whose members are known."""


class Author(Document):
    """Who committed."""

    name: str
    email: str | None


class Changes(Document):
    """How much a commit changed at one path."""

    added: int
    changed: int
    removed: int
    schema: bool


class Commit(Document):
    """A commit; `changes` is by path."""

    id: str
    parents: list[str]
    author: Author
    time: str
    message: str
    metadata: dict[str, Any]
    changes: dict[str, Changes]


class Signature(Document):
    """A signature of a commit; `status` is good, untrusted or bad."""

    commit: str
    fingerprint: str
    status: str
    signer: str
    detail: str


class LoggedCommit(Commit):
    """A commit, with its signatures where they were asked for."""

    signatures: list[Signature] | UnsetType = UNSET


class KeyedCommit(Commit):
    """The commit that last changed the sample with a key."""

    key: Any


class BlamedSample(Document):
    """A sample, and the commit that last changed it."""

    key: Any
    commit: str


class Blame(Document):
    """The commit that last changed each sample of a table or column; each commit once."""

    path: str
    commits: list[Commit]
    samples: list[BlamedSample]


class Change(Document):
    """What differs in one sample, in one column; `old` and `new` are left out if not there."""

    path: str
    column: str
    key: Any
    status: Literal["added", "removed", "changed", "resolved"]
    old: Any = UNSET
    new: Any = UNSET


class SampleChange(Document):
    """What a commit did to one sample, in one column; `via` is the merge that brought it."""

    path: str
    column: str
    key: Any
    status: Literal["added", "removed", "changed", "resolved"]
    commit: str
    author: Author
    time: str
    message: str
    via: str | None
    old: Any = UNSET
    new: Any = UNSET
    decision: str | UnsetType | None = UNSET
    decided_by: str | UnsetType | None = UNSET


class Initialized(Document):
    """A repository that was created."""

    url: str
    id: str
    default_branch: str


class BranchHead(Document):
    """A branch and its head commit."""

    name: str
    commit: str
    default: bool


class RefHead(Document):
    """A branch that was created, renamed or deleted, and its head commit."""

    name: str
    commit: str


class Tag(Document):
    """A tag."""

    name: str
    commit: str
    author: Author
    time: str
    message: str
    metadata: dict[str, Any]


class Update(Document):
    """An update of a branch, as its log keeps it."""

    commit: str
    time: str
    action: str


class Conflict(Document):
    """What two sides changed differently, with the values of both and of where they parted."""

    path: str
    kind: str
    sample: Any
    note: str
    base: Any
    ours: Any
    theirs: Any


class Merge(Document):
    """A merge; `commit` is null if conflicts stopped it, or if it was tried only."""

    branch: str | None = None
    kind: str | None = None
    commit: Commit | None = None
    conflicts: list[Conflict] = []
    resolved: list[Conflict] = []


class BranchUpdate(Document):
    """Where a branch is now; `commit` is null if conflicts stopped the command."""

    branch: str | None = None
    commit: Commit | None = None
    conflicts: list[Conflict] = []


class ArraySummary(Document):
    """The form and size of a column or array; `raw_nbytes` is null if samples differ in size."""

    path: str
    kind: str
    shape: list[int | None]
    dtype: str
    chunk_shape: list[int]
    codec: str
    chunks: int
    raw_nbytes: int | None
    stored_nbytes: int


class TableSummary(Document):
    """A table and its columns."""

    path: str
    samples: int
    keys: str | None
    columns: list[ArraySummary]


class Summary(Document):
    """What a commit holds."""

    url: str
    commit: str
    time: str
    message: str
    author: Author
    tables: list[TableSummary]
    arrays: list[ArraySummary]
    stored_nbytes: int


class Entry(Document):
    """A group, table, column or array; what is not known or makes no sense is null."""

    path: str
    kind: str
    samples: int | None
    shape: list[int | None] | None
    dtype: str | None
    nbytes: int | None
    stored_nbytes: int | None


class UsageShare(Document):
    """What one table, column, branch or kind of object stores, alone and with others."""

    name: str
    own_nbytes: int
    shared_nbytes: int
    count: int


class Usage(Document):
    """What is stored for what; `total_nbytes` counts each byte once."""

    total_nbytes: int
    by: str
    shares: list[UsageShare]


class Collection(Document):
    """The state of garbage collection."""

    phase: str
    pending_objects: int
    pending_nbytes: int
    time: str | None


class Upstream(Document):
    """How far a branch is from the one of the same name at a remote, by what was fetched last."""

    name: str
    ahead: int
    behind: int


class BranchStatus(Document):
    """A branch, its head commit, and how far it is from those of remotes."""

    name: str
    commit: str
    upstreams: list[Upstream]


class Status(Document):
    """A repository at a glance; `gc` is null if garbage was never collected."""

    url: str
    default_branch: str
    branches: list[BranchStatus]
    tags: list[str]
    gc: Collection | None


class Installed(Document):
    """Versions of what is installed, null for what is not; `extras` is by extra."""

    vstore: str
    python: str
    platform: str
    dependencies: dict[str, str | None]
    extras: dict[str, dict[str, str | None]]


class Configuration(Document):
    """All settings, by names such as `alias.fashion`, and the file that holds them."""

    file: str
    settings: dict[str, Any]


class Setting(Document):
    """A setting; `value` is null if it was removed."""

    name: str
    value: Any


class Column(Document):
    """The form of a column or array."""

    kind: str
    dtype: str | None
    shape: list[int | None]
    chunk_shape: list[int]


class Description(Document):
    """What is at a path: tables have samples and columns, groups names, arrays a form."""

    path: str
    attributes: dict[str, Any]
    kind: str
    samples: int | UnsetType | None = UNSET
    keys: str | UnsetType | None = UNSET
    columns: dict[str, Column] | UnsetType | None = UNSET
    names: list[str] | UnsetType | None = UNSET
    dtype: str | UnsetType | None = UNSET
    shape: list[int | None] | UnsetType | None = UNSET
    chunk_shape: list[int] | UnsetType | None = UNSET


class Values(Document):
    """What an index picks: of a table, the keys of samples and values by column."""

    path: str
    values: Any
    keys: Any = UNSET


class ExportedSamples(Document):
    """Samples that were written as files."""

    path: str
    commit: str
    files: int
    samples: int
    nbytes: int


class Exported(Document):
    """A reference file that was written."""

    file: str
    commit: str
    keys: int
    notes: list[str]


class ChangedColumns(Document):
    """Columns that differ; `renamed` is from old to new names."""

    added: list[str]
    removed: list[str]
    renamed: Any
    retyped: list[str]


class Moments(Document):
    """Statistics of one side."""

    count: int
    minimum: Number
    maximum: Number
    mean: Number
    std: Number


class Histogram(Document):
    """How the values of both sides are distributed over bins between edges."""

    edges: list[Number]
    old: list[Number]
    new: list[Number]


class ValueStatistics(Document):
    """How changed values have changed."""

    samples: int
    unmatched: int
    elements: int
    differing: int
    max_abs: Number
    mean_abs: Number
    shift: Number
    old: Moments
    new: Moments
    histogram: Histogram


class TableDiff(Document):
    """What differs in a table; samples are named by keys, or by positions where there are none."""

    path: str
    status: str
    added: list[Any]
    removed: list[Any]
    changed: dict[str, Any]
    columns: ChangedColumns
    attributes: Any
    statistics: dict[str, ValueStatistics] | UnsetType = UNSET


class ArrayDiff(Document):
    """What differs in an array."""

    path: str
    status: str
    shape: list[Any] | None
    chunks: Any
    attributes: Any
    statistics: ValueStatistics | UnsetType | None = UNSET


class Diff(Document):
    """What differs between two commits; `old` is null for the first commit."""

    old: str | None
    new: str
    tables: list[TableDiff]
    arrays: list[ArrayDiff]
    groups: Any
    moved: Any
    attributes: dict[str, Any]
    values: list[Change] | UnsetType = UNSET
