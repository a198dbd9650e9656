"""One sample without a key, followed from a commit through those before it."""

from dataclasses import dataclass, field

import numpy as np

from vstore.diffing.alignment import align
from vstore.diffing.lineage import Lineage, RowSearch, UnknownPlaceError
from vstore.errors import NotFoundError
from vstore.format.digest import Digest
from vstore.reading.fetch import Fetcher
from vstore.reading.stored_table import StoredTable


@dataclass(frozen=True, slots=True)
class _Place:
    """The row of a table that holds the sample in one commit; -1 for none."""

    commit: Digest
    table: StoredTable
    row: int


@dataclass
class FollowedSample:
    """The sample at a position of a table, in the commit `start`.

    Ask for a commit before its parents: a rewrite of the rows is followed from one to the other.
    """

    fetcher: Fetcher
    start: Digest
    table: StoredTable
    position: int
    _anchors: dict[tuple[str, int], tuple[_Place, RowSearch]] = field(
        init=False, default_factory=dict
    )
    """For each layout of the rows, where the sample is in one commit of that layout."""
    _above: dict[Digest, _Place] = field(init=False, default_factory=dict)
    """Where the sample is in a commit that was asked for, by the commit's parents."""

    def __post_init__(self) -> None:
        """Find its row.

        Raises:
            NotFoundError: the table has fewer samples.
        """
        (row,) = self.table.find_rows([self.position]).tolist()
        if row < 0:
            raise NotFoundError(
                f"the table {self.table.path!r} has {len(self.table)} samples and no keys; got "
                f"{self.position}",
                code="sample-not-found",
            )
        self._anchor(_Place(self.start, self.table, row))

    def row(self, commit: Digest, table: StoredTable) -> int:
        """Return the row of the table in another commit that holds the sample; -1 for none.

        -1 also where history does not tell.
        """
        row = self._row(commit, table)
        if row >= table.rows.stored or not (row >= 0 and table.rows.are_live(np.array([row]))[0]):
            row = -1
        for parent in self.fetcher.commit(commit).parents:
            self._above.setdefault(Digest(parent), _Place(commit, table, row))
        return row

    def _row(self, commit: Digest, table: StoredTable) -> int:
        if _form(table) not in self._anchors:
            above = self._above.get(commit)
            if above is None or above.row < 0:
                return -1
            lineage = Lineage(self.fetcher, above.commit, commit)
            alignment = align(above.table, table, lineage)
            if not alignment.is_certain:
                return -1
            row = int(alignment.new_row(np.array([above.row]))[0])
            if row >= 0:
                self._anchor(_Place(commit, table, row))
            return row
        place, search = self._anchors[_form(table)]
        try:
            return search.row(place.commit, commit, place.row)
        except UnknownPlaceError:
            return -1

    def _anchor(self, place: _Place) -> None:
        search = RowSearch(self.fetcher, {}, place.table, place.table)
        self._anchors[_form(place.table)] = place, search


def _form(table: StoredTable) -> tuple[str, int]:
    info = table.node.table
    return ("", 0) if info is None else (info.id, info.layout)
