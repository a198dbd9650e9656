"""Every error vstore raises, grouped by what a caller would do about it.

VstoreError
├── InvalidInputError (ValueError)      the caller's value is wrong; the message names it
│   ├── OutOfBoundsError (IndexError)   a position outside the data
│   └── InvalidUrlError                 a URL that names no store
├── NotFoundError (LookupError)         what was named does not exist
├── AlreadyExistsError                  what was to be created is there
├── ReadOnlyError                       the store or the view cannot be written
├── ClosedError                         a handle of a finished transaction was used
├── ConflictError                       another writer got there first; nothing was changed
├── PolicyError                         a policy of the repository does not allow the change
├── SignatureError                      a commit is not signed by anyone who is believed
├── UnknownOutcomeError                 a write may or may not have taken effect
├── FormatError                         a stored document is malformed or not supported
│   └── CorruptionError                 stored bytes do not have their digest
├── StorageError                        the store failed or refused: network, credentials, bucket
│   └── UnsupportedStoreError           the store cannot keep a promise that vstore needs
└── MissingExtraError (ImportError)     an optional dependency is not installed
"""

import copyreg
import numbers
from collections.abc import Mapping
from typing import Any, Self

from vstore.faces import exported_from
from vstore.version import DISTRIBUTION


@exported_from("vstore")
class VstoreError(Exception):
    """The root of every error that vstore raises.

    `str(error)` is the message: what happened, and to what. The advice is apart from it, in
    `hint`, and a traceback shows it below the message.

    Attributes:
        code: a stable name of what happened, one of `CODES`. Programs compare this, not the text.
        hint: what to do about it, in Python; None if there is nothing to advise.
        fields: the values that the message names, such as the path and the column.

    >>> error = NotFoundError("there is no branch 'dev'", code="branch-not-found", name="dev")
    >>> error.code, error.fields["name"]
    ('branch-not-found', 'dev')
    """

    code: str = "error"
    hint: str | None
    fields: dict[str, Any]

    def __init__(
        self, message: str = "", *, code: str | None = None, hint: str | None = None, **fields: Any
    ) -> None:
        """Take the message and what belongs to it; without a `code`, the class has one."""
        super().__init__(message)
        self.code = type(self).code if code is None else code
        self.hint = None
        self.fields = fields
        if hint:
            advise(self, hint)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle everything, whatever arguments a class takes, so that no worker loses any."""
        make = copyreg.__newobj__  # type: ignore[attr-defined]
        return make, (type(self), *self.args), self.__dict__.copy()


def advise(error: VstoreError, hint: str) -> None:
    """Give an error a hint, in place of the one that it has."""
    error.__notes__ = [_as_note(hint), *circumstances(error)]
    error.hint = hint


def circumstances(error: VstoreError) -> tuple[str, ...]:
    """Return the notes that say where an error happened: all but that of the hint."""
    own = _as_note(error.hint or "")
    return tuple(note for note in getattr(error, "__notes__", ()) if note != own)


def _as_note(hint: str) -> str:
    return f"Hint: {hint}"


@exported_from("vstore")
class InvalidInputError(VstoreError, ValueError):
    """The caller's value is wrong; nothing was changed."""

    code = "invalid-input"


@exported_from("vstore")
class OutOfBoundsError(InvalidInputError, IndexError):
    """A position is outside the data."""

    code = "out-of-bounds"


@exported_from("vstore")
class InvalidUrlError(InvalidInputError):
    """A URL or path that names no store."""

    code = "invalid-url"


@exported_from("vstore")
class NotFoundError(VstoreError, LookupError):
    """What was named does not exist."""

    code = "not-found"


