"""Garbage collection as a whole: one call does what is due, and says when the rest will be.

docs/design/010-garbage-collection.md says why writers and readers need not stop.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from vstore.errors import ConflictError, CorruptionError, PolicyError
from vstore.format import object_keys
from vstore.format.collection import CollectionDocument
from vstore.format.digest import RESTORE, Digest
from vstore.history.policies import newest_policy
from vstore.maintenance.digest_set import DigestSet
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.gc.gc_report import GcReport
from vstore.maintenance.gc.guard import Guard
from vstore.maintenance.gc.leases import remove_journals, remove_lapsed, store_now
from vstore.maintenance.gc.marking import Live, PackSpace
from vstore.maintenance.gc.options import DEFAULT_EXPIRE, DEFAULT_GRACE, GcOptions
from vstore.maintenance.gc.pending_list import Census, PendingList, Survey
from vstore.maintenance.gc.repacking import Repacking, Thinned
from vstore.maintenance.gc.roots import remove_tombstones
from vstore.maintenance.gc.state import TAKE_OVER_SECONDS, State
from vstore.maintenance.gc.sweeping import sweep
from vstore.maintenance.objects import require_repository
from vstore.maintenance.progress import NOTHING, Amount, Progress, silent
from vstore.maintenance.promises import Promises
from vstore.reading.fetch import Fetcher
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.storage.store import Key, ObjectStore

_PLAIN = GcOptions()


@dataclass(frozen=True, slots=True)
class Only:
    """What a collection that erases is about: some objects, and packs that hold something."""

    digests: DigestSet
    packs: frozenset[Digest]

    def has(self, key: Key) -> bool:
        """Return whether an object may be listed for deletion."""
        digest = object_keys.digest_at(key) or object_keys.moved_at(key)
        return digest is not None and digest in self.digests


_NEVER = datetime.min.replace(tzinfo=UTC)


def collect(
    store: ObjectStore,
    options: GcOptions = _PLAIN,
    *,
    progress: Progress = silent,
    remotes: RemoteSettings | None = BY_DEFAULT,
    only: Only | None = None,
) -> GcReport:
    """Delete what has been pending for the grace period, and list what is garbage now.

    With `only`, list of the garbage what that says, and repack the packs that it names, however
    little of them is dead.

    Raises:
        ConflictError: another collection is deleting right now.
        CorruptionError: something reachable is damaged or missing, so that what it refers to
            is unknown, or a branch or tag is gone that nobody deleted; nothing was deleted.
        NotHereError: a document is missing, and the remote that promises it cannot be listed.
        PolicyError: the policies keep for longer what branches left.
        StorageError: the store does not list everything that it holds.
    """
    default_branch = require_repository(store).default_branch
    if only is None:
        options = _with_keep(store, options)
    promises = Promises(Fetcher(store, remotes).elsewhere, progress)
    guard = Guard(store, default_branch, options.accept_lost_refs, promises)
    state = State.read(store)
    if options.dry_run:
        return _preview(guard, state, options, progress)
    report = GcReport(url=store.url)
    state, report = _finish(guard, state, options, report, progress)
    if state.pending is None:
        state, report = _list_garbage(guard, state, options, report, progress, only)
    if state.pending is not None and _waits(options):
        state = _wait(store, state, options)
        state, report = _finish(guard, state, options, report, progress)
        report = replace(report, pending=NOTHING, due=None)
    return report


def _with_keep(store: ObjectStore, options: GcOptions) -> GcOptions:
    """Return options that keep what branches left for as long as the policies say."""
    policy = newest_policy(store)
    keep = timedelta(seconds=0 if policy is None else policy.rules.keep_seconds)
    if options.expire >= keep:
        return options
    if options.expire != DEFAULT_EXPIRE:
        raise PolicyError(
            f"the policies keep what branches and tags left for {keep}, and expire is "
            f"{options.expire}; nothing was deleted",
            code="policy-keep",
            hint="leave expire out with `repo.gc()`",
        )
    return replace(options, expire=keep)


def cancel(store: ObjectStore) -> GcReport:
    """Cancel the pending deletion.

    Raises:
        ConflictError: it is being deleted already.
    """
    state = State.read(store)
    if state.pending is not None:
        if state.pending.is_sweeping:
            raise ConflictError(
                "garbage collection is deleting already, so it cannot be canceled",
                code="gc-is-deleting",
                hint="try again when it is over; if it was killed, finish it with `repo.gc()`",
            )
        epoch = state.pending.epoch
        state.entering("cancelled")
        _remove_lists(store, epoch=epoch)
    return GcReport(url=store.url, cancelled=True)


def _waits(options: GcOptions) -> bool:
    return options.wait or options.grace == timedelta(0)


def _grace(pending: CollectionDocument, options: GcOptions) -> timedelta:
    return timedelta(seconds=pending.grace_seconds) if options.grace is None else options.grace


def _finish(
    guard: Guard, state: State, options: GcOptions, report: GcReport, progress: Progress
) -> tuple[State, GcReport]:
    """Delete what is pending, if it is due; else say when it will be."""
    pending = state.pending
    if pending is None:
        return state, report
    written, now = state.modified(), store_now(guard.store)
    if pending.is_sweeping:
        silent_seconds = (now - written).total_seconds()
        if not options.take_over and silent_seconds < TAKE_OVER_SECONDS:
            raise ConflictError(
                f"another garbage collection is deleting (it was last heard of "
                f"{silent_seconds:.0f} seconds ago)",
                code="gc-running",
                hint="try again in ten minutes, or if it is dead, with `repo.gc(take_over=True)`",
            )
    elif now < written + _grace(pending, options):
        listed = Amount(pending.objects, pending.nbytes)
        due = written + _grace(pending, options)
        return state, replace(report, pending=listed, due=due)
    state, swept = sweep(guard, state, expire=options.expire, progress=progress)
    _remove_lists(guard.store, epoch=pending.epoch)
    return state, replace(
        report,
        freed=swept.freed,
        kept=swept.kept,
        commits=report.commits + swept.live.commits,
        documents=report.documents + swept.live.documents,
    )


def _list_garbage(
    guard: Guard,
    state: State,
    options: GcOptions,
    report: GcReport,
    progress: Progress,
    only: Only | None,
) -> tuple[State, GcReport]:
    """Find what is unreachable and publish the list of it."""
    store, grace = guard.store, DEFAULT_GRACE if options.grace is None else options.grace
    now = store_now(store)
    if only is None:
        remove_lapsed(store, now, grace)
    _remove_lists(store, older_than=now - max(grace, DEFAULT_GRACE))
    refs = guard.read()
    survey = Survey.begin(store, refs, now, grace=grace, expire=options.expire, progress=progress)
    live, census = Live(promises=guard.promises), Census()
    space, thinned = _mark(survey, live, options, () if only is None else only.packs)
    found = PendingList(store)
    for item in survey.sort(live, census, thinned):
        if only is None or item.moved or only.has(Key(item.key)):
            found.add(item)
    found.finish()
    _require_all(guard, survey, live, census)
    guard.remember(refs, survey.since)
    if only is None:
        _tidy(survey, now)
    report = replace(report, repacked=None if options.repack is None else thinned.repacked)
    if not found.firsts:
        return state, _counted(report, live, census, space, None)
    horizon = survey.horizon if live.is_complete else _NEVER
    before = None if state.document is None else state.document.last_swept
    state = state.replace(found.document(grace, horizon, before=before))
    return state, _counted(report, live, census, space, state.modified() + grace)


def _tidy(survey: Survey, now: datetime) -> None:
    """Remove what is over besides objects: records, tombstones and journals."""
    for note in survey.refs.forgotten(survey.since):
        survey.store.delete(note)
    remove_tombstones(survey.store, survey.refs, now)
    remove_journals(survey.store, survey.horizon)


def _require_all(guard: Guard, survey: Survey, live: Live, census: Census) -> None:
    """Check that nothing is freed because the store hides something."""
    guard.require_listed(live, census.documents)
    has_garbage = census.commits_pending > 0
    guard.require_refs(survey.refs, live, has_garbage_commits=has_garbage)


def _mark(
    survey: Survey, live: Live, options: GcOptions, packs: Collection[Digest] = ()
) -> tuple[PackSpace | None, Thinned]:
    """Find what is reachable; repack packs, or count them in a dry run, if `options` say so."""
    store = survey.store
    forwards = Forwards.read(store)
    if forwards.damaged:
        pack, detail = next(iter(forwards.damaged.items()))
        raise CorruptionError(
            f"the forwarding document of the pack {pack} cannot be read, so its chunks cannot be "
            f"found; nothing was deleted. {detail}",
            code="damaged-object",
            hint=RESTORE,
        )
    is_repacking = options.repack is not None or bool(packs)
    space = PackSpace(forwards) if options.measure or is_repacking else None
    survey.mark(live, space)
    thinned = Thinned()
    for moved in list(forwards.needed(live.digests)):
        thinned.needed.add(moved.pack)
        live.digests.add(moved.into.digest)
    # If something could not be read, the chunks that it needs are unknown.
    if is_repacking and space is not None and live.is_complete:
        horizon, progress = survey.horizon, survey.progress
        share = options.repack if not packs else None
        repacking = Repacking(
            store, forwards, horizon, share, progress, options.dry_run, frozenset(packs)
        )
        repacking.run(space, thinned)
    return space, thinned


def _counted(
    report: GcReport, live: Live, census: Census, space: PackSpace | None, due: datetime | None
) -> GcReport:
    return replace(
        report,
        pending=census.pending,
        due=due,
        young=census.young,
        live=census.live,
        commits=report.commits + live.commits,
        documents=report.documents + live.documents,
        dead=None if space is None else space.dead(),
    )


def _preview(guard: Guard, state: State, options: GcOptions, progress: Progress) -> GcReport:
    """Count what would be listed, by this machine's clock, writing nothing at all."""
    grace = DEFAULT_GRACE if options.grace is None else options.grace
    now = datetime.now(UTC)
    refs = guard.read()
    survey = Survey.begin(
        guard.store, refs, now, grace=grace, expire=options.expire, progress=progress
    )
    live, census = Live(promises=guard.promises), Census()
    space, thinned = _mark(survey, live, options)
    for _ in survey.sort(live, census, thinned):
        pass
    _require_all(guard, survey, live, census)
    due = None
    if state.pending is not None and not state.pending.is_sweeping:
        due = state.modified() + _grace(state.pending, options)
    repacked = None if options.repack is None else thinned.repacked
    report = GcReport(url=guard.store.url, dry_run=True, repacked=repacked)
    return _counted(report, live, census, space, due)


def _wait(store: ObjectStore, state: State, options: GcOptions) -> State:
    """Sleep until the grace period is over by the store's clock."""
    if state.pending is None:
        return state
    due = state.modified() + _grace(state.pending, options)
    while (left := (due - store_now(store)).total_seconds()) > 0:
        time.sleep(min(left, 60.0))
    return State.read(store)


def _remove_lists(
    store: ObjectStore, *, epoch: str | None = None, older_than: datetime | None = None
) -> None:
    """Remove pending lists: that of one collection, or those that no state names."""
    named = State.read(store).pending
    for info in list(
        store.list_prefix(object_keys.COLLECTION if epoch is None else f"gc/{epoch}/")
    ):
        found = object_keys.pending_epoch(info.key)
        if found is None or (named is not None and named.epoch == found):
            continue
        if older_than is None or info.modified < older_than:
            store.delete(info.key)
