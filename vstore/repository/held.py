"""Fetching, dropping and finding data of a repository's commits, for those who name revisions."""

from collections.abc import Iterator

from vstore.history.blame import commits_between
from vstore.maintenance.progress import Progress
from vstore.partial import dropping, fetching, whereabouts
from vstore.partial.dropping import DroppedData
from vstore.partial.fetching import FetchedData
from vstore.partial.selecting import Selection
from vstore.partial.whereabouts import Whereabouts
from vstore.reading.snapshot import Snapshot
from vstore.repository.access import Access

__all__ = ["Selection", "drop_data", "fetch_data", "local_data", "whereis"]


def fetch_data(
    access: Access,
    selection: Selection,
    revision: str | None,
    all_history: bool,  # noqa: FBT001 - as the verbs of a repository take it
    *,
    limit: int | None,
    progress: Progress,
) -> FetchedData:
    """Bring what of a selection is missing in the commits that a revision means."""
    snapshots = _snapshots(access, selection, revision, all_history=all_history)
    return fetching.fetch_data(snapshots, selection, access.fetcher, limit=limit, progress=progress)


def drop_data(
    access: Access,
    selection: Selection,
    revision: str | None,
    all_history: bool,  # noqa: FBT001 - as the verbs of a repository take it
    *,
    dry_run: bool,
) -> DroppedData:
    """Delete what is here of a selection in the commits that a revision means."""
    snapshots = list(_snapshots(access, selection, revision, all_history=all_history))
    return dropping.drop_data(snapshots, selection, access.fetcher, dry_run=dry_run)


def whereis(access: Access, selection: Selection, revision: str | None) -> Whereabouts:
    """Return where the data of a selection is."""
    snapshot = Snapshot(access.fetcher, access.resolve(revision))
    return whereabouts.whereis(snapshot, selection, access.fetcher)


def local_data(access: Access, path: str, revision: str | None) -> list[Whereabouts]:
    """Return how much is here of what is at and below a path."""
    snapshot = Snapshot(access.fetcher, access.resolve(revision))
    return list(whereabouts.local_data(snapshot, path, access.fetcher))


def _snapshots(
    access: Access, selection: Selection, revision: str | None, *, all_history: bool
) -> Iterator[Snapshot]:
    """Yield the commit that a revision names, and its ancestors that have something at the path."""
    start = access.resolve(revision)
    yield Snapshot(access.fetcher, start)
    if not all_history:
        return
    for commit in commits_between([start], [], access.fetcher.commit):
        snapshot = Snapshot(access.fetcher, commit.id)
        if commit.id != start and (not selection.path or selection.path in snapshot):
            yield snapshot
