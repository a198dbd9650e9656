"""How far a pass over an epoch has come."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.reader.plan.cursor import Cursor
from vstore.reader.plan.deal import Deal, worker_batches
from vstore.reader.plan.planner import Layout
from vstore.reader.plan.sample_deal import SampleDeal


@pickled
@dataclass(slots=True, eq=False)
class Progress:
    """How far an iteration has come.

    `ranks` is for how many ranks the order is interleaved, 0 for batches. `each` is how many
    samples that are given one by one a batch brings together, 0 where batches are given. `given`
    counts what was given out: batches, or samples, those left out among them.
    """

    begin: Cursor
    deal: Deal | SampleDeal
    layout: Layout
    ranks: int = 0
    each: int = 0
    given: int = 0
    is_over: bool = False

    def __post_init__(self) -> None:
        begin = self.begin
        if begin.workers == 1 and begin.taken and begin.ranks != self.deal.world_size:
            raise InvalidInputError(
                f"the state is in the middle of samples that {begin.ranks} ranks brought together, "
                f"which {self.deal.world_size} cannot share: go on with as many ranks"
            )

    @property
    def mine(self) -> range:
        """The batches that this process makes."""
        begin = self.begin
        return worker_batches(
            self.deal.batches,
            workers=begin.workers,
            worker=begin.worker,
            taken=begin.taken // (self.each or 1),
        )

    @property
    def cursor(self) -> Cursor:
        """The place behind what was given out last."""
        begin = replace(
            self.begin,
            global_batch=self.layout.global_batch,
            window_samples=self.layout.window,
            ranks=self.ranks,
        )
        if begin.workers > 1:
            return replace(begin, taken=begin.taken + self.given)
        if self.is_over:
            return self.begin.next_epoch()
        if not self.each or isinstance(self.deal, SampleDeal):
            return replace(begin, samples=self.deal.consumed(self.given))
        batches, taken = divmod(begin.taken + self.given, self.each)
        return replace(begin, samples=self.deal.consumed(batches), taken=taken)

    def follow(self, batches: Iterator[Any]) -> Generator[Any, None, None]:
        """Yield the batches of the pass, or their samples, and count them."""
        if not self.each:
            for batch in batches:
                self.given += 1
                yield batch
        else:
            skipped = self.begin.taken % self.each
            for batch in batches:
                for sample in samples_of(batch)[skipped:]:
                    self.given += 1
                    if sample is not GAP:
                        yield sample
                skipped = 0
        self.is_over = True


class WithGaps(NamedTuple):
    """A batch that brings samples together of which some were left out.

    It holds the `kept` of `size`. A place counts those left out, too: it must not depend on
    what a function makes of a sample.
    """

    batch: Any
    kept: list[int]
    size: int


GAP = object()
"""Stands for a sample that was left out."""


def samples_of(batch: Any) -> list[Any]:
    """Return the samples of a batch, each in the batch's form; `GAP` for one left out.

    >>> samples_of({"x": [1, 2], "y": ["a", "b"]})
    [{'x': 1, 'y': 'a'}, {'x': 2, 'y': 'b'}]
    >>> [each is GAP for each in samples_of(WithGaps({"x": [1, 2]}, [0, 2], 3))]
    [False, True, False]
    """
    if isinstance(batch, WithGaps):
        samples = [GAP] * batch.size
        for at, sample in zip(batch.kept, samples_of(batch.batch), strict=True):
            samples[at] = sample
        return samples
    if isinstance(batch, Mapping):
        names, columns = list(batch), list(batch.values())
        return [dict(zip(names, each, strict=True)) for each in zip(*columns, strict=True)]
    return list(zip(*batch, strict=True))
