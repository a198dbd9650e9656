"""Documents that no digest names carry the digest of their other members."""

from typing import Any, TypeVar

import msgspec

from vstore.errors import CorruptionError, FormatError
from vstore.format import document
from vstore.format.digest import RESTORE, digest_of

_CHECK = "check"

Sealed = TypeVar("Sealed", bound=msgspec.Struct)


def seal(value: msgspec.Struct) -> bytes:
    """Return a document with its check."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return document.dumps(plain | {_CHECK: digest_of(document.dumps(plain))})


def unseal(data: bytes, kind: type[Sealed], *, version: int, what: str) -> Sealed:
    """Return a stored document of exactly this format version.

    Raises:
        FormatError: malformed, or of another format version.
        CorruptionError: it differs from its own check.
    """
    value = document.parse(data, what=what)
    if not isinstance(value, dict):
        raise FormatError(f"{what} must be a JSON object")
    members = break_seal(value, what=what)
    if members.get("format") != version:
        raise FormatError(f"{what} has the format version {members.get('format')!r}, not {version}")
    return document.convert(members, kind, what=what)


def break_seal(value: dict[str, Any], *, what: str) -> dict[str, Any]:
    """Return the members of a document without its check.

    Raises:
        CorruptionError: the check does not fit them.
    """
    members = {name: member for name, member in value.items() if name != _CHECK}
    if value.get(_CHECK) != digest_of(document.dumps(members)):
        raise CorruptionError(
            f"{what} is damaged: its check does not fit the rest",
            code="damaged-object",
            hint=RESTORE,
        )
    return members
