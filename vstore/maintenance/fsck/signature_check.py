"""Verifying that signatures have the right form; who is believed is for readers to say."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from vstore.errors import CorruptionError, FormatError, NotFoundError
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.maintenance.fsck.findings import Restorer
from vstore.signing.stored import put_signature, read_signature
from vstore.storage.store import ObjectStore

_THREADS = 32


def check_signatures(restorer: Restorer, signatures: Iterable[tuple[Digest, str]]) -> None:
    """Read signatures, report those that are damaged, and restore what the copy has."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="vstore-signatures") as pool:
        list(pool.map(partial(_check, restorer), signatures))


def _check(restorer: Restorer, signature: tuple[Digest, str]) -> None:
    try:
        read_signature(restorer.store, *signature)
    except NotFoundError:
        return  # deleted just now
    except FormatError as error:
        is_damaged = isinstance(error, CorruptionError)
        is_restored = restorer.copy is not None and _restore(restorer, restorer.copy, *signature)
        restorer.findings.report(
            object_keys.signature(*signature),
            "damaged" if is_damaged else "malformed",
            str(error),
            repaired=is_restored,
        )


def _restore(restorer: Restorer, copy: ObjectStore, commit: Digest, key: str) -> bool:
    try:
        found = read_signature(copy, commit, key)
    except (FormatError, NotFoundError):
        return False
    put_signature(restorer.store, commit, found.signature)
    return True
