"""The columns of a mixture: what every batch has, whichever members its samples are of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import internals, pickled
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.load.channel import Channel
from vstore.reader.load.engine import Batch, one_behind_the_other
from vstore.reader.load.finishing import Finisher
from vstore.reader.load.windows import WindowGrouping
from vstore.reader.named import column_not_found, columns_of
from vstore.reader.source import Source
from vstore.reading.column import Column

Which = Literal["same", "shared", "all"]


def names_of_each(
    members: Sequence[Any], names: Sequence[str] | None, which: Which
) -> list[Sequence[str] | None]:
    """Return which columns are read of each member; None for all that it has.

    Args:
        members: the members of a mixture.
        names: the columns that the user wants; all when None.
        which: whether members have the same columns, or else those that all of them have are
            read, or those that any has.

    Raises:
        InvalidInputError: there is no such way, or nothing to read of a member.
        NotFoundError: a column that the user wants is not there.
    """
    if which not in get_args(Which):
        raise InvalidInputError(
            f"columns of a mixture are 'same', 'shared' or 'all', not {which!r}"
        )
    if which == "same":
        return [names] * len(members)
    found = [list(columns_of(member, None)) for member in members]
    every = list(dict.fromkeys(name for own in found for name in own))
    is_enough = all if which == "shared" else any
    there = [name for name in every if is_enough(name in own for own in found)]
    wanted = there if names is None else [names] if isinstance(names, str) else list(names)
    absent = [name for name in wanted if name not in there]
    if absent:
        raise column_not_found(absent[0], there)
    each = [[name for name in wanted if name in own] for own in found]
    if not all(each):
        raise InvalidInputError(f"the mixture's member {each.index([])} has no column to read")
    return list(each)


@pickled
@dataclass(frozen=True)
class Union:
    """The columns that batches have, each as the first member with it has it.

    Not all members have those that are `lacking`; the samples of `masked` ones may be missing,
    in any member.
    """

    columns: Mapping[str, Column]
    lacking: frozenset[str]
    masked: frozenset[str]
    others: tuple[str, ...]

    @classmethod
    def of(cls, sources: Sequence[Source], which: Which) -> "Union":
        """Return the columns of members that are read.

        Raises:
            InvalidInputError: a column differs between members in more than that some of its
                samples may be missing, or two parts of a batch have one name.
        """
        columns: dict[str, Column] = {}
        for source in sources:
            columns = {**source.columns, **columns}
        ordered = dict.fromkeys(name for source in sources for name in source.columns)
        for source in sources:
            if which == "same" and set(source.columns) != set(ordered):
                first = sorted(sources[0].columns)
                other = next(s for s in sources if set(s.columns) != set(first))
                raise InvalidInputError(
                    f"the members have different columns: {first} and {sorted(other.columns)}; "
                    "Mixture(columns='shared') reads those that all have, 'all' those that any has"
                )
            for name, column in source.columns.items():
                _check_alike(name, columns[name], column, which)
        lacking = {name for name in ordered if any(name not in s.columns for s in sources)}
        is_packed = sources[0].packs is not None
        optional = {
            name
            for source in sources
            for name, column in source.columns.items()
            if internals(column).info.optional and not is_packed
        }
        masked = frozenset(lacking | optional)
        taken = [name + VALID_SUFFIX for name in masked if name + VALID_SUFFIX in columns]
        if taken:
            raise InvalidInputError(
                f"{taken[0]!r} is the mask of a column, and the name of another",
                code="name-taken",
                hint="give the columns other names, or leave that one out",
                column=taken[0],
            )
        keys = [] if sources[0].keys is None else [sources[0].keys.label]
        own = {*sources[0].columns, *(name + VALID_SUFFIX for name in sources[0].columns), *keys}
        others = (*keys, *(name for name in sources[0].names if name not in own))
        return cls({n: columns[n] for n in ordered}, frozenset(lacking), masked, others)

    @property
    def names(self) -> list[str]:
        """The names of what a batch holds as it is read, in order."""
        names: list[str] = []
        for name in self.columns:
            names += [name, name + VALID_SUFFIX] if name in self.masked else [name]
        return [*names, *self.others]

    def adapted(self, finisher: Finisher) -> Finisher:
        """Return a finisher that knows which samples may be missing."""
        forms = {
            name: replace(form, may_be_missing=True)
            if name in self.masked and not internals(self.columns[name]).info.kind.is_plain
            else form
            for name, form in finisher.forms.items()
        }
        return replace(finisher, forms=forms)

    def joined(self, parts: Sequence[tuple[Batch, int]], channels: Mapping[str, Channel]) -> Batch:
        """Return the parts of one batch as one, each given with how many samples it has.

        Args:
            parts: what members give, by name.
            channels: how each column is read, of a member that has it.
        """
        return {
            name: one_behind_the_other(
                [self._part(name, batch, count, channels) for batch, count in parts]
            )
            for name in self.names
        }

    def _part(self, name: str, batch: Batch, count: int, channels: Mapping[str, Channel]) -> Any:
        """Return what a member gives of a column, or what stands for that."""
        if name in batch:
            return batch[name]
        column = name.removesuffix(VALID_SUFFIX)
        if name not in self.columns and column in self.masked:
            grouping = channels[column].grouping
            is_window = isinstance(grouping, WindowGrouping)
            shape = (count, grouping.width) if is_window else (count,)  # type: ignore[union-attr]
            return np.full(shape, column in batch)
        channel = channels[name]
        if channel.sample_shape is not None:
            is_plain = internals(self.columns[name]).info.kind.is_plain
            fill = self.columns[name].metadata.fill_value if is_plain else 0
            return np.full((count, *channel.sample_shape), fill, channel.dtype)
        if isinstance(channel.grouping, WindowGrouping):
            return [[None] * channel.grouping.width for _ in range(count)]
        return [None] * count


def references(channels: Sequence[Mapping[str, Channel]]) -> dict[str, Channel]:
    """Return how each column is read, of the first member that has it."""
    found: dict[str, Channel] = {}
    for each in reversed(channels):
        found |= each
    return found


def _check_alike(name: str, first: Column, other: Column, which: Which) -> None:
    kinds = {(each.kind, each.dtype, each.shape[1:]) for each in (first, other)}
    may_be_missing = {internals(each).info.optional for each in (first, other)}
    if len(kinds) > 1 or (which == "same" and len(may_be_missing) > 1):
        raise InvalidInputError(f"the members' columns {name!r} differ: {first}, {other}")
