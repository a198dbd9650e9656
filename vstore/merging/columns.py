"""Which columns of base, ours and theirs are the same, and what the result calls them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vstore.diffing.columns import pair_columns
from vstore.format.table.kinds import ColumnInfo
from vstore.merging.conflicts import Choice

Presence = tuple[bool, bool, bool]


@dataclass
class MergedColumn:
    """One column on its three sides (None where it is not there) and in the result."""

    base: str | None
    ours: str | None
    theirs: str | None
    name: str
    winner: Choice | None = None
    """Whose cells samples get that both sides have; None where they are merged one by one."""
    is_settled: bool = False
    """Whether a conflict about it is resolved: what does not fit the result is left out."""

    @property
    def presence(self) -> Presence:
        """Whether base, ours and theirs have the column."""
        return self.base is not None, self.ours is not None, self.theirs is not None

    @property
    def is_dropped(self) -> bool:
        """Whether the base has the column, and a side does not."""
        return self.base is not None and None in (self.ours, self.theirs)


def triples(
    base: Mapping[str, ColumnInfo], ours: Mapping[str, ColumnInfo], theirs: Mapping[str, ColumnInfo]
) -> Iterator[MergedColumn]:
    """Yield every column, matched between the sides by id, or by name where both made it."""
    o = {pair.old: pair.new for pair in pair_columns(base, ours) if pair.old is not None}
    t = {pair.old: pair.new for pair in pair_columns(base, theirs) if pair.old is not None}
    for name in base:
        yield MergedColumn(name, o[name], t[name], o[name] or t[name] or name)
    new_o = ours.keys() - set(o.values())
    new_t = theirs.keys() - set(t.values())
    same = {ours[name].id: name for name in new_o if ours[name].id}
    renamed = {name: same[theirs[name].id] for name in new_t if theirs[name].id in same}
    for name in sorted(new_t):  # a replay may meet what it made, and what was renamed since
        if name in renamed:
            yield MergedColumn(None, renamed[name], name, renamed[name])
    new_o, new_t = new_o - set(renamed.values()), new_t - renamed.keys()
    for name in sorted(new_o | new_t):
        yield MergedColumn(
            None, name if name in new_o else None, name if name in new_t else None, name
        )
