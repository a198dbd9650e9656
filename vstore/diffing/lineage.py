"""Where samples without keys are in commits of other lines of history.

Along first parents a stored row stays the same sample. A merge puts the samples that its
second parent added behind those of the first, so that they have other rows there than on
their own line. A sample is therefore named by a commit on the line that added it and its row
there; two names are one sample where their lines meet above that row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from vstore.errors import VstoreError
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.format.nodes import GroupNode, TableInfo
from vstore.format.numbers import StoredRows
from vstore.history.lines import ROOT, descend, meeting
from vstore.history.merge_base import merge_bases
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.stored_table import StoredTable

MOST_MERGES = 256
"""How many merges are looked through before samples count as lost from sight."""

Grafts = Mapping[Digest, tuple[Digest | None, Digest]]
"""Commits that hold what another changed since its base, as a merge would, by their digests."""


class UnknownPlaceError(VstoreError):
    """History does not say where samples are; callers take it for a conflict."""


@dataclass(frozen=True)
class Places:
    """Which rows of two states are the same sample.

    Those below `shared` are at the same place. Beyond, row `old[i]` is row `new[i]`.
    """

    shared: int
    old: StoredRows
    new: StoredRows

    def keep(self, count: int) -> bool:
        """Return whether the first `count` old rows are where they were, dead or not."""
        beyond = np.arange(self.shared, count)
        return not len(np.setdiff1d(beyond, self.old[self.old == self.new]))


@dataclass(frozen=True, slots=True)
class Lineage:
    """Two commits, and what is known of the commits between them."""

    fetcher: Fetcher
    old: Digest
    new: Digest
    grafts: Grafts = field(default_factory=dict)

    @property
    def is_one_line(self) -> bool:
        """Whether one commit is the other or on its line of first parents."""
        return meeting(self.old, self.new, self.fetcher.commit) in (self.old, self.new)

    def places(self, old: StoredTable, new: StoredTable) -> Places:
        """Return which rows of a table, in both commits, are the same samples.

        Where neither commit is on the other's line, reads the merges that brought what is in
        one of them and not where they parted.

        Raises:
            UnknownPlaceError: that cannot be told.
        """
        if self.is_one_line:
            return Places(min(old.rows.stored, new.rows.stored), _none(), _none())
        return RowSearch(self.fetcher, self.grafts, old, new).places(self.old, self.new)


@dataclass(frozen=True, slots=True)
class _Joint:
    """The rows from `start` on that a commit took over: rows `fresh` of the state `theirs`."""

    ours: Digest
    theirs: Digest
    start: int
    fresh: StoredRows


@dataclass(frozen=True, slots=True)
class _Named:
    """Samples that a line added: in the rows `origins` of `commit`, in `rows` elsewhere."""

    commit: Digest
    origins: StoredRows
    rows: StoredRows
    are_above_joint: bool = False
    """Whether the line has a joint below them, made with the rows as they are laid out now."""


@dataclass
class RowSearch:
    """The states of one table, all of one layout, in a part of history."""

    fetcher: Fetcher
    grafts: Grafts
    old: StoredTable
    new: StoredTable
    _states: dict[Digest, StoredTable | None] = field(default_factory=dict)
    _joints: dict[Digest, _Joint | None] = field(default_factory=dict)

    @property
    def _info(self) -> TableInfo:
        return self.new.node.table or TableInfo()

    def places(self, a: Digest, b: Digest) -> Places:
        """Return which rows of two states are the same sample; see `Lineage.places`."""
        parted = meeting(a, b, self.fetcher.commit)
        if parted in (a, b):
            return Places(min(self._stored(a), self._stored(b)), _none(), _none())
        shared = 0 if parted is None or self._was_rewritten_after(parted) else self._stored(parted)
        fewest = min(self._stored(a), self._stored(b))
        if fewest < shared:
            raise UnknownPlaceError("rows were taken away, and may be used again")
        if fewest == shared:
            return Places(shared, _none(), _none())
        old, new = (self._names_beyond(each, shared) for each in (a, b))
        pairs = [self._matched(mine, theirs) for mine in old for theirs in new]
        return Places(
            shared,
            np.concatenate([_none(), *(rows for rows, _ in pairs)]),
            np.concatenate([_none(), *(rows for _, rows in pairs)]),
        )

    def _names_beyond(self, commit: Digest, shared: int) -> list[_Named]:
        rows = np.arange(shared, self._stored(commit))
        return self._names(commit, rows, rows)

    def row(self, a: Digest, b: Digest, row: int) -> int:
        """Return the row of the state `b` that holds what one of `a` does; -1 for none.

        Whether it is deleted there is not looked at.

        Raises:
            UnknownPlaceError: that cannot be told.
        """
        if meeting(a, b, self.fetcher.commit) in (a, b):
            return row if row < self._stored(b) else -1
        rows = np.array([row], np.int64)
        for named in self._names(a, rows, rows):
            parted = meeting(named.commit, b, self.fetcher.commit)
            if parted is not None and named.origins[0] < self._stored(parted):
                return int(named.origins[0])
        places = self.places(a, b)
        found = places.new[places.old == row]
        return int(found[0]) if len(found) else (row if row < places.shared else -1)

    def _matched(self, one: _Named, other: _Named) -> tuple[StoredRows, StoredRows]:
        """Return the rows of both states whose names are one sample."""
        both, i, j = np.intersect1d(one.origins, other.origins, return_indices=True)
        if len(both) and one.commit != other.commit:
            count = np.searchsorted(both, self._shared(one, other))
            i, j = i[:count], j[:count]
        return one.rows[i], other.rows[j]

    def _shared(self, one: _Named, other: _Named) -> int:
        """Return how many rows two lines had already when they parted."""
        parted = meeting(one.commit, other.commit, self.fetcher.commit)
        if parted is None:
            return 0
        if self._was_rewritten_after(parted) and (one.are_above_joint or other.are_above_joint):
            return 0  # the joint is above the rewrite, and that is above where they parted
        return self._stored(parted)

    def _names(self, commit: Digest, origins: StoredRows, rows: StoredRows) -> list[_Named]:
        """Name samples, at `origins` in a commit, by the lines of history that added them."""
        found: list[_Named] = []
        digest = commit
        while len(origins):
            joint = self._joint_at_or_below(digest)
            start = 0 if joint is None else joint.start
            stop = start if joint is None else start + len(joint.fresh)
            mine = origins >= stop
            found.append(_Named(commit, origins[mine], rows[mine], joint is not None))
            if joint is None:
                break
            taken = (origins >= start) & ~mine
            fresh = joint.fresh[origins[taken] - start]
            found += self._names(joint.theirs, fresh, rows[taken])
            digest, is_older = joint.ours, origins < start
            origins, rows = origins[is_older], rows[is_older]
        return [named for named in found if len(named.rows)]

    def _joint_at_or_below(self, digest: Digest) -> _Joint | None:
        """Return the newest joint on a line; None if it had none since the table's rows are these.

        They may have been made, or rewritten, after it: then all are the line's own.
        """
        at = digest if digest in self.grafts else descend(digest, ROOT, self.fetcher.commit)
        if at not in self._joints:
            if len(self._joints) == MOST_MERGES:
                raise UnknownPlaceError(f"more than {MOST_MERGES} merges were looked through")
            self._joints[at] = self._joint(at)
        return self._joints[at]

    def _joint(self, digest: Digest) -> _Joint | None:
        parents = [Digest(parent) for parent in self.fetcher.commit(digest).parents]
        if not parents or self._was_rewritten_after(digest):
            return None
        merged = self._state(digest)
        if merged is None:
            return None
        ours = parents[0]
        base, theirs = self.grafts.get(digest) or self._merged(digest, parents)
        if self._was_rewritten_after(ours):
            return self._taken_whole(ours, theirs, merged)
        start = self._stored(ours)
        fresh = _none()
        if merged.rows.stored > start:
            fresh = self._fresh(base, ours, theirs, merged)
        if start + len(fresh) != merged.rows.stored:
            raise UnknownPlaceError(f"the merge {digest[:12]} holds other rows than its parents")
        return _Joint(ours, theirs, start, fresh)

    def _taken_whole(self, ours: Digest, theirs: Digest, merged: StoredTable) -> _Joint:
        """Return what a merge took over whose ours has the rows in another layout."""
        table = None if self._was_rewritten_after(theirs) else self._state(theirs)
        if table is None or table.node != merged.node:
            raise UnknownPlaceError(f"the rows of {merged.path!r} were rewritten by a merge")
        return _Joint(ours, theirs, 0, np.arange(table.rows.stored))

    def _merged(self, digest: Digest, parents: list[Digest]) -> tuple[Digest | None, Digest]:
        if len(parents) != 2:
            raise UnknownPlaceError(f"{digest[:12]} has {len(parents)} parents")
        ours, theirs = parents
        bases = merge_bases(ours, theirs, self.fetcher.commit)
        if len(bases) > 1:  # what all of them hold, ours holds
            return ours, theirs
        return (bases[0] if bases else None), theirs

    def _fresh(
        self, base: Digest | None, ours: Digest, theirs: Digest, merged: StoredTable
    ) -> StoredRows:
        """Return the rows of `theirs` that a merge put behind those of its ours."""
        table = self._state(theirs)
        if table is None:
            return _none()
        if table.node == merged.node:
            return np.arange(self._stored(ours), table.rows.stored)
        if base is None or self._found(base) is None:
            rows = np.setdiff1d(np.arange(table.rows.stored), self._held(ours, theirs))
        else:
            known = self.places(base, theirs)
            rows = np.setdiff1d(np.arange(known.shared, table.rows.stored), known.new)
        return rows[table.rows.are_live(rows)]

    def _held(self, ours: Digest, theirs: Digest) -> StoredRows:
        """Return the rows of `theirs` whose samples are alive in `ours`."""
        table = self._state(ours)
        if table is None:
            return _none()
        places = self.places(ours, theirs)
        both = np.arange(places.shared)
        mine, other = np.append(both, places.old), np.append(both, places.new)
        return other[table.rows.are_live(mine)]

    def _stored(self, digest: Digest) -> int:
        table = self._state(digest)
        return 0 if table is None else table.rows.stored

    def _state(self, digest: Digest) -> StoredTable | None:
        """Return the table in a commit; None if it was not there.

        Raises:
            UnknownPlaceError: its rows are laid out otherwise there.
        """
        table = self._found(digest)
        if table is not None and self._was_rewritten_after(digest):
            raise UnknownPlaceError(f"the rows of {table.path!r} were rewritten")
        return table

    def _was_rewritten_after(self, digest: Digest) -> bool:
        table = self._found(digest)
        info = None if table is None else table.node.table
        return info is not None and (info.layout, info.keys) != (self._info.layout, None)

    def _found(self, digest: Digest) -> StoredTable | None:
        if digest not in self._states:
            self._states[digest] = self._find(Snapshot(self.fetcher, digest))
        return self._states[digest]

    def _find(self, snapshot: Snapshot) -> StoredTable | None:
        """Return the table in a commit, wherever it was then; None if it was not there."""
        paths: Iterator[str] = iter((self.old.path, self.new.path))
        if self._info.id:
            paths = chain(paths, (path for path, _ in internals(snapshot).tree.walk()))
        for path in paths:
            node = internals(snapshot).tree.find(path)
            info = node.table if isinstance(node, GroupNode) else None
            if info is not None and info.id == self._info.id:
                return internals(snapshot.table(path))
        return None


def _none() -> StoredRows:
    return np.zeros(0, np.int64)
