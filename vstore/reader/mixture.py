"""Several sources read as one, in given proportions."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, pickled
from vstore.format.digest import digest_of
from vstore.format.numbers import Ints
from vstore.reader.load.engine import Pass, Raw
from vstore.reader.load.randomness import Draws
from vstore.reader.load.trial import Setting
from vstore.reader.plan.cursor import Cursor, Identity
from vstore.reader.plan.deal import Deal
from vstore.reader.plan.mixing import Proportions, RepeatedOrder
from vstore.reader.plan.planner import Layout, Spans, works
from vstore.reader.plan.progress import Progress
from vstore.reader.plan.runs import Run
from vstore.reader.plan.sample_deal import SampleDeal
from vstore.reader.plan.succession import Member, Members, encode, following
from vstore.reader.settings import group_of
from vstore.reader.source import Source
from vstore.reader.statistics import ReaderStatistics
from vstore.reader.stream import Stream, as_read
from vstore.reader.union import Union, Which, references

_BATCHES_AT_ONCE = 1024


@exported_from("vstore.reader")
@dataclass(frozen=True, slots=True)
class Mixture:
    """Tables or columns to read together, whose samples come in proportion to `weights`.

    None weighs the members by their sizes, so that every sample comes once an epoch. With other
    weights a member that runs out begins again, in another order, and one that does not goes
    on where it was in the next epoch. A member of weight 0 is left out.

    `samples` is how long an epoch is: a number of samples, `"shortest"` to end when the first
    member has given as many as it has, or `"longest"` when the last has; as many as all members
    have together when None.

    Members may have names, if they come in a mapping; then `weights`, and the reader's `rows`,
    `weights` and `lengths`, may be mappings by name, too.
    """

    members: Sequence[Any] | Mapping[str, Any]
    weights: Sequence[float] | Mapping[str, float] | None = None
    samples: int | Literal["shortest", "longest"] | None = None
    label: str | None = None
    """Under which name batches have the member of each sample.

    That is its number, shape (batch,), int64; or its name, in a list, where members have names.
    """
    batching: Literal["mixed", "per_member"] = "mixed"
    """Whether every batch has its share of each member, or all of one; then on all ranks of it.

    With `"per_member"` the members take turns in proportion to their weights, and an epoch has
    whole batches only: as many as its samples make.
    """
    columns: Which = "same"
    """Which columns batches have where members differ in theirs.

    With `"same"` that is an error, `"shared"` are those that all members have, and `"all"` those
    that any has: of a member without a column all samples are missing in it, and a mask, under
    the column's name and `.valid`, says so in every batch.
    """
    after: Mapping[str, Any] | None = None
    """A state of a reader of another mixture that this one goes on after.

    A member that has the same name, or number, there, and the same samples in the same order (by
    seed, shuffle and so on), goes on behind what it has given. Another, one that is new or has
    grown, begins. Weights, and all else, are those of
    this mixture from its first batch on, and its epochs count from 0. So a state survives other
    weights and members that have grown; readers of this mixture load each other's states.
    """


def members_of(mixture: Mixture) -> dict[Any, Any]:
    """Return the members by name, or by number where they have none.

    Raises:
        InvalidInputError: they are not several tables or columns.
    """
    members = mixture.members
    if isinstance(members, Mapping) and all(isinstance(name, str) for name in members) and members:
        return dict(members)
    if not isinstance(members, list | tuple) or not members:
        raise InvalidInputError(
            "the members of a mixture are a list of tables or columns, or a mapping of names to "
            "them"
        )
    return dict(enumerate(members))


def each_member(given: Mapping[str, Any], names: Sequence[Any], what: str) -> list[Any]:
    """Return what a mapping says of each member, None where it says nothing.

    Raises:
        InvalidInputError: it names no member.
    """
    unknown = [name for name in given if name not in names]
    if unknown:
        raise InvalidInputError(
            f"{what} names {unknown[0]!r}, which is no member of the mixture: those are "
            f"{', '.join(map(repr, names))}"
        )
    return [given.get(name) for name in names]


def _weights_of(mixture: Mixture, names: Sequence[Any], sizes: Sequence[int]) -> Any:
    if isinstance(mixture.weights, Mapping):
        return [each or 0 for each in each_member(mixture.weights, names, "weights")]
    return sizes if mixture.weights is None else mixture.weights


@pickled
class MixedStream:
    """The batches of a mixture; does what a `Stream` does."""

    def __init__(self, streams: Sequence[Stream], mixture: Mixture, union: Union) -> None:
        sizes = [len(stream.source) for stream in streams]
        self._members = list(members_of(mixture))
        self._union = union
        proportions = Proportions.of(_weights_of(mixture, self._members, sizes))
        weights = proportions.weights
        if len(weights) != len(streams):
            msg = f"there are {len(streams)} members and {len(weights)} weights"
            raise InvalidInputError(msg)
        if any(weight and not size for weight, size in zip(weights, sizes, strict=True)):
            raise InvalidInputError("every member of a mixture needs a sample, or the weight 0")
        self._streams = list(streams)
        self._label = _checked_label(mixture.label, union.names)
        samples = _epoch_samples(mixture.samples, sizes, proportions)
        self._options = streams[0].options
        is_per_member = _is_per_member(mixture.batching)
        if is_per_member and self._options.as_samples:
            raise InvalidInputError("batching='per_member' makes batches: give a batch_size")
        if not is_per_member and any(each.options.lengths is not None for each in streams):
            raise InvalidInputError(
                "a batch of several members cannot have samples of similar length: give "
                "batching='per_member'"
            )
        each = zip(self._members, streams, weights, strict=True)
        members = tuple(Member(name, _order_of(own), weight) for name, own, weight in each)
        self._plan = Members(members, samples, is_per_member)
        if mixture.after is not None:
            batch = self._options.batch_size * self._options.world_size
            self._plan = following(self._plan, mixture.after, global_batch=batch)
        self.deal(Cursor())

    def __len__(self) -> int:
        """Return how many batches, or samples, an epoch gives this rank."""
        deal = self.deal(Cursor())
        if not self._options.as_samples:
            return len(deal)
        starts, stops = deal.spans(range(deal.batches))
        return sum(stops) - sum(starts)

    @property
    def makes_batches(self) -> bool:
        """Whether batches are given, not single samples."""
        return not self._options.as_samples

    @property
    def may_have_gaps(self) -> bool:
        """Whether single samples are given, and may be left out."""
        return self._streams[0].may_have_gaps

    def at_rank(self, rank: int, world_size: int) -> None:
        """Become the part of another rank; epochs that begin from now on follow it."""
        self.at_group(*group_of(rank, world_size, self._options.replication))

    def at_group(self, rank: int, world_size: int) -> None:
        """Become the part of another group of ranks that get the same samples."""
        for stream in self._streams:
            stream.at_group(rank, world_size)
        self._options = self._streams[0].options
        self.deal(Cursor())

    @property
    def identity(self) -> Identity:
        """What the order was made from."""
        identities = [stream.identity for stream in self._streams]
        chosen = [(each.weights, each.lengths) for each in identities]
        weights = ([each.weight for each in self._plan.members], chosen, self._plan.beginning)
        batch = self._options.batch_size * self._options.world_size
        plan = self._plan.laid_out(global_batch=batch, window=self._streams[0].window)
        return replace(
            identities[0],
            data=digest_of(repr([each.data for each in identities]).encode()),
            epoch_samples=self._plan.samples,
            weights=digest_of(repr(weights).encode()),
            members=encode(plan),
        )

    @property
    def _epoch_samples(self) -> int:
        return self._plan.epoch_samples(self._options.batch_size * self._options.world_size)

    def deal(self, cursor: Cursor) -> Deal:
        """Return how samples are dealt to ranks from a place on."""
        options = self._options
        return Deal(
            samples=self._epoch_samples,
            batch_size=options.batch_size,
            world_size=options.world_size,
            rank=options.rank,
            drop_last=options.drop_last,
            start=cursor.samples,
        )

    def begin(self, cursor: Cursor) -> Progress:
        """Return a place in an epoch that moves on with the batches."""
        layout = self._streams[0].layout(cursor)
        batch = cursor.global_batch or self._options.batch_size * self._options.world_size
        options = self._options
        if self._plan.is_per_member and cursor.samples and batch != self.deal(cursor).global_batch:
            raise InvalidInputError(
                f"the state counts batches of {batch} samples of one member over all ranks, not "
                f"{self.deal(cursor).global_batch}: go on with the same batch_size * world_size"
            )
        ranks, each = (options.world_size, options.batch_size) if options.as_samples else (0, 0)
        layout = replace(layout, global_batch=batch)
        return Progress(cursor, self.deal(cursor), layout, ranks, each)

    def iterate(self, progress: Progress) -> Generator[Any, None, None]:
        """Yield what is given from a place in an epoch to its end; closing it stops all threads."""
        with closing(self.batches(progress)) as batches:
            yield from progress.follow(batches)

    def batches(self, progress: Progress) -> Generator[Any, None, None]:
        """Yield the batches from a place in an epoch to its end, also where samples are given."""
        finisher, mine = self._options.finish, progress.mine
        with ExitStack() as stack:
            runs = [
                stack.enter_context(self._member(i, progress, mine))
                for i in range(len(self._streams))
            ]
            raw = self._raw(runs, progress.deal, mine)
            if not finisher.calls:
                yield from (finisher(batch) for batch, _ in raw)
                return
            draws = Draws(self._options.seed, self._plan.first + progress.begin.epoch)
            threads = self._streams[0].threads(progress.begin.workers)
            setting = Setting(finisher, draws, threads, self._describe)
            is_ready = lambda: all(run.is_ready for run in runs)  # noqa: E731
            yield from self._streams[0].transformed(setting, raw, is_ready)

    def _raw(self, runs: Sequence[Pass], deal: Deal | SampleDeal, mine: range) -> Iterator[Raw]:
        """Yield the batches as they are read, the samples of one member after the other."""
        members = [iter(run) for run in runs]
        channels = references([run.channels for run in runs])
        for _, share in self._shares(deal, mine):
            parts = [(i, *next(members[i])) for i, rows in enumerate(share) if rows]
            which = [run._replace(member=i) for i, _, runs in parts for run in runs]
            batch = self._union.joined([(batch, share[i]) for i, batch, _ in parts], channels)
            if self._label is not None:
                batch[self._label] = self._labels(share)
            yield batch, which

    def _labels(self, share: Sequence[int]) -> Any:
        """Return the member of each sample of a batch, as many as are said of each in order."""
        if isinstance(self._members[0], int):
            return np.repeat(np.arange(len(share)), share)
        return [
            name for name, count in zip(self._members, share, strict=True) for _ in range(count)
        ]

    def _describe(self, run: Run, index: int, column: str | None) -> str:
        words = self._streams[run.member].describe(run, index, column)
        return f"{words} of the mixture's member {self._members[run.member]!r}"

    def _shares(self, deal: Deal | SampleDeal, batches: range) -> Iterator[tuple[int, list[int]]]:
        """Yield each batch with how many samples it has of every member."""
        for first in range(0, len(batches), _BATCHES_AT_ONCE):
            some = batches[first : first + _BATCHES_AT_ONCE]
            starts, stops = deal.spans(some)
            before, upto = (
                self._plan.counts(places, global_batch=deal.global_batch)
                for places in (starts, stops)
            )
            counts = upto - before
            yield from zip(some, counts.tolist(), strict=True)

    def _member(self, i: int, progress: Progress, mine: range) -> AbstractContextManager[Pass]:
        """Lend a pass over what one member gives to those batches that have samples of it."""
        order, spans = self._order(i, progress)
        parts = works(order.edges, spans, mine)
        workers = progress.begin.workers * len(self._streams)
        return self._streams[i].reading(order, parts, as_read, workers=workers)

    def _order(self, i: int, progress: Progress) -> tuple[RepeatedOrder, Spans]:
        """Return the order of one member in an epoch, and which part of it each batch has."""
        deal, batch = progress.deal, progress.deal.global_batch
        per_epoch = int(self._plan.counts([self._epoch_samples], global_batch=batch)[0, i])
        before = self._plan.members[i].before + progress.begin.epoch * per_epoch

        def spans(batches: range) -> tuple[list[int], list[int]]:
            starts, stops = deal.spans(batches)
            return (
                self._plan.counts(starts, global_batch=batch)[:, i].tolist(),
                self._plan.counts(stops, global_batch=batch)[:, i].tolist(),
            )

        layout = self._layout(i, progress.layout)
        return RepeatedOrder(layout, before, before + max(1, per_epoch)), spans

    def _layout(self, i: int, whole: Layout) -> Layout:
        batch, window = self._plan.layout(i, global_batch=whole.global_batch, window=whole.window)
        return self._streams[i].layout(Cursor(global_batch=batch, window_samples=window))

    def order(self, epoch: int) -> Ints:
        """Return the (member, position) of the samples an epoch gives this rank, member by member.

        Within a batch the samples of one member are together.
        """
        progress = self.begin(Cursor(epoch))
        batches = range(progress.deal.batches)
        members = [self._picked(i, progress, batches) for i in range(len(self._streams))]
        found = [
            (i, next(member))
            for _, share in self._shares(progress.deal, batches)
            for i, member in enumerate(members)
            for _ in range(share[i])
        ]
        return np.array(found, np.int64).reshape(-1, 2)

    def _picked(self, i: int, progress: Progress, batches: range) -> Iterator[int]:
        """Yield the positions of one member's samples in some batches."""
        order, spans = self._order(i, progress)
        for work in works(order.edges, spans, batches):
            yield from work.pick(order.positions(work.unit)).tolist()

    def statistics(self) -> ReaderStatistics:
        """Return what reading has cost this process so far."""
        return ReaderStatistics.total(stream.statistics() for stream in self._streams)

    def prefetch(self, progress: Callable[[int, int], None]) -> int:
        """Bring all chunks of all members to the cache on disk, one member after the other."""
        return sum(stream.prefetch(progress) for stream in self._streams)


