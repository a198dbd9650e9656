"""The signatures of a repository's commits: made, checked, and demanded."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from vstore.errors import FormatError, NotFoundError, SignatureError
from vstore.faces import exported_from
from vstore.format.commit import parse_time
from vstore.format.digest import Digest
from vstore.format.signature import NAMESPACE, SshSignature, parse_ssh
from vstore.reading.caches import LruCache
from vstore.reading.fetch import Fetcher
from vstore.signing import ssh
from vstore.signing.settings import SignatureSettings
from vstore.signing.stored import MOST_SIGNATURES, put_signature, read_signature, signing_keys
from vstore.storage.store import ObjectStore

Status = Literal["good", "untrusted", "bad"]

_KEPT = 10_000
"""Of how many commits it is remembered that they are signed well."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of a commit, as it was checked.

    Attributes:
        commit: the commit.
        fingerprint: that of the key, as SSH shows it.
        status: `good`: made by a key of the allowed signers. `untrusted`: made by another key,
            or one that was revoked or not valid at the time of the commit. `bad`: not made by
            that key for this commit, or damaged.
        signer: whose key it is, as the allowed signers say; empty where it is not good.
        detail: why it is not good.
    """

    commit: Digest
    fingerprint: str
    status: Status
    signer: str = ""
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the signature is to be believed."""
        return self.status == "good"

    def to_dict(self) -> dict[str, Any]:
        """Return the signature as values for JSON."""
        return {
            "commit": self.commit,
            "fingerprint": self.fingerprint,
            "status": self.status,
            "signer": self.signer,
            "detail": self.detail,
        }

    def __str__(self) -> str:
        who = f"by {self.signer} with" if self.signer else "by"
        why = f" ({self.detail})" if self.detail else ""
        return f"{self.status} signature {who} {self.fingerprint}{why}"


class Signatures:
    """Makes and checks signatures of commits; making one makes no request.

    Safe to use from several threads.
    """

    def __init__(self, fetcher: Fetcher, settings: SignatureSettings) -> None:
        self._fetcher = fetcher
        self.settings = settings
        self._good: LruCache[Digest, Signature] = LruCache(_KEPT, lambda _: 1)

    def sign(self, commit: Digest, settings: SignatureSettings | None = None) -> str:
        """Sign a commit and store the signature; return the fingerprint of the key.

        Raises:
            InvalidInputError: there is no key to sign with, or it cannot be used.
            MissingExtraError: there is no `ssh-keygen`.
        """
        text = ssh.sign(commit.encode(), NAMESPACE, settings or self.settings)
        put_signature(self._fetcher.store, commit, text)
        return parse_ssh(text).fingerprint

    def sign_new(self, commit: Digest) -> None:
        """Sign a commit that was just made, if all are to be signed."""
        if self.settings.sign:
            self.sign(commit)

    def check(self, commit: Digest) -> tuple[Signature, ...]:
        """Return the signatures of a commit, checked.

        Raises:
            InvalidInputError: no allowed signers are known.
            MissingExtraError: there is no `ssh-keygen`.
        """
        ssh.require_signers(self.settings)
        return tuple(self._checked(commit))

    def verify(self, commit: Digest) -> Signature:
        """Return a good signature of a commit.

        Raises:
            SignatureError: there is none.
            InvalidInputError: no allowed signers are known.
            MissingExtraError: there is no `ssh-keygen`.
        """
        known = self._good.find(commit)
        if known is not None:
            return known
        ssh.require_signers(self.settings)
        others: list[Signature] = []
        for found in self._checked(commit):
            if found.is_good:
                self._good.put(commit, found)
                return found
            others.append(found)
        raise refusal(commit, others)

    def verify_by(self, commit: Digest, signers: str) -> None:
        """Raise `SignatureError` unless a commit has a good signature by one of some signers.

        They are given as the text of a file of allowed signers; those of the settings do not
        count.

        Raises:
            MissingExtraError: there is no `ssh-keygen`.
        """
        with tempfile.TemporaryDirectory(prefix="vstore-signers-") as folder:
            file = Path(folder, "allowed_signers")
            file.write_text(signers, encoding="utf-8")
            settings = replace(
                self.settings, allowed_signers=file, key=None, sign=False, require=None
            )
            Signatures(self._fetcher, settings).verify(commit)

    def require_head(self, commit: Digest) -> None:
        """Raise `SignatureError` if heads must be signed and this one is not."""
        if self.settings.require == "heads":
            self.verify(commit)

    def _checked(self, commit: Digest) -> Iterator[Signature]:
        made = parse_time(self._fetcher.commit(commit).time)
        for store, key in self._stored(commit):
            named = SshSignature(key, NAMESPACE).fingerprint
            try:
                text = read_signature(store, commit, key).signature
            except NotFoundError:
                continue
            except FormatError as error:
                yield Signature(commit, named, "bad", detail=str(error))
                continue
            found = ssh.check(text, commit.encode(), NAMESPACE, self.settings, made=made)
            status: Status = "good" if found.signer else "untrusted" if found.is_intact else "bad"
            yield Signature(commit, named, status, found.signer, found.detail)

    def _stored(self, commit: Digest) -> Iterator[tuple[ObjectStore, str]]:
        """Yield where signatures of a commit are; if none is here, at remotes that promise data."""
        store = self._fetcher.store
        here = list(_some(store, commit))
        yield from ((store, key) for key in here)
        if here:
            return
        try:
            for _, remote in self._fetcher.elsewhere.stores():
                yield from ((remote, key) for key in _some(remote, commit))
        except NotFoundError:  # they cannot be asked
            return


def _some(store: ObjectStore, commit: Digest) -> Iterator[str]:
    return islice(signing_keys(store, commit), MOST_SIGNATURES)


def refusal(commit: Digest, found: Sequence[Signature]) -> SignatureError:
    """Return why a commit is not believed, none of whose signatures is good."""
    if not found:
        return SignatureError(
            f"the commit {commit[:12]} is not signed",
            code="not-signed",
            hint="ask its author to sign it, or bring signatures that were made later with "
            "`repo.remotes['origin'].fetch(signatures=True)`",
            commit=commit,
        )
    shown = "; ".join(map(str, found[:3]))
    return SignatureError(
        f"the commit {commit[:12]} has no good signature: {shown}",
        code="untrusted-signature" if any(each.status != "bad" for each in found) else None,
        hint="add the key to the allowed signers if you know whose it is",
        commit=commit,
    )
