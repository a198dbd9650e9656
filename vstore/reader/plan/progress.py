"""How far a pass over an epoch has come."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vstore.errors import InvalidInputError
from vstore.reader.plan.cursor import Cursor
from vstore.reader.plan.deal import Deal, worker_batches
from vstore.reader.plan.planner import Layout
from vstore.reader.plan.sample_deal import SampleDeal


@dataclass(slots=True, eq=False)
class Progress:
    """How far an iteration has come.

    `ranks` is for how many ranks the order is interleaved, 0 for batches; `each` how many
    samples a batch is given as, one by one; 1 where batches are given. `given` counts what
    was given out: batches, or samples.
    """

    begin: Cursor
    deal: Deal | SampleDeal
    layout: Layout
    ranks: int = 0
    each: int = 1
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
            taken=begin.taken // self.each,
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
        if self.each == 1 or isinstance(self.deal, SampleDeal):
            return replace(begin, samples=self.deal.consumed(self.given))
        batches, taken = divmod(begin.taken + self.given, self.each)
        return replace(begin, samples=self.deal.consumed(batches), taken=taken)

    def follow(self, batches: Iterator[Any]) -> Generator[Any, None, None]:
        """Yield the batches of the pass, or their samples, and count them."""
        if self.each == 1:
            for batch in batches:
                self.given += 1
                yield batch
        else:
            skipped = self.begin.taken % self.each
            for batch in batches:
                for sample in samples_of(batch)[skipped:]:
                    self.given += 1
                    yield sample
                skipped = 0
        self.is_over = True


def samples_of(batch: Any) -> list[Any]:
    """Return the samples of a batch, each in the batch's form.

    >>> samples_of({"x": [1, 2], "y": ["a", "b"]})
    [{'x': 1, 'y': 'a'}, {'x': 2, 'y': 'b'}]
    """
    if isinstance(batch, Mapping):
        names, columns = list(batch), list(batch.values())
        return [dict(zip(names, each, strict=True)) for each in zip(*columns, strict=True)]
    return list(zip(*batch, strict=True))