def _epoch_samples(given: Any, sizes: Sequence[int], proportions: Proportions) -> int:
    """Return how many samples an epoch has."""
    if given is None:
        weighed = zip(sizes, proportions.weights, strict=True)
        return sum(size for size, weight in weighed if weight)
    if given == "shortest":
        return proportions.most_within(sizes)
    if given == "longest":
        return proportions.least_over(sizes)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise InvalidInputError(
            f"samples is a number of 1 or more, 'shortest', 'longest' or None, not {given!r}"
        )
    return given


def _is_per_member(batching: Any) -> bool:
    if batching not in ("mixed", "per_member"):
        raise InvalidInputError(f"batching is 'mixed' or 'per_member', not {batching!r}")
    return bool(batching == "per_member")


def _checked_label(label: Any, names: Sequence[str]) -> str | None:
    if label is not None and (not isinstance(label, str) or label in names):
        msg = f"label is a name that no column has, for the members' numbers, not {label!r}"
        raise InvalidInputError(msg)
    return label


def _order_of(stream: Stream) -> str:
    """Return what tells the samples of a member, and their order, from others."""
    own = stream.identity
    return digest_of(repr([own.data, own.shuffle, own.seed, own.weights, own.lengths]).encode())


def check_members(sources: Sequence[Source]) -> None:
    """Raise unless the members' samples are made of rows alike, and have keys of one kind."""
    if len({_rows_of(each) for each in sources}) > 1:
        raise InvalidInputError(
            "the members differ in their rows: give all of them windows of one width, blocks of "
            "one length, or none"
        )
    kinds_of_keys = {each.keys.kind for each in sources if each.keys is not None}
    if len(kinds_of_keys) > 1:
        found = ", ".join(sorted(str(kind) for kind in kinds_of_keys))
        raise InvalidInputError(
            f"the members differ in their keys ({found}), and a batch has keys of one kind"
        )


def _rows_of(source: Source) -> tuple[Any, ...]:
    return (source.width, source.packs and source.packs.length, *source.known)
