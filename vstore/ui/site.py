"""What the pages look at: one repository, its opened commits, and pictures made for a page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.digest import Digest, is_digest
from vstore.format.numbers import Positions
from vstore.reading.caches import LruCache
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table
from vstore.repository.repository import Repository
from vstore.ui.distributions import Distribution
from vstore.ui.scratch_store import Meter, ScratchStore

_SNAPSHOTS = 16
_PICTURES_NBYTES = 48 * 2**20
_MASKS_NBYTES = 32 * 2**20
_MOST_BRANCHES = 50


class Head(NamedTuple):
    """A branch or a tag, and the commit that it names."""

    name: str
    commit: Digest
    is_tag: bool


class Site:
    """A repository that is looked at; safe to use from several threads."""

    def __init__(self, repository: Repository) -> None:
        self._access = internals(repository)
        self.meter = Meter()
        self.repo = self.scratch()
        self._snapshots = LruCache[str, Snapshot](_SNAPSHOTS, lambda _: 1)
        self.pictures = LruCache[tuple[Any, ...], bytes](_PICTURES_NBYTES, len)
        self.rows = LruCache[tuple[Any, ...], NDArray[np.int64]](_MASKS_NBYTES, lambda a: a.nbytes)
        self.statistics = LruCache[str, Distribution](256, lambda _: 1)

    def scratch(self) -> Repository:
        """Return the repository anew, as it was opened; what is made in it is forgotten with it."""
        return Repository(
            ScratchStore(self._access.store, self.meter),
            remotes=self._access.remote_settings,
            signatures=self._access.signature_settings,
        )

    def resolve(self, revision: str) -> Digest:
        """Return the commit that a name in an address means."""
        return Digest(revision) if is_digest(revision) else self.repo.resolve(revision or None)

    def snapshot(self, commit: str) -> Snapshot:
        """Return a commit opened for reading."""
        found = self._snapshots.find(commit)
        if found is None:
            found = self.repo.checkout(commit)
            self._snapshots.put(commit, found)
        return found

    def table(self, commit: str, path: str) -> Table:
        """Return a table of a commit."""
        return self.snapshot(commit).table(path)

    def heads(self) -> list[Head]:
        """Return branches and tags, the first fifty of each by name."""
        access = internals(self.repo)
        branches = access.refs.branch_names()[:_MOST_BRANCHES]
        tags = access.refs.tag_names()[:_MOST_BRANCHES]
        names = [(name, False) for name in branches] + [(name, True) for name in tags]
        found = access.fetcher.map(lambda named: self._head(*named), names)
        return [head for head in found if head is not None]

    def _head(self, name: str, is_tag: bool) -> Head | None:  # noqa: FBT001 - one of a pair
        refs = internals(self.repo).refs
        if is_tag:
            tag = refs.find_tag(name)
            return None if tag is None else Head(name, Digest(tag.commit), is_tag)
        branch = refs.find_branch(name)
        return None if branch is None else Head(name, branch.commit, is_tag)


def named(heads: Sequence[Head]) -> Mapping[str, list[Head]]:
    """Return branches and tags by the commit they name."""
    found: dict[str, list[Head]] = {}
    for head in heads:
        found.setdefault(head.commit, []).append(head)
    return found


def position_of(table: Table, query: Mapping[str, str], key: Any) -> int:
    """Return the position of the sample that an address names by `row` or by `key`."""
    if "key" in query:
        return table.position(key)
    row = query.get("row", "")
    if not row.isdigit() or len(row) > 18:
        raise InvalidInputError("an address names a sample by `row` or by `key`")
    if int(row) >= len(table):
        raise NotFoundError(f"{table.path!r} has {len(table):,} samples, none at {row}")
    return int(row)


def stored_rows(table: Table, positions: Positions | Sequence[int]) -> NDArray[np.int64]:
    """Return where in storage samples at some positions are."""
    found = internals(table).rows.locate(np.asarray(positions, np.int64))
    return np.atleast_1d(np.asarray(found, np.int64))
