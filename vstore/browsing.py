"""Questions about history: what was committed, by whom a sample was changed, what differs."""

from collections.abc import Iterator
from itertools import islice

from vstore.access import Access
from vstore.diffing.diff import Diff
from vstore.diffing.states import NodeStates, SampleStates
from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.digest import Digest
from vstore.format.sample_keys import SampleKey
from vstore.history.blame import commits_between, is_touched, last_changed
from vstore.history.commits import Commit
from vstore.snapshot import Snapshot


def log(
    access: Access, revision: str | None, *, path: str | None, limit: int | None
) -> Iterator[Commit]:
    """Yield the commits of a revision or range that changed what is at or below a path."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise InvalidInputError(f"limit is a number of commits, or None for all; not {limit!r}")
    starts, excluded = access.resolve_range(revision)
    found = commits_between(starts, excluded, access.fetcher.commit)
    if path is not None:
        states = NodeStates(access.fetcher, path)
        found = (commit for commit in found if is_touched(commit, states))
    return islice(found, limit)


def blame(access: Access, path: str, sample: SampleKey, *, revision: str | None) -> Commit:
    """Return the commit that last changed a sample, or raise `NotFoundError`."""
    states = SampleStates(access.fetcher, path, sample)
    found = last_changed(access.resolve(revision), access.fetcher.commit, states)
    if found is None:
        raise NotFoundError(f"there is no sample {sample!r} at {path!r}")
    return found


def snapshot(access: Access, digest: Digest) -> Snapshot:
    """Open a commit for reading, or raise `NotFoundError`."""
    try:
        return Snapshot(access.fetcher, digest)
    except NotFoundError:
        access.description  # noqa: B018 - tells whether there is a repository at all
        raise NotFoundError(f"there is no commit {digest} in {access.store.url}") from None


def diff(access: Access, old: str, new: str | None) -> Diff:
    """Return what differs between two revisions, or over the range that `old` spells."""
    if new is None and "..." in old:
        starts, bases = access.resolve_range(old)
        if not bases:
            raise NotFoundError(f"the two ends of {old!r} share no commit")
        return Diff(snapshot(access, bases[0]), snapshot(access, starts[-1]))
    if new is None and ".." in old:
        old, new = (end or access.default_branch for end in old.split("..", 1))
    return Diff(snapshot(access, access.resolve(old)), snapshot(access, access.resolve(new)))
