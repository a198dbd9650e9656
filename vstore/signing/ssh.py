"""Signing and checking by `ssh-keygen`, as Git does."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vstore.errors import InvalidInputError, MissingExtraError
from vstore.format.signature import parse_ssh
from vstore.signing.settings import SignatureSettings, path_of

_VALIDITY = re.compile(r"valid-(after|before)=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checked:
    """What `ssh-keygen` says of a signature.

    Attributes:
        is_intact: whether the key that it names made it for these bytes.
        signer: whose key that is, as the allowed signers say; empty if none of them has it.
        detail: why it is not good.
    """

    is_intact: bool
    signer: str = ""
    detail: str = ""


def sign(data: bytes, namespace: str, settings: SignatureSettings) -> str:
    """Return a signature of some bytes.

    Raises:
        InvalidInputError: there is no such key, or it cannot be used.
        MissingExtraError: there is no `ssh-keygen`.
    """
    if settings.key is None:
        raise InvalidInputError(
            "there is no key to sign with",
            code="no-signing-key",
            hint="say which: `vstore.SignatureSettings(key='~/.ssh/id_ed25519')` is "
            "what `vstore.open` takes as signatures",
        )
    key = path_of(settings.key)
    if not Path(key).is_file():
        raise InvalidInputError(f"there is no key to sign with in the file {key!r}")
    done = _run(settings, ["-Y", "sign", "-f", key, "-n", namespace], data)
    if done.returncode:
        raise InvalidInputError(f"ssh-keygen cannot sign with the key {key!r}: {_said(done)}")
    signature = done.stdout.decode()
    parse_ssh(signature, what="what ssh-keygen wrote")
    return signature


def check(
    signature: str, data: bytes, namespace: str, settings: SignatureSettings, *, made: datetime
) -> Checked:
    """Return whether a signature is good, and whose it is.

    Args:
        signature: the signature.
        data: the bytes that it is for.
        namespace: what it must be for.
        settings: whose signatures are believed.
        made: when it was made, for keys that are believed for a time only.

    Raises:
        InvalidInputError: no allowed signers are known.
        MissingExtraError: there is no `ssh-keygen`.
    """
    allowed = require_signers(settings)
    with _written(signature) as file:
        base = ["-f", allowed, "-s", file, *_at_time(allowed, made)]
        found = _run(settings, ["-Y", "find-principals", *base], b"")
        signers = [] if found.returncode else found.stdout.decode().splitlines()
        revoked = [] if settings.revoked is None else ["-r", path_of(settings.revoked)]
        why = _said(found)
        for signer in filter(None, (each.strip() for each in signers)):
            wanted = ["-Y", "verify", *base, "-I", signer, "-n", namespace]
            done = _run(settings, [*wanted, *revoked], data)
            if not done.returncode:
                return Checked(is_intact=True, signer=signer)
            is_revoked = bool(revoked) and not _run(settings, wanted, data).returncode
            why = f"the key of {signer} was revoked" if is_revoked else _said(done)
        plain = _run(settings, ["-Y", "check-novalidate", "-n", namespace, "-s", file], data)
    if plain.returncode:
        return Checked(is_intact=False, detail=_said(plain))
    return Checked(is_intact=True, detail=why)


def require_signers(settings: SignatureSettings) -> str:
    """Return the file of the allowed signers.

    Raises:
        InvalidInputError: there is none.
    """
    if settings.allowed_signers is None:
        raise InvalidInputError(
            "no allowed signers are known, so no signature can be believed",
            code="no-allowed-signers",
            hint="say who they are, in a file with a line for each key: "
            "`vstore.SignatureSettings(allowed_signers='~/.config/allowed_signers')` is "
            "what `vstore.open` takes as signatures",
        )
    files: list[str | os.PathLike[str] | None] = [settings.allowed_signers, settings.revoked]
    for file in files:
        if file is not None and not Path(path_of(file)).is_file():
            raise InvalidInputError(f"there is no file of keys {path_of(file)!r}")
    return path_of(settings.allowed_signers)


def _at_time(allowed: str, made: datetime) -> Sequence[str]:
    """Return the option for the time of the signature, which old versions do not know."""
    if not _VALIDITY.search(Path(allowed).read_text(encoding="utf-8", errors="replace")):
        return []
    return ["-O", f"verify-time={made.astimezone(UTC):%Y%m%d%H%M%S}"]


@contextmanager
def _written(signature: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="vstore-signature-") as folder:
        file = Path(folder, "signature")
        file.write_text(signature, encoding="utf-8")
        yield str(file)


def _run(
    settings: SignatureSettings, arguments: Sequence[str], data: bytes
) -> subprocess.CompletedProcess[bytes]:
    # Times without a zone, which all versions take, are read in that of the environment.
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    try:
        return subprocess.run(
            [settings.program, *arguments],
            input=data,
            capture_output=True,
            check=False,
            env=environment,
        )
    except (FileNotFoundError, PermissionError):
        raise MissingExtraError(
            f"{settings.program} of OpenSSH 8.2 or later",
            extra=None,
            purpose="signing and verifying",
        ) from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return in one line what the program complains of."""
    lines = (done.stderr or done.stdout).decode(errors="replace").splitlines()
    said = "; ".join(filter(None, (line.strip().rstrip(".") for line in lines)))
    return said or "no reason given"
