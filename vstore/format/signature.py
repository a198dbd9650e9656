"""Signatures of commits: detached, so that a commit's digest does not change when it is signed.

    signatures/<digest of the commit>/<SHA-256 of the public key>.json   one signature

What is signed are the 64 hexadecimal digits of the commit's digest, which pins all it holds.
A reader that does not ask who made a commit need not look at them.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

import msgspec

from vstore.errors import FormatError
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest, parse_digest
from vstore.format.seal import seal, unseal

NAMESPACE = "vstore-commit"
"""What SSH signatures of commits are for: one that was made for anything else is none."""

MOST_SIGNATURE_BYTES = 65_536

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_HASHES = (b"sha256", b"sha512")


class SignatureDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signature as it is stored.

    Attributes:
        format: the version of the format.
        commit: the digest that is signed.
        signature: the signature as `ssh-keygen -Y sign` writes it.
    """

    format: int
    commit: str
    signature: str


@dataclass(frozen=True, slots=True)
class SshSignature:
    """What an SSH signature says before anyone checks it.

    Attributes:
        key: the SHA-256 of the public key, in hexadecimal digits.
        namespace: what the signature is for.
    """

    key: str
    namespace: str

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint as SSH shows it."""
        return f"SHA256:{base64.b64encode(bytes.fromhex(self.key)).decode().rstrip('=')}"


def encode(commit: Digest, signature: str) -> bytes:
    """Return a signature as it is stored."""
    return seal(SignatureDocument(FORMAT, commit, signature))


def decode(data: bytes, commit: Digest, key: str) -> SignatureDocument:
    """Return a stored signature of that commit by that key; whether it is good is not checked.

    Raises:
        FormatError: malformed, of a newer format version, or of another commit or key.
        CorruptionError: it differs from its own check.
    """
    what = f"the signature of {commit} by {key}"
    found = unseal(data, SignatureDocument, version=FORMAT, what=what)
    if parse_digest(found.commit, what=f"the commit of {what}") != commit:
        raise FormatError(f"{what} is of the commit {found.commit}")
    parsed = parse_ssh(found.signature, what=what)
    if parsed.key != key:
        raise FormatError(f"{what} is by the key {parsed.key}")
    if parsed.namespace != NAMESPACE:
        raise FormatError(f"{what} is for {parsed.namespace!r}, not for {NAMESPACE!r}")
    return found


def parse_ssh(text: str, *, what: str = "the signature") -> SshSignature:
    """Return what an SSH signature in its armor says.

    Raises:
        FormatError: it is none.
    """
    lines = text.strip().splitlines()
    if len(text) > MOST_SIGNATURE_BYTES or [*lines[:1], *lines[-1:]] != [_BEGIN, _END]:
        raise FormatError(f"{what} is no SSH signature")
    try:
        data = base64.b64decode("".join(lines[1:-1]), validate=True)
        return _parse(data)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"{what} is a malformed SSH signature: {error}") from None


def _parse(data: bytes) -> SshSignature:
    """Return what the bytes of a signature say; see PROTOCOL.sshsig of OpenSSH."""
    if not data.startswith(_MAGIC) or data[len(_MAGIC) :][:4] != b"\0\0\0\1":
        raise ValueError("its version is not 1")
    rest = data[len(_MAGIC) + 4 :]
    fields: list[bytes] = []
    for _ in range(5):
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + length:
            raise ValueError("it is cut off")
        fields.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    public_key, namespace, _, hash_name, _ = fields
    if rest or hash_name not in _HASHES:
        raise ValueError("its end or its hash is unknown")
    return SshSignature(hashlib.sha256(public_key).hexdigest(), namespace.decode())
