"""Calling the user's functions for one sample, and finding out what they keep and draw from."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.reader.load.copies import NoCopyError, keeps_nothing
from vstore.reader.load.engine import Batch, Unreadable
from vstore.reader.load.finishing import SKIPPED, Finisher
from vstore.reader.load.hands import Hand
from vstore.reader.load.randomness import BATCH, SAMPLE, Draws, Reseed, own_generators, trace
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


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a batch, which functions are to be called for."""

    setting: Setting
    batch: Batch
    runs: Runs

    def transformed(self, hand: Hand, index: int, lent: Sequence[Reseed] = ()) -> Any:
        """Return what becomes of one; global generators that were lent are seeded for it.

        That is `SKIPPED` for one that fails, where such are left out.
        """
        skips = self.setting.finisher.on_error == "skip"
        run, inside = spot(self.runs, index)
        digest = b""
        if lent or hand.draws:
            digest = self.setting.draws.digest(SAMPLE, run.member, run.place(inside))
        try:
            if skips and any(isinstance(v[index], Unreadable) for v in self.batch.values()):
                return SKIPPED
            return hand.transform(self.batch, index, digest, lent)
        except Exception as error:
            if skips:
                return SKIPPED
            which = self.setting.describe(run, inside, hand.column)
            error.add_note(f"This happened while transforming {which}.")
            raise

    def put_together(self, hand: Hand, results: list[Any], lent: Sequence[Reseed] = ()) -> Any:
        """Return the batch that is made of what became of the samples."""
        is_empty = bool(results) and all(result is SKIPPED for result in results)
        if is_empty and not self.setting.finisher.singly:
            raise self._none_left()
        made = self.setting.finisher(self.batch, results)
        first = self.runs[0]
        digest = self.setting.draws.digest(BATCH, first.member, first.first)
        return hand.collate(made, digest, lent)

    def _none_left(self) -> Exception:
        first = self.setting.describe(self.runs[0], 0, None)
        return InvalidInputError(
            f"no sample of the batch that begins with {first} could be made: all were skipped",
            hint="choose a larger batch_size, or `batch_size=None` for single samples, of which "
            "any number may be skipped",
        )


class Trial:
    """The first samples of a pass, transformed on the thread that iterates, under watch.

    `is_alone` tells whether functions are to stay on that thread: they draw from global
    generators, cannot be copied, or make of a sample what depends on those before.
    """

    def __init__(self, samples: Samples, most: int) -> None:
        finisher = samples.setting.finisher
        self.results: list[Any] = []
        self.is_alone = False
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
            warnings.warn(
                f"a transform keeps something that cannot be copied for each thread ({error}): it "
                "runs on one thread, the one that iterates",
                stacklevel=2,
            )
            self._keeps, self.is_alone = False, True
            return Hand.with_originals(finisher)

    def _try(self, samples: Samples, index: int, lent: Sequence[Reseed]) -> None:
        setting = samples.setting
        result, drew, spoiled = watched(samples, self.hand, index, lent)
        self.hand.spares |= spoiled
        if drew:
            self.is_alone = True
        self.results.append(result)
        if not self._keeps or self.is_alone:
            return
        fresh = Hand.with_copies(setting.finisher)
        other, _, _ = watched(samples, fresh, index, lent)
        if not is_same(result, other):
            self.is_alone = True
            warnings.warn(
                "what a transform makes of a sample depends on the samples before it: it runs on "
                "one thread, and a pass that is resumed gets other data",
                stacklevel=2,
            )


def watched(
    samples: Samples, hand: Hand, index: int, lent: Sequence[Reseed]
) -> tuple[Any, bool, bool]:
    """Return what becomes of a sample, and what was noticed meanwhile.

    That is whether a global generator was drawn from, and whether functions changed the sample
    in place, or rather the copy of it that they got.
    """
    own = {name: [_copy(values[index])] for name, values in samples.batch.items()}
    run, inside = spot(samples.runs, index)
    one = Samples(samples.setting, own, [run.one(inside)])
    digest = samples.setting.draws.digest(SAMPLE, run.member, run.place(inside))
    for reseed in lent:
        reseed(digest)
    before = trace()
    result = one.transformed(hand, 0, lent)
    drew = trace() != before
    spoiled = any(
        not is_same(own[name][0], values[index]) for name, values in samples.batch.items()
    )
    return result, drew, spoiled


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
