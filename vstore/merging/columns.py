"""Which columns of base, ours and theirs are the same, and what the result calls them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vstore.diffing.columns import pair_columns, stored
from vstore.format.table.kinds import ColumnInfo
from vstore.reading.stored_table import StoredTable


@dataclass
class MergedColumn:
    """One column on its three sides (None where it is not there) and in the result."""

    base: str | None
    ours: str | None
    theirs: str | None
    name: str
    has_values: bool = True
    """Whether its values are still to be merged."""
    is_taken: bool = True
    """Whether new samples of theirs bring their values for it."""

    @property
    def disagrees(self) -> bool:
        """Return whether both sides renamed it, to different names."""
        return self.base not in (self.ours, self.theirs) and self.ours != self.theirs

    def without_values(self) -> "MergedColumn":
        """Return the column with its values settled."""
        return replace(self, has_values=False)


def triples(
    base: Mapping[str, ColumnInfo], ours: Mapping[str, ColumnInfo], theirs: Mapping[str, ColumnInfo]
) -> Iterator[MergedColumn]:
    """Yield every column, matched between the sides by id, or by name where both made it."""
    o = {pair.old: pair.new for pair in pair_columns(base, ours) if pair.old is not None}
    t = {pair.old: pair.new for pair in pair_columns(base, theirs) if pair.old is not None}
    for name in base:
        yield MergedColumn(name, o[name], t[name], _merged_name(name, o[name], t[name]))
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


def _merged_name(base: str, ours: str | None, theirs: str | None) -> str:
    if ours is None or ours == base:
        return theirs if theirs is not None else (ours or base)
    return ours


def is_same_form(ours: StoredTable, our_name: str, theirs: StoredTable, their_name: str) -> bool:
    """Return whether two columns hold samples of one kind, data type, shape and fill value."""
    a, b = ours.infos[our_name], theirs.infos[their_name]
    if (a.kind, a.dtype, a.shape) != (b.kind, b.dtype, b.shape):
        return False
    forms = [
        (document["data_type"], document["shape"][1:], document["fill_value"])
        for document in (
            stored(ours, our_name).metadata.to_dict(),
            stored(theirs, their_name).metadata.to_dict(),
        )
    ]
    return bool(forms[0] == forms[1])
