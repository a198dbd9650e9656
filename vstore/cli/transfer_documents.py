"""The JSON documents of commands that exchange commits with other repositories."""

import msgspec

from vstore.cli.commit_documents import Signature


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """A JSON object whose members are known."""


class RefUpdate(_Document):
    """What became of a branch or tag; `old` and `new` are commits."""

    name: str
    kind: str
    old: str | None
    new: str | None
    outcome: str
    reason: str


class Transfer(_Document):
    """What was sent; `skipped_objects` were there already."""

    remote: str | None
    url: str
    refs: list[RefUpdate]
    objects: int
    nbytes: int
    skipped_objects: int
    signatures: int
    dry_run: bool
    notices: list[str]


class Signed(_Document):
    """A commit that was signed."""

    commit: str
    fingerprint: str


class Verified(_Document):
    """Whether a commit is signed by somebody who is believed, and all its signatures."""

    commit: str
    signed: bool
    signatures: list[Signature]


class Clone(_Document):
    """A repository that was copied."""

    url: str
    origin: str
    branches: list[str]
    tags: list[str]


class Remote(_Document):
    """Another repository; what it promises may be missing here."""

    name: str
    url: str
    promises: bool
    read_only: bool


class RemoteChange(_Document):
    """A remote that was added, changed or removed, and its address."""

    name: str
    url: str | None


class Ping(_Document):
    """How long a remote took to answer, in seconds, by what was asked."""

    url: str
    seconds: dict[str, float]
