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
├── UnknownOutcomeError                 a write may or may not have taken effect
├── FormatError                         a stored document is malformed or not supported
│   └── CorruptionError                 stored bytes do not have their digest
├── StorageError                        the store failed or refused: network, credentials, bucket
│   └── UnsupportedStoreError           the store cannot keep a promise that vstore needs
└── MissingExtraError (ImportError)     an optional dependency is not installed
"""

from functools import partial
from typing import Any

from vstore.faces import exported_from
from vstore.version import DISTRIBUTION


@exported_from("vstore")
class VstoreError(Exception):
    """The root of every error that vstore raises."""


@exported_from("vstore")
class InvalidInputError(VstoreError, ValueError):
    """The caller's value is wrong; nothing was changed."""


@exported_from("vstore")
class OutOfBoundsError(InvalidInputError, IndexError):
    """A position lies outside the data."""


@exported_from("vstore")
class InvalidUrlError(InvalidInputError):
    """A URL or path that names no store."""


@exported_from("vstore")
class NotFoundError(VstoreError, LookupError):
    """What was named does not exist."""


@exported_from("vstore")
class AlreadyExistsError(VstoreError):
    """What was to be created exists already; it was left as it was."""


@exported_from("vstore")
class ReadOnlyError(VstoreError):
    """The store or the view cannot be written."""


@exported_from("vstore")
class ClosedError(VstoreError):
    """A handle of a finished transaction was used."""


@exported_from("vstore")
class ConflictError(VstoreError):
    """Another writer got there first, or two changes exclude each other; nothing was changed.

    `conflicts` holds what collided, as `vstore.Conflict` values, where samples did.
    """

    conflicts: tuple[Any, ...] = ()


@exported_from("vstore")
class UnknownOutcomeError(VstoreError):
    """A write may or may not have taken effect; nothing was cleaned up."""


@exported_from("vstore")
class FormatError(VstoreError):
    """A stored document is malformed or needs a newer vstore."""


@exported_from("vstore")
class CorruptionError(FormatError):
    """Stored bytes do not have the digest that names them."""


@exported_from("vstore")
class StorageError(VstoreError):
    """The store failed or refused the request."""


@exported_from("vstore")
class UnsupportedStoreError(StorageError):
    """The store cannot keep a promise that vstore needs."""


@exported_from("vstore")
class MissingExtraError(VstoreError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, *, extra: str | None, purpose: str) -> None:
        """Say what is missing; `extra` is None where none of vstore's extras brings it."""
        self.package = package
        self.extra = extra
        self.purpose = purpose
        advice = f": pip install '{DISTRIBUTION}[{extra}]'" if extra else ", which is not installed"
        super().__init__(f"{purpose} needs {package}{advice}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the error was made of, so that a worker's error reaches its parent."""
        return partial(type(self), extra=self.extra, purpose=self.purpose), (self.package,)