@exported_from("vstore")
class NotHereError(NotFoundError):
    """What is to be read is at a remote only, which cannot or may not be asked now.

    `fields` has the `remote`, `why` it is not read there, and the `path` and the `sample` where
    these are known.
    """

    code = "not-here"

    @classmethod
    def naming(cls, what: str, *, code: str | None = None, path: str = "", **fields: Any) -> Self:
        """Return the error for what is at the remote `remote`, and is not read because of `why`."""
        sample = fields.get("sample")
        wanted = "" if sample is None else f", samples=[{sample!r}]"
        return cls(
            f"{what} is at the remote {fields['remote']!r} and not here: {fields['why']}",
            code=code,
            hint=f"fetch it with `repo.fetch_data({path!r}{wanted})`",
            path=path,
            **fields,
        )

    def about(self, path: str) -> Self:
        """Return the same error, which says what was to be read when it was raised."""
        return self.naming(repr(path), code=self.code, **self.fields | {"path": path})

    def of_sample(self, sample: Any) -> Self:
        """Return the same error about one sample, if it is one, of the path that it names."""
        path = self.fields["path"]
        if not path or not isinstance(sample, str | tuple | numbers.Integral):
            return self
        fields = self.fields | {"sample": sample}
        return self.naming(f"sample {sample!r} of {path!r}", code=self.code, **fields)


@exported_from("vstore")
class AlreadyExistsError(VstoreError):
    """What was to be created exists already; it was left as it was."""

    code = "already-exists"


@exported_from("vstore")
class ReadOnlyError(VstoreError):
    """The store or the view cannot be written."""

    code = "read-only"


@exported_from("vstore")
class ClosedError(VstoreError):
    """A handle of a finished transaction was used."""

    code = "closed"


@exported_from("vstore")
class ConflictError(VstoreError):
    """Another writer got there first, or two changes exclude each other; nothing was changed.

    `conflicts` holds what collided, as `vstore.Conflict` values, where samples did.
    """

    code = "conflict"

    conflicts: tuple[Any, ...] = ()


@exported_from("vstore")
class PolicyError(VstoreError):
    """A policy of the repository does not allow a change; nothing was changed."""

    code = "policy"


@exported_from("vstore")
class SignatureError(VstoreError):
    """A commit is not signed by anyone who is believed; `fields` has the `commit`."""

    code = "bad-signature"


@exported_from("vstore")
class UnknownOutcomeError(VstoreError):
    """A write may or may not have taken effect; nothing was cleaned up."""

    code = "unknown-outcome"


@exported_from("vstore")
class FormatError(VstoreError):
    """A stored document is malformed or needs a newer vstore."""

    code = "malformed"


@exported_from("vstore")
class CorruptionError(FormatError):
    """Stored bytes do not have the digest that names them."""

    code = "corrupt"


@exported_from("vstore")
class StorageError(VstoreError):
    """The store failed or refused the request."""

    code = "storage-failed"


@exported_from("vstore")
class UnsupportedStoreError(StorageError):
    """The store cannot keep a promise that vstore needs."""

    code = "unsupported-store"


@exported_from("vstore")
class MissingExtraError(VstoreError, ImportError):
    """An optional dependency is not installed."""

    code = "missing-extra"

    def __init__(self, package: str, *, extra: str | None, purpose: str) -> None:
        """Say what is missing; `extra` is None where none of vstore's extras brings it."""
        self.package = package
        self.extra = extra
        self.purpose = purpose
        command = f"`pip install '{DISTRIBUTION}[{extra}]'`"
        super().__init__(
            f"{purpose} needs {package}, which is not installed",
            hint=f"install it with {command}" if extra else f"install {package}",
            package=package,
            extra=extra,
        )


