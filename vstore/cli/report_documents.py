"""Models of JSON documents: reports of maintenance and transfers, and errors."""

from typing import Any

from vstore.cli.commit_documents import Author, Document


class Amount(Document):
    """A number of objects and their bytes."""

    objects: int
    nbytes: int


class FsckReach(Document):
    """What a problem makes unreadable; `samples` are ranges of positions, none means all."""

    path: str
    samples: list[list[int]]
    commits: list[str]


class FsckProblem(Document):
    """An object that is not as it must be."""

    key: str
    fault: str
    detail: str
    repaired: bool
    reaches: list[FsckReach]


class Unreferenced(Amount):
    """What no branch, tag or log needs."""

    lost_heads: list[str]


class Foreign(Amount):
    """What is not vstore's."""

    keys: list[str]


class Promised(Amount):
    """What is missing and promised by remotes; `unlisted` is why they could not be listed."""

    remotes: list[str]
    unlisted: str


class FetchedData(Document):
    """What was brought of the data of a path; amounts are of chunks."""

    path: str
    fetched: Amount
    here: Amount
    left: Amount
    nbytes: int


class DroppedData(Document):
    """What was deleted here of the data of a path, and what was not; amounts are of chunks."""

    path: str
    dropped: Amount
    kept: Amount
    shared: Amount
    freed: int


class Chunks(Document):
    """A number of chunks and their bytes."""

    chunks: int
    nbytes: int


class Whereabouts(Document):
    """Where the data of a path is."""

    path: str
    stored: Chunks
    here: Chunks
    remotes: dict[str, Chunks]


class PolicyBreach(Document):
    """Something that does not keep to the policies."""

    what: str
    detail: str


class PolicyRules(Document):
    """A version of the policies; number 0 and nothing where none were ever set."""

    number: int
    time: str | None
    author: Author | None
    reason: str
    require_metadata: list[str]
    signers: str
    protect_branches: list[str]
    protect_tags: list[str]
    keep_seconds: int
    may_purge: list[str]


class Fsck(Document):
    """What a verification found."""

    url: str
    mode: str
    sound: bool
    examined: dict[str, int]
    problems: list[FsckProblem]
    unreferenced: Unreferenced
    foreign: Foreign
    promised: Promised
    breaches: list[PolicyBreach]


class Trace(Document):
    """An object that holds what was searched for, and where in it."""

    key: str
    where: str


class Traces(Document):
    """Where something was found; `unknown_nbytes` could not be decoded."""

    url: str
    is_absent: bool
    found: list[Trace]
    objects: int
    chunks: int
    unknown_nbytes: int


class Purge(Document):
    """What was erased; `rewritten` is each old commit with the one in its place."""

    url: str
    id: str | None
    holding: int
    commits: int
    rewritten: dict[str, str]
    nbytes_written: int
    freed: Amount
    left: list[str]
    dry_run: bool


class Gc(Document):
    """What a garbage collection did."""

    url: str
    dry_run: bool
    freed: Amount
    kept: Amount
    pending: Amount
    young: Amount
    live: Amount
    due: str | None
    examined: dict[str, int]
    dead: dict[str, int] | None
    repacked: dict[str, int] | None
    cancelled: bool


class ProbeCheck(Document):
    """One guarantee of a store."""

    name: str
    outcome: str
    detail: str


class Probe(Document):
    """What a store guarantees."""

    url: str
    verdict: str
    reasons: list[str]
    checks: list[ProbeCheck]


class ErrorDetails(Document):
    """Why a command failed; `code` is a stable word."""

    code: str
    message: str
    hint: str | None
    path: Any
    key: Any


class Failure(Document):
    """What a command writes that fails."""

    error: ErrorDetails


class SkippedItem(Document):
    """An item, or a row in it, that an import left out, and why."""

    item: str
    row: int | None
    key: Any
    error: str


class ColumnForm(Document):
    """What a column holds; null is an axis of any length."""

    dtype: str
    shape: list[int | None]
    kind: str


class Imported(Document):
    """What an import did to a table; no commit where nothing changed."""

    url: str
    branch: str
    commit: str | None
    table: str
    added: int
    replaced: int
    equal: int
    removed: int
    samples: int
    columns: dict[str, ColumnForm]
    skipped: list[SkippedItem]
    ignored: int


class ImportedHierarchy(Document):
    """Which arrays an import wrote into a group, and what has no place there."""

    url: str
    branch: str
    commit: str | None
    group: str
    arrays: list[str]
    groups: int
    nbytes: int
    equal: int
    skipped: list[SkippedItem]


class PluginOption(Document):
    """An option of a plugin, as the command line has it."""

    name: str
    type: str
    default: Any
    help: str


class Plugin(Document):
    """An importer, exporter or viewer; `error` says why it cannot be loaded."""

    kind: str
    name: str
    package: str
    version: str
    summary: str
    options: list[PluginOption]
    error: str | None


class Publication(Document):
    """Where a page was stored, and where it looks for the repository."""

    page: str
    data: str
    nbytes: int
