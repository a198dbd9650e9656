"""Going on after a state of another mixture: how much of each member that has given. No I/O."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.format.numbers import Ints
from vstore.reader.plan.mixing import Proportions


@pickled
class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a state says of a member of its mixture.

    `name` tells it from others: a number where members have no names. It is of use for the same
    `data`, in the same order, only; the mixture began behind `before` samples of them. That order
    is laid out for `batch` samples at a time and windows of `window`; where that is `kept`,
    whatever the mixture would choose.
    """

    name: str | int
    data: str
    weight: float
    before: int = 0
    batch: int = 0
    window: int = 0
    kept: bool = False


@pickled
class Members(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a state says of its mixture, whose first epoch counts as `first` for random numbers."""

    members: tuple[Member, ...]
    samples: int
    is_per_member: bool
    first: int = 0

    def layout(self, i: int, *, global_batch: int, window: int) -> tuple[int, int]:
        """Return for how many samples at a time, and which windows, a member's order is laid out.

        Args:
            i: which member.
            global_batch: how many samples of all members all ranks take at a time.
            window: how many samples of all members are mixed at a time.
        """
        member = self.members[i]
        if member.kept:
            return member.batch, member.window
        batch = max(1, round((1.0 if self.is_per_member else member.weight) * global_batch))
        return batch, max(batch, round(member.weight * window))

    def laid_out(self, *, global_batch: int, window: int) -> "Members":
        """Return the members with how their orders are laid out."""
        each = []
        for i, member in enumerate(self.members):
            batch, own = self.layout(i, global_batch=global_batch, window=window)
            each.append(msgspec.structs.replace(member, batch=batch, window=own))
        return msgspec.structs.replace(self, members=tuple(each))

    @property
    def beginning(self) -> list[Any]:
        """What the order depends on besides data and weights."""
        kept = [(each.batch, each.window) for each in self.members if each.kept]
        return [self.is_per_member, self.first, [each.before for each in self.members], kept]

    def counts(self, places: Sequence[int] | Ints, *, global_batch: int) -> Ints:
        """Return how many samples of each member come before some places in an epoch."""
        proportions = Proportions(tuple(member.weight for member in self.members))
        if not self.is_per_member:
            return proportions.counts(places)
        batch, rest = np.divmod(np.asarray(places, np.int64), global_batch)
        before = proportions.counts(batch)
        turn = proportions.counts(batch + 1) - before
        counts: Ints = before * global_batch + turn * rest[:, None]
        return counts

    def epoch_samples(self, global_batch: int) -> int:
        """Return how many samples an epoch has."""
        if not self.is_per_member:
            return self.samples
        return max(1, self.samples // global_batch) * global_batch

    def given(self, epoch: int, samples: int, *, global_batch: int) -> list[int]:
        """Return how many samples each member has given before a place of an epoch."""
        places = [self.epoch_samples(global_batch), samples]
        whole, part = self.counts(places, global_batch=global_batch).tolist()
        return [
            member.before + epoch * each + rest
            for member, each, rest in zip(self.members, whole, part, strict=True)
        ]


def encode(members: Members) -> str:
    """Return the text that a state has for its mixture."""
    return msgspec.json.encode(members).decode()


def following(members: Members, state: Any, *, global_batch: int) -> Members:
    """Return members that go on after a state of another mixture.

    One that has the name and the data of one that the state tells of goes on where that was, in
    the same order. Any other begins: one that is new, and one whose data have changed.

    Args:
        members: those of a mixture that begins.
        state: what `state_dict` of a reader of the other mixture returned.
        global_batch: how many samples all ranks take at a time, where the state does not say.

    Raises:
        InvalidInputError: it is no state of a mixture, or that of one of several workers.
    """
    old, place = _parsed(state)
    if place["workers"] != 1:
        raise InvalidInputError(
            "the state is that of one of several worker processes: a mixture goes on after a state "
            "of the whole reader, as that of vstore.torch.Loader"
        )
    batch = place["global_batch"] or global_batch
    given = old.given(place["epoch"], place["samples"], global_batch=batch)
    if place["global_batch"]:
        old = old.laid_out(global_batch=batch, window=place["window_samples"])
    before = {
        (was.name, was.data): (was, count) for was, count in zip(old.members, given, strict=True)
    }
    each = []
    for member in members.members:
        was, count = before.get((member.name, member.data), (None, 0))
        if was is not None:
            member = msgspec.structs.replace(
                member, before=count, batch=was.batch, window=was.window, kept=True
            )
        each.append(member)
    first = old.first + place["epoch"] + 1
    return msgspec.structs.replace(members, members=tuple(each), first=first)


_PLACE = ("epoch", "samples", "global_batch", "window_samples", "workers")


def _parsed(state: Any) -> tuple[Members, dict[str, int]]:
    """Return what a state says of its mixture, and its place."""
    try:
        members = msgspec.json.decode(state["members"], type=Members)
        place = {name: msgspec.convert(state[name], int) for name in _PLACE}
        Proportions.of([member.weight for member in members.members])
    except (TypeError, KeyError, msgspec.MsgspecError, InvalidInputError):
        raise InvalidInputError(
            "a mixture goes on after a state that state_dict() of a reader of a mixture returned"
        ) from None
    return members, place
