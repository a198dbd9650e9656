"""With which key commits are signed, and whose signatures are believed."""

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Literal

from vstore.errors import InvalidInputError
from vstore.faces import exported_from

Require = Literal["heads"]


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSettings:
    """With which key commits are signed, whose signatures are believed, and what must have one.

    These are the reader's own: nothing in a repository changes them.

    Attributes:
        key: the file of the private SSH key to sign with, or of the public one whose private
            half an SSH agent has.
        allowed_signers: the file that says which keys are whose, as `ssh-keygen` describes it
            under "ALLOWED SIGNERS".
        revoked: a file of keys that are believed no more.
        sign: whether every commit that is made here is signed.
        require: `heads` refuses to read, merge or build on a branch or a tag whose commit has
            no good signature. What is older is pinned by that one.
        program: what to run in place of `ssh-keygen`.
    """

    key: str | PathLike[str] | None = None
    allowed_signers: str | PathLike[str] | None = None
    revoked: str | PathLike[str] | None = None
    sign: bool = False
    require: Require | None = None
    program: str = "ssh-keygen"

    def __post_init__(self) -> None:
        if self.require not in (None, "heads"):
            raise InvalidInputError(f"require={self.require!r} is neither None nor 'heads'")
        if self.sign and self.key is None:
            raise InvalidInputError("sign=True needs a key to sign with")
        if self.require is not None and self.allowed_signers is None:
            raise InvalidInputError(
                f"require={self.require!r} needs allowed_signers, the file that says which keys "
                "are whose"
            )


UNSIGNED = SignatureSettings()
"""Commits are not signed, and nobody asks for signatures."""


def path_of(file: str | PathLike[str]) -> str:
    """Return the path of a file, with `~` for the user's home."""
    return str(Path(fspath(file)).expanduser())
