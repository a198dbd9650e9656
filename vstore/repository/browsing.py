"""Questions about history: what was committed, by whom a sample was changed, what differs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError, NotFoundError, NotHereError
from vstore.faces import internals
from vstore.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from vstore.diffing import blamed, followed_table, selected, timeline
    from vstore.diffing import diff as diffs
    from vstore.diffing import history as histories
    from vstore.diffing import states as node_states
    from vstore.diffing.blamed import Blame
    from vstore.diffing.diff import Diff
    from vstore.diffing.history import History
    from vstore.format.digest import Digest
    from vstore.format.table.sample_keys import SampleKey
    from vstore.history import blame as history
    from vstore.history import read_ahead
    from vstore.history.commits import Commit
    from vstore.history.read_ahead import ReadAhead
    from vstore.reading import snapshot as snapshots
    from vstore.reading.snapshot import Snapshot
    from vstore.repository.access import Access
    from vstore.writing import commit_options
else:
    blamed = lazy("vstore.diffing.blamed")
    commit_options = lazy("vstore.writing.commit_options")
    diffs = lazy("vstore.diffing.diff")
    followed_table = lazy("vstore.diffing.followed_table")
    histories = lazy("vstore.diffing.history")
    history = lazy("vstore.history.blame")
    read_ahead = lazy("vstore.history.read_ahead")
    snapshots = lazy("vstore.reading.snapshot")
    node_states = lazy("vstore.diffing.states")
    selected = lazy("vstore.diffing.selected")
    timeline = lazy("vstore.diffing.timeline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which commits of a log are wanted: those that touched a path, or a sample there.

    `skip` leaves out this many of these, `limit` ends after this many.
    """

    path: str | None = None
    sample: SampleKey | None = None
    skip: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.sample is not None and self.path is None:
            raise InvalidInputError(
                "a sample was given without a path",
                code="sample-without-path",
                hint="give the path of its table or of one column, as in "
                "`repo.log(path='train', sample=0)`",
            )
        for name, value in (("skip", self.skip), ("limit", self.limit)):
            if value is not None and (type(value) is not int or value < 0):
                raise InvalidInputError(f"{name} must be a number of commits, not {value!r}")


def log(access: Access, revision: str | None, wanted: Wanted) -> Iterator[Commit]:
    """Yield the wanted commits of a revision or range, newest first."""
    stop = None if wanted.limit is None else wanted.skip + wanted.limit
    return islice(_touching(access, revision, wanted), wanted.skip, stop)


def _touching(access: Access, revision: str | None, wanted: Wanted) -> Iterator[Commit]:
    starts, excluded = access.resolve_range(revision)
    most = None
    if wanted.path is None and wanted.limit is not None:
        most = wanted.skip + wanted.limit + 1
    read = read_ahead.ReadAhead(access.fetcher, most=most)
    found = history.commits_between(starts, excluded, read)
    if wanted.path is None:
        return found
    if wanted.sample is None:
        nodes = node_states.NodeStates(access.fetcher, wanted.path)
        return (commit for commit in found if history.is_touched(commit, read, nodes))
    samples = node_states.SampleStates(access.fetcher, wanted.path, wanted.sample, starts[-1])
    return _of_a_sample(found, read, samples)


def _of_a_sample(
    commits: Iterator[Commit], read: ReadAhead, states: node_states.SampleStates
) -> Iterator[Commit]:
    """Yield the commits that touched a sample, or raise where it was in none of them."""
    was_there, commit = False, None
    for commit in commits:
        if history.is_touched(commit, read, states):
            was_there = True
            yield commit
        elif not was_there:
            was_there = states(commit.id) is not None
    if commit is not None and not was_there:
        raise _no_sample(states.sample, states.path)


def _no_sample(sample: object, path: str) -> NotFoundError:
    return NotFoundError(f"there is no sample {sample!r} at {path!r}", code="sample-not-found")


def blame(
    access: Access, path: str, sample: SampleKey, *, revision: str | None
) -> Commit | list[Commit]:
    """Return the commit that last changed a sample, or raise `NotFoundError`.

    For the beginning of tuple keys, that is a list with the commit of each sample.
    """
    start = access.resolve(revision)
    states = node_states.SampleStates(access.fetcher, path, sample, start)
    read = read_ahead.ReadAhead(access.fetcher)
    if states.has_several(start):
        return history.last_changed_each(start, read, states)
    found = history.last_changed(start, read, states)
    if found is None:
        raise _no_sample(sample, path)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which samples and columns a history or a blame is about; all where None."""

    path: str
    samples: Iterable[SampleKey] | None = None
    prefix: str | tuple[Any, ...] | None = None
    columns: Sequence[str] | None = None

    def begin(
        self, access: Access, start: Digest
    ) -> tuple[followed_table.FollowedTable, selected.Selected]:
        """Return the table in the newest commit, and what is wanted of it, or raise."""
        tables = followed_table.FollowedTable.begin(access.fetcher, start, self.path)
        table = tables.at(start)
        assert table is not None
        wanted = selected.Selected.of(internals(table), self.samples, self.prefix)
        if self.columns is not None:
            if isinstance(self.columns, str) or tables.column_ids is not None:
                raise InvalidInputError(
                    f"columns is a list of columns of a table; got {self.columns!r} at "
                    f"{self.path!r}"
                )
            tables = tables.narrowed(table, tuple(self.columns))
        timeline.names_of(wanted, start, table)
        return tables, wanted


def sample_history(
    access: Access,
    asked: Asked,
    *,
    revision: str | None,
    since: str | datetime | None,
    digest_above: int,
) -> History:
    """Return what was done to samples of a table; it is read when it is iterated over."""
    if isinstance(since, str):
        start, base = access.resolve_both(revision, since)
        span = timeline.Span(start=start, excluded=(base,))
    else:
        if since is not None:
            commit_options.check_time(since)
        span = timeline.Span(start=access.resolve(revision), since=since)
    tables, wanted = asked.begin(access, span.start)
    return histories.History(timeline.Timeline(access.fetcher, span, tables, wanted, digest_above))


def blame_all(access: Access, asked: Asked, *, revision: str | None) -> Blame:
    """Return the commit that last changed each of some samples."""
    start = access.resolve(revision)
    tables, wanted = asked.begin(access, start)
    return blamed.BlameWalk(access.fetcher, start, tables).run(wanted)


def snapshot(access: Access, digest: Digest) -> Snapshot:
    """Open a commit for reading, or raise `NotFoundError`."""
    try:
        return snapshots.Snapshot(access.fetcher, digest)
    except NotHereError:
        raise
    except NotFoundError as exc:
        if exc.code == "commit-purged":
            raise
        access.description  # noqa: B018 - tells whether there is a repository at all
        raise NotFoundError(
            f"there is no commit {digest} in {access.store.url}", code="commit-not-found"
        ) from None


def diff(access: Access, old: str, new: str | None) -> Diff:
    """Return what differs between two revisions, or over the range that `old` spells."""
    if new is None and "..." in old:
        starts, bases = access.resolve_range(old)
        if not bases:
            raise NotFoundError(f"the two ends of {old!r} share no commit", code="commit-not-found")
        return diffs.Diff(snapshot(access, bases[0]), snapshot(access, starts[-1]))
    if new is None and ".." in old:
        old, new = (end or access.default_branch for end in old.split("..", 1))
    first, second = access.resolve_both(old, new)
    return diffs.Diff(snapshot(access, first), snapshot(access, second))
