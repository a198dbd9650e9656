"""Signatures go where their commits went."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.signing.stored import copy_signature, signing_keys
from vstore.storage.store import ObjectStore
from vstore.transfer.side import Sides

_PAGE = 1000
"""How many signatures one request lists; of as many commits each is asked for by itself."""

Signed = tuple[Digest, str]
"""A commit, and the hash of the key that signed it."""


@dataclass(slots=True)
class SignatureListing:
    """The signatures of a repository: the first page at once, the rest as it is needed."""

    store: ObjectStore
    first: list[Signed]
    _rest: Iterator[Signed]

    @classmethod
    def begin(cls, store: ObjectStore) -> "SignatureListing":
        """List the first signatures: one request."""
        rest = _listed(store)
        return cls(store, list(islice(rest, _PAGE)), rest)

    def of(self, commits: Collection[Digest]) -> Iterator[Signed]:
        """Yield the signatures of some commits, by the fewest requests."""
        wanted = frozenset(commits)
        if len(self.first) == _PAGE and len(wanted) < _PAGE:
            for commit in commits:
                yield from ((commit, key) for key in signing_keys(self.store, commit))
            return
        yield from (each for each in self.all() if each[0] in wanted)

    def all(self) -> Iterator[Signed]:
        """Yield every signature."""
        return chain(self.first, self._rest)


def copy_signatures(
    sides: Sides, listing: SignatureListing, target: ObjectStore, commits: Collection[Digest]
) -> int:
    """Copy the signatures of commits that were copied; return how many the target did not have."""
    return _copy(sides, listing.store, target, list(listing.of(commits)))


def copy_later_signatures(sides: Sides, listing: SignatureListing, target: ObjectStore) -> int:
    """Copy all signatures of commits that the target has; return how many it did not have."""
    there = frozenset(_listed(target))
    missing = [each for each in listing.all() if each not in there]
    if not missing:
        return 0
    names = (object_keys.digest_at(info.key) for info in target.list_prefix(object_keys.COMMITS))
    commits = frozenset(name for name in names if name is not None)
    return _copy(sides, listing.store, target, [each for each in missing if each[0] in commits])


def _listed(store: ObjectStore) -> Iterator[Signed]:
    found = (object_keys.signature_at(i.key) for i in store.list_prefix(object_keys.SIGNATURES))
    return (each for each in found if each is not None)


def _copy(sides: Sides, source: ObjectStore, target: ObjectStore, signed: list[Signed]) -> int:
    copy = partial(_copy_one, source, target)
    return sum(sides.map(copy, signed))


def _copy_one(source: ObjectStore, target: ObjectStore, signed: Signed) -> bool:
    return copy_signature(source, target, *signed)
