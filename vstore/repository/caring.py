"""Verbs that check, collect and measure, and that bring data and let go of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.maintenance.gc.options import DEFAULT_EXPIRE, GcOptions
from vstore.maintenance.progress import Progress, silent
from vstore.repository.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from vstore.format.table.sample_keys import SampleKey
    from vstore.maintenance.gc import collecting
    from vstore.maintenance.gc.gc_report import GcReport
    from vstore.maintenance.probe import probe
    from vstore.maintenance.probe.probe_report import ProbeReport
    from vstore.maintenance.usage import By, Usage
    from vstore.partial.dropping import DroppedData
    from vstore.partial.fetching import FetchedData
    from vstore.partial.whereabouts import Whereabouts
    from vstore.repository import (
        held,
        measuring,
    )
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    collecting = lazy("vstore.maintenance.gc.collecting")
    held = lazy("vstore.repository.held")
    measuring = lazy("vstore.repository.measuring")
    probe = lazy("vstore.maintenance.probe.probe")


class Caring(Handle):
    """Verbs that check, collect and measure, and that bring data and let go of it."""

    def gc(  # noqa: PLR0913 - one option for each way of collecting
        self,
        *,
        grace: timedelta | None = None,
        expire: timedelta = DEFAULT_EXPIRE,
        dry_run: bool = False,
        wait: bool = False,
        take_over: bool = False,
        measure: bool = False,
        repack: float | None = None,
        accept_lost_refs: bool = False,
        cancel: bool = False,
        progress: Progress = silent,
    ) -> GcReport:
        """Delete what has been pending for the grace period, and list what is garbage now.

        Garbage is deleted in two calls, a grace period (24 hours) apart: call it daily. Readers
        and writers may go on meanwhile. `GcOptions` explains the options; `cancel` cancels
        the pending deletion and does nothing else.

        Raises:
            ConflictError: another collection is deleting.
            CorruptionError: something reachable is missing or damaged, or a branch or tag is
                gone that nobody deleted; nothing was deleted.
            StorageError: the store does not list everything that it holds.
        """
        if cancel:
            return collecting.cancel(self.store)
        options = GcOptions(
            grace=grace,
            expire=expire,
            dry_run=dry_run,
            wait=wait,
            take_over=take_over,
            measure=measure,
            repack=repack,
            accept_lost_refs=accept_lost_refs,
        )
        remotes = self._access.remote_settings
        return collecting.collect(self.store, options, progress=progress, remotes=remotes)

    @property
    def nbytes(self) -> int:
        """The bytes of all objects in the store, garbage included; asks for a listing."""
        return sum(info.nbytes for info in self.store.list_prefix(""))

    def usage(self, revision: str | None = None, *, by: By = "table") -> Usage:
        """Return what is stored for what, with what is shared told apart.

        `by="table"` and `"column"` are of one commit, `"branch"` of all histories, `"kind"` of
        all objects in the store.
        """
        return measuring.usage(self._access, revision, by=by)

    def fetch_data(  # noqa: PLR0913 - what is wanted, and of which commits
        self,
        path: str = "",
        *,
        samples: Any = None,
        keys: Sequence[SampleKey] | None = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
        all_history: bool = False,
        limit: int | None = None,
        progress: Progress = silent,
    ) -> FetchedData:
        """Bring data here that a remote promised, and keep it.

        Packs of which half or more is wanted are brought whole, else only what is wanted of
        them. What is here already is not brought again.

        Args:
            path: a group, table, column or array; by default everything.
            samples: an index of samples of a table or column, as in `table[samples]`.
            keys: keys of samples, in place of `samples`.
            columns: the columns of a table. Default: all.
            revision: the commit. Default: the default branch.
            all_history: bring what the ancestors of the commit have there, too.
            limit: how many bytes are brought at most.
            progress: told how far it is.

        Raises:
            NotFoundError: nothing is at the path, or no remote promises anything.
            NotHereError: the remotes cannot be read.
        """
        selection = held.Selection(
            path=path, samples=samples, keys=keys, columns=columns, with_keys=True
        )
        return held.fetch_data(
            self._access, selection, revision, all_history, limit=limit, progress=progress
        )

    def drop(
        self,
        path: str,
        *,
        samples: Any = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
        all_history: bool = False,
        dry_run: bool = False,
    ) -> DroppedData:
        """Delete the local copy of data that a listing of a remote shows with its size.

        It is read from the remote from then on. What no remote has stays here. The arguments are
        those of `fetch_data`; `dry_run` deletes nothing.

        Raises:
            NotFoundError: nothing is at the path, or no remote promises anything.
            NotHereError: a remote cannot be listed.
        """
        selection = held.Selection(path=path, samples=samples, columns=columns)
        return held.drop_data(self._access, selection, revision, all_history, dry_run=dry_run)

    def whereis(
        self, path: str = "", *, samples: Any = None, revision: str | None = None
    ) -> Whereabouts:
        """Return how much of the data of a path is here, and at each remote that promises it.

        Raises:
            NotFoundError: nothing is at the path.
            NotHereError: a remote cannot be listed.
        """
        selection = held.Selection(path=path, samples=samples)
        return held.whereis(self._access, selection, revision)

    def local_data(self, path: str = "", *, revision: str | None = None) -> list[Whereabouts]:
        """Return how much of each column and array at and below a path is here; asks no remote."""
        return held.local_data(self._access, path, revision)

    def probe(self) -> ProbeReport:
        """Check that the store provides the guarantees commits depend on."""
        return probe.probe(self.store)