CODES: Mapping[type[VstoreError], Mapping[str, str]] = {
    VstoreError: {
        "error": "any other error of vstore",
    },
    InvalidInputError: {
        "invalid-input": "a value is wrong; the message names it",
        "ambiguous-prefix": "several commits begin with the prefix",
        "array-not-held": "an array of a source has a data type that no array here has",
        "another-repository": "a remote is another repository than it was",
        "audio-not-taken": "a column does not take a sound: its file or its values are not so",
        "batch-too-large": "the samples of a batch take more bytes than Arrow can count",
        "batches-of-batches": "a DataLoader would make batches of the batches of a dataset",
        "batches-unknown": "the number of batches taken is known to workers only",
        "branch-of-remote": "a branch that says where one of a remote is was to be moved",
        "blosc-threads": "numcodecs would compress with threads, so bytes would vary",
        "broken-plugin": "a plugin of another package cannot be loaded",
        "chunk-too-large": "one chunk of samples is too large",
        "codec-data-type": "a preset of codecs does not take a column's data type",
        "column-not-exported": "a format does not hold the samples of a column as they are",
        "column-not-optional": "a sample of a column is None, and the column is not optional",
        "column-to-rename": "a source has a name for a column that no table takes",
        "default-branch": "the default branch cannot be deleted or renamed",
        "field-of-another-type": "a row of an import has a value of another type than its column",
        "fewer-samples-than-ranks": "there are fewer samples than ranks",
        "folder-of-others": "other users may write to a folder that is to be private",
        "forked-process": "a forked process wrote to a store that it inherited",
        "group-not-empty": "a group that is not empty is in the way",
        "image-not-taken": "a column does not take an image: its file or its pixels are not so",
        "in-memory-only": "a repository in memory was given where others must reach it",
        "inexact-codec": "a codec of the array would change values",
        "invalid-condition": "a text or an expression is no condition on the samples of a table",
        "journal-not-resumed": "the journal of an import is of another import, or no journal",
        "key-exists": "a sample has the key already",
        "link-in-target": "an export would go through a link",
        "lossy-conversion": "values do not fit the data type without loss",
        "lossy-masks": "an optional column has integers that its floats in xarray cannot hold",
        "masked-values": "a masked array was given where every value counts",
        "missing-keys": "no keys were given for samples that need them",
        "missing-positions": "some of the positions in an index are missing",
        "missing-samples": "an array without a mask was asked for, and samples are missing",
        "missing-values": "some values are missing where every value counts",
        "name-taken": "two columns of a batch have one name",
        "no-allowed-signers": "signatures were to be checked, and nobody said whose are believed",
        "no-batch-size": "no batch size was given",
        "no-cache": "a cache was to be filled, and there is none",
        "no-files": "the samples of a column are no files that say what they are",
        "not-of-arrows-type": "a column of decimals or times got values of Arrow that are none",
        "not-in-references": "references as Parquet cannot hold what is in a commit",
        "no-files-to-export": "there are no images, sounds or bytes to export as files",
        "no-hierarchy": "a source has samples for a table, and no groups and arrays",
        "no-keys": "samples without keys were to be replaced by key",
        "no-public-address": "a page was to read data that browsers do not find by its address",
        "no-shapes": "the samples of a column have no shape that is stored apart from them",
        "no-signing-key": "a commit was to be signed, and no key was given",
        "no-such-class": "a sample has a class that has no name",
        "no-whole-batch": "there are fewer samples than a batch holds",
        "not-a-group": "a node below which something was to go is not a group",
        "not-a-revision": "a text cannot name a commit",
        "not-a-table": "what is at the path is not a table",
        "not-an-ancestor": "a commit is not an ancestor of the branch",
        "not-by-position": "samples were asked for by position of what gives them in a stream",
        "not-nestable": "samples do not make a nested tensor",
        "not-in-arrow": "a value is outside of what its type in Arrow holds",
        "not-readable": "what was given is neither a table nor columns",
        "not-texts": "a sample is no list of texts, or a column holds none",
        "part-of-a-table": "what was to change by itself belongs to a table",
        "pickled-file": "a file holds Python objects, which vstore does not unpickle",
        "read-does-not-pickle": "a function for other processes does not pickle",
        "remote-promises": "data of the repository is only at the remote",
        "remote-read-only": "nothing may be pushed to the remote",
        "remote-without-name": "fetching needs a remote with a name",
        "same-name": "two files of an export would be one",
        "sample-without-path": "a sample was given without the path of its table",
        "samples-differ-in-axes": "ragged samples have different numbers of axes",
        "samples-differ-in-shape": "a transform made arrays of different shapes",
        "samples-differ-in-size": "an index goes below samples that differ in size",
        "several-columns": "a format holds one column, and there are several",
        "several-importers": "several importers fit a source",
        "state-of-other-workers": "a state was saved by other worker processes",
        "text-in-number-column": "text was given to a column or array of numbers",
        "time-without-zone": "a time has no time zone",
        "too-many-errors": "more items of an import have errors than it allows",
        "uncommitted-data": "a reader was given data of an open transaction",
        "unexpected-keys": "keys were given for samples that have none",
        "unknown-field": "a row of an import has a field that no column is for",
        "unknown-reference-file": "a reference file has another ending than .json and .parquet",
        "unknown-format": "no importer knows the format of a source",
        "unknown-preset": "a preset of codecs does not exist",
        "unrelated": "two repositories have no commit in common",
        "unsafe-name": "a key cannot be the path of a file",
        "unsupported-dtype": "a data type cannot be stored",
        "unsupported-tensor": "a tensor has no form in NumPy",
        "wrong-kind": "what is at the path is of another kind than wanted",
    },
    OutOfBoundsError: {
        "out-of-bounds": "a position or a mask is outside the data",
        "mask-length": "a mask has another length than what it is applied to",
    },
    InvalidUrlError: {
        "invalid-url": "a URL or path names no store",
        "secret-in-url": "a bucket's URL has a query, user or password",
    },
    NotFoundError: {
        "not-found": "what was named does not exist",
        "branch-not-found": "there is no branch of that name",
        "branch-was-deleted": "the branch was deleted, and can be restored",
        "column-not-found": "the table has no column of that name",
        "commit-not-found": "there is no such commit",
        "commit-purged": "a commit was rewritten to erase data; the message names the new one",
        "file-not-found": "there is no such file",
        "keys-not-in-both": "tables that are read together do not have the same keys",
        "no-commit-yet": "nothing was committed to the branch",
        "no-promise": "data is missing or to be dropped, and no remote promises any",
        "not-copied": "no commit says where something was copied from",
        "not-deleted": "there is no deleted branch or tag of that name to restore",
        "nothing-to-undo": "the branch was not updated since it was created",
        "object-not-found": "the store does not hold an object",
        "path-not-found": "nothing is at the path",
        "repository-not-found": "there is no repository",
        "remote-not-found": "there is no remote of that name",
        "revision-not-found": "no branch, tag or commit is called that",
        "sample-not-found": "no sample has the key, or is at the position",
        "tag-not-found": "there is no tag of that name",
    },
    NotHereError: {
        "not-here": "what is at a remote was asked for offline",
        "remote-unreachable": "what is at a remote was asked for, and the remote cannot be read",
    },
    AlreadyExistsError: {
        "already-exists": "what was to be created exists",
        "branch-exists": "a branch has that name",
        "path-exists": "something is at the path",
        "remote-exists": "a remote has that name",
        "repository-exists": "a repository is there",
        "tag-exists": "a tag has that name, and tags do not move",
        "target-exists": "something is where an export is to go",
    },
    ReadOnlyError: {
        "read-only": "the store or the view cannot be written",
        "commit-is-read-only": "a commit never changes",
        "no-conditional-writes": "the filesystem has no conditional writes, so it is read only",
    },
    ClosedError: {
        "closed": "a handle was used after its end",
        "broken-transaction": "an earlier change of the transaction was made in part",
        "finished-transaction": "the transaction was committed or discarded",
    },
    ConflictError: {
        "conflict": "another writer came first, or two changes exclude each other",
        "branch-contended": "a branch was updated too often while a commit was made",
        "branch-deleted": "the branch was deleted while a commit was made",
        "branch-not-merged": "a branch to delete has commits that are nowhere else",
        "changed-since-copied": "a copy was changed here since it was copied",
        "changed-meanwhile": "another process changed a document since it was read",
        "chunk-written-twice": "two threads or processes wrote parts of one chunk",
        "commit-deleted": "garbage collection deleted the commit",
        "gc-interrupted": "garbage collection was interrupted or gave way to another",
        "gc-is-deleting": "garbage collection is deleting, so the change has to wait",
        "gc-is-repacking": "garbage collection repacks what is being copied",
        "gc-running": "another garbage collection is deleting",
        "lease-broken": "the branch is not at the commit that the caller named",
        "merge-conflict": "two sides changed the same thing",
        "non-fast-forward": "the branch has commits that are not in what was pushed",
        "nothing-to-do": "the changes are there already",
        "objects-deleted": "garbage collection deleted what a commit needs before it was made",
        "pending-deletion": "garbage collection is about to delete the commit",
        "purge-pinned": "a tag or a fork keeps commits that hold what is to be erased",
        "purge-running": "another purge is under way",
        "ref-moved": "another writer updated the branch or tag meanwhile",
    },
    PolicyError: {
        "policy": "a policy of the repository does not allow a change",
        "policy-keep": "garbage collection was to delete what the policies keep for longer",
        "policy-metadata": "a commit lacks metadata that the policies require",
        "policy-protected": "a protected branch was to move otherwise than forward, or a "
        "protected branch or tag to be deleted",
        "policy-purge": "data was to be erased by somebody whom the policies do not name",
        "policy-signature": "the policies require a signed commit",
    },
    SignatureError: {
        "bad-signature": "the signatures of a commit were not made for it, or are damaged",
        "not-signed": "a commit has no signature",
        "untrusted-signature": "a commit is signed, and by nobody who is believed",
    },
    UnknownOutcomeError: {
        "unknown-outcome": "a write may or may not have taken effect",
    },
    FormatError: {
        "malformed": "a stored document is malformed",
        "duplicate-key": "several samples have one key",
        "format-too-new": "a newer vstore wrote the document",
        "malformed-key-index": "the keys of a table, or their index, are malformed",
        "undecodable-audio": "the file of a sound is damaged, or has values of another kind",
        "undecodable-image": "the file of an image is damaged, or has pixels of another mode",
        "unknown-object": "the repository has an object of an unknown kind",
    },
    CorruptionError: {
        "corrupt": "stored bytes are damaged",
        "damaged-object": "the bytes of an object differ from its digest",
        "lost-refs": "branches or tags are gone although nobody deleted them",
        "source-changed": "a file that chunks stay in is not what it was when they were listed",
    },
    StorageError: {
        "storage-failed": "the store failed",
        "access-denied": "the credentials do not allow the request",
        "bad-credentials": "the credentials are wrong or have expired",
        "disk-full": "the disk has no room left",
        "locked": "another process holds the lock of a folder",
        "memory-of-another-process": "a store in memory was opened in another process",
        "no-bucket": "the bucket does not exist",
        "source-not-allowed": "chunks stay in a file at no place that the reader trusts",
        "no-credentials": "no credentials were found",
        "server-failing": "the server kept failing",
        "server-refuses": "the server keeps refusing a write whose condition holds",
        "server-unreachable": "the server was not reached",
        "stale-listing": "the store does not list everything that it holds",
        "wrong-region": "the bucket is in another region",
    },
    UnsupportedStoreError: {
        "unsupported-store": "the store cannot keep a promise that vstore needs",
        "no-guarantee": "the store fails a guarantee that commits depend on",
    },
    MissingExtraError: {
        "missing-extra": "an optional package is not installed",
    },
}
"""Every code and what it means, by class; the first is that of the class itself.

Codes are stable: a program may rely on them, while messages and hints may be reworded.
"""
