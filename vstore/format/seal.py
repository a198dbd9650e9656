"""Documents that no digest names carry the digest of their other members."""

from typing import Any

import msgspec

from vstore.errors import CorruptionError
from vstore.format import document
from vstore.format.digest import digest_of

_CHECK = "check"


def seal(value: msgspec.Struct) -> bytes:
    """Return a document with its check."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return document.dumps(plain | {_CHECK: digest_of(document.dumps(plain))})


def break_seal(value: dict[str, Any], *, what: str) -> dict[str, Any]:
    """Return the members of a document without its check.

    Raises:
        CorruptionError: the check does not fit them.
    """
    members = {name: member for name, member in value.items() if name != _CHECK}
    if value.get(_CHECK) != digest_of(document.dumps(members)):
        raise CorruptionError(
            f"{what} is damaged: its check does not fit the rest; run vstore fsck"
        )
    return members
