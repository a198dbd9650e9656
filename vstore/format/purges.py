"""What a purge rewrote: which commits became which, and what is still to be deleted.

    purges/<id>.json   one purge

Readers look at them only after they missed a commit.
"""

import re

import msgspec

from vstore.errors import FormatError
from vstore.format.commit import FORMAT, Author, parse_time
from vstore.format.digest import parse_digest
from vstore.format.seal import seal, unseal

_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{16}")


class PurgeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A purge as it is stored. It does not say what was erased.

    Attributes:
        format: the version of the format.
        id: as in the object's name.
        time: when it began.
        author: who purged.
        reason: why, for users.
        commits: the commits that were rewritten, each with the one in its place.
        packs: packs that hold erased chunks; empty once they are deleted.
        done: whether every ref was moved, and all old bytes are deleted.
    """

    format: int
    id: str
    time: str
    author: Author
    reason: str
    commits: dict[str, str]
    packs: tuple[str, ...] = ()
    done: bool = False

    def __post_init__(self) -> None:
        check_id(self.id)
        parse_time(self.time)
        for old, new in self.commits.items():
            parse_digest(old, what="purge")
            parse_digest(new, what="purge")
        for pack in self.packs:
            parse_digest(pack, what="purge")


def check_id(name: str) -> None:
    """Raise `FormatError` unless a purge may be called so."""
    if not _ID.fullmatch(name):
        raise FormatError(f"a purge cannot be called {name!r}")


def is_id(name: str) -> bool:
    """Return whether a purge may be called so."""
    return _ID.fullmatch(name) is not None


def encode(purge: PurgeDocument) -> bytes:
    """Return a purge as it is stored."""
    return seal(purge)


def decode(data: bytes, name: str) -> PurgeDocument:
    """Return the stored purge of that id.

    Raises:
        FormatError: malformed, of a newer format version, or of another id.
        CorruptionError: it differs from its own check.
    """
    what = f"the purge {name!r}"
    found = unseal(data, PurgeDocument, version=FORMAT, what=what)
    if found.id != name:
        raise FormatError(f"{what} is called {found.id!r}")
    return found
