"""Signatures as they are stored, read and written without asking whether they are good."""

from collections.abc import Iterator

from vstore.errors import FormatError, NotFoundError
from vstore.format import object_keys, signature
from vstore.format.digest import Digest
from vstore.format.signature import NAMESPACE, SignatureDocument, parse_ssh
from vstore.history.documents import read_again
from vstore.storage.store import ObjectStore, Version

MOST_SIGNATURES = 64
"""How many signatures of one commit are looked at."""


def signing_keys(store: ObjectStore, commit: Digest) -> Iterator[str]:
    """Yield the hashes of the keys that signed a commit, as far as names of objects tell."""
    for info in store.list_prefix(object_keys.signatures(commit)):
        found = object_keys.signature_at(info.key)
        if found is not None:
            yield found[1]


def read_signature(store: ObjectStore, commit: Digest, key: str) -> SignatureDocument:
    """Return a stored signature.

    Raises:
        NotFoundError: there is none of that key.
        FormatError: it is malformed, of a newer format version, or of another commit or key.
        CorruptionError: it is damaged.
    """
    name = object_keys.signature(commit, key)
    return read_again(
        lambda: (store.get(name), Version("")), lambda data: signature.decode(data, commit, key)
    )[0]


def put_signature(store: ObjectStore, commit: Digest, text: str) -> str:
    """Store a signature, in place of the one by the same key; return the key's hash.

    Raises:
        FormatError: the text is no signature of a commit.
    """
    found = parse_ssh(text)
    if found.namespace != NAMESPACE:
        raise FormatError(f"the signature is for {found.namespace!r}, not for {NAMESPACE!r}")
    store.put(object_keys.signature(commit, found.key), signature.encode(commit, text))
    return found.key


def copy_signature(source: ObjectStore, target: ObjectStore, commit: Digest, key: str) -> bool:
    """Copy a signature that has the right form; return whether the target has a new one.

    What the target has by the same key stays, since nobody has checked which of two is good;
    an equal one is written again, so that a collection that found it before spares it.
    """
    try:
        found = read_signature(source, commit, key)
    except (FormatError, NotFoundError):
        return False
    name, data = object_keys.signature(commit, key), signature.encode(commit, found.signature)
    if target.put_if_absent(name, data) is not None:
        return True
    try:
        if target.get(name) == data:
            target.put(name, data)
    except NotFoundError:
        target.put(name, data)
    return False
