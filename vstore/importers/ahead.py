"""Reading ahead: items are worked on before their turn, and their samples come in order."""

import multiprocessing
import pickle
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from itertools import islice
from threading import Condition
from typing import Any

from vstore.errors import InvalidInputError, VstoreError
from vstore.importers.errors import name_of_item
from vstore.importers.work import Group, Work

_RUN_NBYTES = 2**20
_MAX_RUN = 64
_FEED_NBYTES = 2**23
_STREAMS = 3
"""How many items of many samples are read at a time."""


def groups(work: Work, items: Iterable[Any], *, threads: int, processes: int) -> Generator[Group]:
    """Yield the samples of items in their order, reading ahead with bounded depth.

    Args:
        work: what to do with items.
        items: may be an iterator; no more than needed is taken from it.
        threads: how many items are read at a time, without processes.
        processes: how many processes read items; 0 for none.
    """
    if processes:
        _require_pickle(work)
        context = multiprocessing.get_context("spawn")
        with _ended(ProcessPoolExecutor(processes, mp_context=context)) as pool:
            yield from _in_runs(pool, work, items, depth=processes + 2)
    elif work.many:
        with closing(_streamed(work, items, min(threads, _STREAMS))) as found:
            yield from found
    else:
        with _ended(ThreadPoolExecutor(threads, "vstore-import")) as pool:
            yield from _in_runs(pool, work, items, depth=threads + 2)


@contextmanager
def _ended(pool: Executor) -> Iterator[Executor]:
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _require_pickle(work: Work) -> None:
    try:
        pickle.dumps(work)
    except Exception as exc:
        raise InvalidInputError(
            f"processes cannot read the items, because `read` does not pickle: {exc}",
            code="read-does-not-pickle",
            hint="define `read` at the top of a module, or read on threads: `processes=0`",
        ) from exc


def _in_runs(pool: Executor, work: Work, items: Iterable[Any], *, depth: int) -> Iterator[Group]:
    """Yield the groups of runs of items, a few of them at a time for each task."""
    rest, run, waiting = iter(items), 1, deque[tuple[Future[list[Group]], list[Any]]]()
    while True:
        while len(waiting) < depth and (taken := list(islice(rest, run))):
            waiting.append((pool.submit(work.run, taken), taken))
        if not waiting:
            return
        future, taken = waiting.popleft()
        try:
            made = future.result()
        except BrokenProcessPool as exc:
            raise _died(taken) from exc
        del future
        yield from made
        nbytes = sum(group.nbytes for group in made) // len(taken)
        run = 1 if work.many else max(1, min(_MAX_RUN, _RUN_NBYTES // max(1, nbytes)))


def _died(taken: list[Any]) -> VstoreError:
    first = name_of_item(taken[0])
    more = f", or one of the {len(taken) - 1} items after it" if len(taken) > 1 else ""
    return InvalidInputError(f"{first}{more}: the process that read it died")


# Items of many samples --------------------------------------------------------------


class _Feed:
    """The groups of one item, between the thread that reads it and the one that takes them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._held: deque[Group | BaseException | None] = deque()
        self._nbytes = 0
        self._is_closed = False

    def fill(self, work: Work, item: Any) -> None:
        """Put the groups of an item, one by one, while there is room."""
        try:
            for group in work.all_of(item):
                if not self._put(group, group.nbytes):
                    return
        except BaseException as exc:  # noqa: BLE001 - it is raised where groups are taken
            self._put(exc, 0)
        else:
            self._put(None, 0)

    def _put(self, what: Group | BaseException | None, nbytes: int) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or not self._held or self._nbytes + nbytes <= _FEED_NBYTES
            )
            self._held.append(what)
            self._nbytes += nbytes
            self._changed.notify_all()
            return not self._is_closed

    def __iter__(self) -> Iterator[Group]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held)
                found = self._held.popleft()
                self._nbytes -= found.nbytes if isinstance(found, Group) else 0
                self._changed.notify_all()
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            yield found
            del found

    def close(self) -> None:
        """Let the thread that fills the feed end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _streamed(work: Work, items: Iterable[Any], threads: int) -> Generator[Group]:
    rest, feeds = iter(items), deque[_Feed]()
    with _ended(ThreadPoolExecutor(threads, "vstore-import")) as pool:
        try:
            while True:
                while len(feeds) < threads and (taken := list(islice(rest, 1))):
                    feeds.append(_Feed())
                    pool.submit(feeds[-1].fill, work, taken[0])
                if not feeds:
                    return
                yield from feeds[0]
                feeds.popleft()
        finally:
            for feed in feeds:
                feed.close()
