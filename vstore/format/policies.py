"""The policies of a repository: what writers must keep to.

    policies/<number>.json   a version of them; the greatest number is in force

A branch says by number which version it follows. Readers look at none of them.
"""

from fnmatch import fnmatchcase

import msgspec

from vstore.errors import FormatError, InvalidInputError
from vstore.format import object_keys
from vstore.format.commit import FORMAT, Author, parse_time
from vstore.format.seal import seal, unseal

MOST_NAMES = 256
"""How many names or patterns one rule has at most."""

MOST_SIGNERS_BYTES = 65_536


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a version of the policies asks for; what is empty asks for nothing.

    Attributes:
        require_metadata: members that the metadata of each commit has.
        metadata_since: since when; older commits need not have them.
        signers: whose signatures count, a line for each key as in an SSH file of allowed
            signers; heads of branches and new tags need one then.
        signed_since: since when; older heads and tags need not be signed.
        protect_branches: patterns of branches that only move forward, and stay.
        protect_tags: patterns of tags that stay.
        keep_seconds: how long what branches and tags left is kept, at least.
        may_purge: email addresses, or names, of the authors who may erase data; none for all.
    """

    require_metadata: tuple[str, ...] = ()
    metadata_since: str = ""
    signers: str = ""
    signed_since: str = ""
    protect_branches: tuple[str, ...] = ()
    protect_tags: tuple[str, ...] = ()
    keep_seconds: int = 0
    may_purge: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("require_metadata", "protect_branches", "protect_tags", "may_purge"):
            _check_names(name, getattr(self, name))
        if len(self.signers.encode(errors="replace")) > MOST_SIGNERS_BYTES:
            raise InvalidInputError(f"the signers take at most {MOST_SIGNERS_BYTES:,} bytes")
        if self.keep_seconds < 0:
            raise InvalidInputError("how long something is kept is not negative")
        for since, is_asked in (
            (self.metadata_since, self.require_metadata),
            (self.signed_since, self.signers),
        ):
            if bool(since) != bool(is_asked):
                raise InvalidInputError("a rule that is asked for says since when")
            if since:
                parse_time(since)

    def protects_branch(self, name: str) -> bool:
        """Return whether a branch may only move forward."""
        return any(fnmatchcase(name, pattern) for pattern in self.protect_branches)

    def protects_tag(self, name: str) -> bool:
        """Return whether a tag may not be deleted."""
        return any(fnmatchcase(name, pattern) for pattern in self.protect_tags)

    def lets_purge(self, author: Author) -> bool:
        """Return whether an author may erase data."""
        return not self.may_purge or author.email in self.may_purge or author.name in self.may_purge


class PolicyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A version of the policies as it is stored; it is never changed.

    Attributes:
        format: the version of the format.
        number: as in the object's name, from 1 on.
        time: when it was set.
        author: who set it.
        rules: what it asks for.
        reason: why, for users.
    """

    format: int
    number: int
    time: str
    author: Author
    rules: Rules
    reason: str = ""

    def __post_init__(self) -> None:
        object_keys.policy(self.number)
        parse_time(self.time)


def _check_names(rule: str, names: tuple[str, ...]) -> None:
    if len(names) > MOST_NAMES or len(set(names)) != len(names):
        raise InvalidInputError(f"{rule} has at most {MOST_NAMES} names, each once")
    if not all(name and name.isprintable() for name in names):
        raise InvalidInputError(f"{rule} has a name that is empty or cannot be shown")


def encode(policy: PolicyDocument) -> bytes:
    """Return a version of the policies as it is stored."""
    return seal(policy)


def decode(data: bytes, number: int) -> PolicyDocument:
    """Return the stored version of that number.

    Raises:
        FormatError: malformed, of a newer format version, or of another number.
        CorruptionError: it differs from its own check.
    """
    what = f"version {number} of the policies"
    found = unseal(data, PolicyDocument, version=FORMAT, what=what)
    if found.number != number:
        raise FormatError(f"{what} says that it is version {found.number}")
    return found
