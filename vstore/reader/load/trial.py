"""Calling the user's functions for one sample, and finding out what they keep and draw from."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.reader.load.copies import NoCopyError, keeps_nothing
from vstore.reader.load.engine import Batch, Unreadable
from vstore.reader.load.finishing import SKIPPED, Finisher
from vstore.reader.load.hands import Hand
from vstore.reader.load.randomness import (
    ALL,
    BATCH,
    SAMPLE,
    Digest,
    Draws,
    Reseed,
    Trace,
    drawn_since,
    own_generators,
    trace,
)
from vstore.reader.plan.runs import Run, Runs, spot

Describe = Callable[[Run, int, str | None], str]
"""Return words for one sample of a run, where it is that of a column, or of all."""

TRIED = 8
"""How many samples are transformed under watch first."""

TRIED_SECONDS = 0.05
"""How long that may take, though there are two."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the functions of a pass are called with."""

    finisher: Finisher
    draws: Draws
    threads: int
    describe: Describe


@dataclass(slots=True)
class Stop:
    """Whether to go on with no further sample."""

    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a batch, which functions are to be called for."""

    setting: Setting
    batch: Batch
    runs: Runs

    def transform(
        self,
        hand: Hand,
        indices: range,
        *,
        lent: Sequence[Reseed] = (),
        stop: Stop | None = None,
    ) -> Iterator[Any]:
        """Yield what becomes of some samples; global generators that were lent are seeded for each.

        That is `SKIPPED` for one that fails, where such are left out. It ends early once
        `stop` is set.
        """
        stop = stop or Stop()
        changed = hand.at_work_on(self.batch, lent)
        seeded = self._digests(indices) if lent or hand.draws else repeat(b"")
        skips = self.setting.finisher.on_error == "skip"
        for index, digest in zip(indices, seeded, strict=False):
            if stop.is_set:
                return
            try:
                if skips and self._is_unreadable(index):
                    made: Any = SKIPPED
                else:
                    made = changed(index, digest)
            except Exception as error:
                if not skips:
                    which = self.setting.describe(*spot(self.runs, index), hand.column)
                    error.add_note(f"This happened while transforming {which}.")
                    raise
                made = SKIPPED
            yield made

    def _is_unreadable(self, index: int) -> bool:
        return any(isinstance(values[index], Unreadable) for values in self.batch.values())

    def _digests(self, indices: range) -> Iterator[Digest]:
        """Yield what to seed generators with for some samples."""
        begin = 0
        for run in self.runs:
            places = run.places[max(0, indices.start - begin) : max(0, indices.stop - begin)]
            yield from self.setting.draws.digests(SAMPLE, run.member, places)
            begin += len(run.positions)

    def put_together(self, hand: Hand, results: list[Any], lent: Sequence[Reseed] = ()) -> Any:
        """Return the batch that is made of what became of the samples."""
        is_empty = bool(results) and all(result is SKIPPED for result in results)
        if is_empty and not self.setting.finisher.singly:
            raise self._none_left()
        made = self.setting.finisher(self.batch, results)
        return hand.collate(made, self._digest if lent or hand.draws else b"", lent)

    @property
    def _digest(self) -> Digest:
        """What to seed generators with for the batch."""
        first = self.runs[0]
        return self.setting.draws.digests(BATCH, first.member, first.places[:1])[0]

    def _none_left(self) -> Exception:
        first = self.setting.describe(self.runs[0], 0, None)
        return InvalidInputError(
            f"no sample of the batch that begins with {first} could be made: all were skipped",
            hint="choose a larger batch_size, or `batch_size=None` for single samples, of which "
            "any number may be skipped",
        )


class Trial:
    """The first samples of a pass, transformed on the thread that iterates, under watch.

    `drawn` says which global generators functions draw from. `is_alone` tells whether functions
    are to stay on that thread: they draw from global generators, cannot be copied, or make of a
    sample what depends on those before.
    """

    def __init__(self, samples: Samples, most: int) -> None:
        finisher = samples.setting.finisher
        self.results: list[Any] = []
        self.is_alone = False
        self.drawn: frozenset[int] = frozenset()
        self._keeps = not keeps_nothing((finisher.transforms, finisher.collate))
        self.hand = self._made_hand(finisher)
        started = time.perf_counter()
        with own_generators() as lent:
            for index in range(min(TRIED, most)):
                self._try(samples, index, lent)
                if index and time.perf_counter() - started > TRIED_SECONDS:
                    break
        # What keeps something was called twice.
        calls = len(self.results) * (2 if self._keeps else 1)
        self.seconds = (time.perf_counter() - started) / max(1, calls)

    def _made_hand(self, finisher: Finisher) -> Hand:
        try:
            return Hand.with_copies(finisher)
        except NoCopyError as error:
            self._call_in_order(
                f"a transform keeps something that cannot be copied for each thread ({error}): it "
                "runs on one thread, the one that iterates"
            )
            return Hand.with_originals(finisher)

    def _call_in_order(self, why: str) -> None:
        """Have each sample made once, after those before it, with all that may be drawn from."""
        warnings.warn(why, stacklevel=2)
        self._keeps, self.is_alone, self.drawn = False, True, ALL

    def _try(self, samples: Samples, index: int, lent: Sequence[Reseed]) -> None:
        seen = watched(samples, self.hand, index, lent)
        self.hand.spares |= seen.is_spoiled
        self.drawn |= seen.drawn
        self.is_alone |= bool(seen.drawn)
        self.results.append(seen.result)
        if not self._keeps:
            return
        fresh = Hand.with_copies(samples.setting.finisher)
        if not is_same(seen.result, watched(samples, fresh, index, lent).result):
            self._call_in_order(
                "what a transform makes of a sample depends on the samples before it: it runs on "
                "one thread, and a pass that is resumed gets other data"
            )


class Seen(NamedTuple):
    """What became of a sample, and what was noticed meanwhile.

    That is which global generators were drawn from, and whether functions changed the sample
    in place, or rather the copy of it that they got.
    """

    result: Any
    drawn: frozenset[int]
    is_spoiled: bool


def watched(samples: Samples, hand: Hand, index: int, lent: Sequence[Reseed]) -> Seen:
    """Return what becomes of a sample, and what was noticed meanwhile."""
    own = {name: [_copy(values[index])] for name, values in samples.batch.items()}
    run, inside = spot(samples.runs, index)
    one = Samples(samples.setting, own, [run.one(inside)])
    watch = _Watch(lent)
    (result,) = one.transform(hand, range(1), lent=[watch.seed])
    is_spoiled = any(
        not is_same(own[name][0], values[index]) for name, values in samples.batch.items()
    )
    return Seen(result, watch.drawn, is_spoiled)


class _Watch:
    """Notices what is drawn from the global generators each time after they are seeded."""

    def __init__(self, lent: Sequence[Reseed]) -> None:
        self._lent = lent
        self._before: Trace | None = None
        self._drawn: frozenset[int] = frozenset()

    def seed(self, digest: Digest) -> None:
        """Seed all that was lent, for another call."""
        self._drawn = self.drawn
        for reseed in self._lent:
            reseed(digest)
        self._before = trace()

    @property
    def drawn(self) -> frozenset[int]:
        """Which generators were drawn from."""
        if self._before is None:
            return self._drawn
        return self._drawn | drawn_since(self._before)


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _contents(array: NDArray[Any]) -> tuple[Any, ...]:
    """Return what makes an array the same as another, whatever it holds."""
    elements = array.tolist() if array.dtype.hasobject else array.tobytes()
    return array.dtype, array.shape, elements


def is_same(one: Any, other: Any) -> bool:
    """Return whether two results are the same for all that is known.

    >>> is_same({"x": [np.zeros(2)]}, {"x": [np.zeros(2)]}), is_same(1, 2)
    (True, False)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        one, other = [*one.items()], [*other.items()]
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if hasattr(one, "__array__"):
        one, other = (_contents(np.asarray(each)) for each in (one, other))
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - a comparison of the user's own objects
        return False
