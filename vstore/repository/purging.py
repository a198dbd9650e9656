"""Erasing data from a repository: what is named is looked up, then purged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstore.maintenance.purge import purging, rewriting

if TYPE_CHECKING:
    from vstore.maintenance.progress import Progress
    from vstore.maintenance.purge.purge_report import PurgeReport
    from vstore.maintenance.purge.request import Erasure, PurgeOptions
    from vstore.repository.access import Access


def purge(
    access: Access,
    erasure: Erasure,
    options: PurgeOptions,
    *,
    revision: str | None,
    progress: Progress,
) -> PurgeReport:
    """Erase samples and texts from all commits; see `Repository.purge`."""
    fresh = access.fresh()
    name = ""
    if erasure.path is not None:
        commit = fresh.resolve(revision)
        name = rewriting.table_id(fresh.fetcher, commit, erasure.path)
        rewriting.check_columns(fresh.fetcher, commit, erasure.path, erasure.columns or ())
    return purging.purge(
        fresh.fetcher, fresh.refs, erasure, options, table_id=name, progress=progress
    )
