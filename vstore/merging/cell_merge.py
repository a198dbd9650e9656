"""Merging cells, by which sides have them; what the cells of a merge become is told here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import StoredRows
from vstore.merging.cells import Cells, Form, samples_of
from vstore.merging.columns import MergedColumn
from vstore.merging.conflicts import Answers, Conflict
from vstore.merging.form_merge import write_cells
from vstore.merging.sides import Samples, TableSides, sample_names


@dataclass
class CellMerge:
    """Puts into the result what samples hold in its columns, and meets what collides.

    A cell is there on a side where its sample and its column both are.
    """

    sides: TableSides
    columns: Sequence[MergedColumn]
    unmade: set[str] = field(init=False, default_factory=set)
    """Columns that the result is to lack: the base lacks them, and the sides disagree."""
    unmade_samples: set[int] = field(init=False, default_factory=set)
    """Rows of the result that are to be deleted, likewise."""

    @cached_property
    def _forms(self) -> Mapping[str, Form]:
        """The forms of the columns in the result, by name."""
        table = self.sides.staged.stored
        names = [column.name for column in self.columns]
        return {name: Form.made(table.infos[name], table[name].metadata) for name in names}

    def merge_kept(self) -> None:
        """Merge the cells of the samples that the base and both sides have."""
        for column in self.columns:
            if column.theirs is None or column.winner == "ours":
                continue
            if all(column.presence) and column.winner is None:
                rows = self.sides.t.changes(column.base or "", column.theirs)[0]
            else:
                rows = self.sides.base_rows
            self._merge(column, self.sides.kept(rows))

    def merge(self, samples: Samples) -> None:
        """Merge the cells of samples that theirs has, in every column."""
        for column in self.columns:
            self._merge(column, samples)

    def _merge(self, column: MergedColumn, samples: Samples) -> None:
        is_in_ours = samples.ours is not None and column.ours is not None
        rule = self._RULES[is_in_ours, column.theirs is not None]
        for part in samples.parts():
            rule(self, column, part)

    def _take(self, column: MergedColumn, samples: Samples) -> None:
        """Take cells that theirs alone has."""
        self._write(column, samples.result, self._theirs(column, samples.theirs))

    def _leave(self, column: MergedColumn, samples: Samples) -> None:
        """Leave cells that ours alone has."""

    def _unset(self, column: MergedColumn, samples: Samples) -> None:
        """Make cells that neither has, of a sample of theirs in a column of ours."""
        self._write(column, samples.result, self._forms[column.name].unset(len(samples)))

    def _meet(self, column: MergedColumn, samples: Samples) -> None:
        """Compare cells that both sides have, with those of the base where it has them."""
        if column.winner is not None and (column.is_settled or samples.base is not None):
            if column.winner == "theirs":
                self._take(column, samples)
            return
        theirs = self._theirs(column, samples.theirs)
        if samples.base is not None and column.base is not None:
            mine = self.sides.o.changed_among(column.base, column.ours or "", samples.base)
            is_mine = np.isin(samples.base, mine)
            self._write(column, samples.result[~is_mine], theirs[~is_mine])
            samples, theirs = samples[is_mine], theirs[is_mine]
        if not len(samples) or samples.ours is None:
            return
        collide = self._ours(column, samples.ours).differ_from(theirs)
        if collide.any():
            self._conflict(column, samples[collide], theirs[collide])

    def _conflict(self, column: MergedColumn, samples: Samples, theirs: Cells) -> None:
        ours = samples.result if samples.ours is None else samples.ours
        base_rows = None if column.base is None else samples.base
        names = sample_names(self.sides.ours, ours)
        base_name, base_of = (None, ours) if base_rows is None else (column.base, base_rows)
        values = zip(
            samples_of(self.sides.base, base_name, base_of),
            samples_of(self.sides.ours, column.ours, ours),
            samples_of(self.sides.theirs, column.theirs, samples.theirs),
            strict=True,
        )
        for i, (base, mine, other) in enumerate(values):
            self.sides.conflicts.add(
                Conflict(
                    f"{self.sides.path}/{column.name}",
                    "added" if base_name is None else "changed",
                    names[i],
                    base,
                    mine,
                    other,
                ),
                self._answers(column, samples[i : i + 1], theirs[i : i + 1]),
            )

    def _answers(self, column: MergedColumn, sample: Samples, theirs: Cells) -> Answers:
        row = int(sample.result[0])

        def base() -> None:
            if sample.base is None:
                self.unmade_samples.add(row)
            elif column.base is None:
                self.unmade.add(column.name)
            else:
                self.put_base(column, sample.base, sample.result)

        def value(given: Any) -> None:
            self.sides.staged.write_sample(
                column.name, row, None if given is np.ma.masked else given
            )

        return Answers(lambda: self._write(column, sample.result, theirs), base, value)

    def put_base(self, column: MergedColumn, base: StoredRows, result: StoredRows) -> None:
        """Put into rows of the result what the base had in a column."""
        cells = Cells.read(self.sides.base, column.base or "", base)
        self._write(column, result, cells.fitting(self._forms[column.name]))

    def added(self, column: MergedColumn, rows: StoredRows) -> Mapping[str, NDArray[Any]]:
        """Return what theirs has in a column, as elements of the arrays of the result."""
        cells = self._theirs(column, rows)
        return {column.name + suffix: elements for suffix, elements in cells.rows.items()}

    def _ours(self, column: MergedColumn, rows: StoredRows) -> Cells:
        return self._in_form(column, Cells.read(self.sides.ours, column.ours or "", rows))

    def _theirs(self, column: MergedColumn, rows: StoredRows) -> Cells:
        return self._in_form(column, Cells.read(self.sides.theirs, column.theirs or "", rows))

    def _in_form(self, column: MergedColumn, cells: Cells) -> Cells:
        """Return cells in the form of the result; what does not fit was a conflict before."""
        form = self._forms[column.name]
        return cells.fitting(form) if column.is_settled else cells.converted(form)

    def _write(self, column: MergedColumn, rows: StoredRows, cells: Cells) -> None:
        write_cells(self.sides, column.name, rows, cells)

    _RULES: ClassVar[Mapping[tuple[bool, bool], Callable[..., None]]] = {
        (True, True): _meet,
        (True, False): _leave,
        (False, True): _take,
        (False, False): _unset,
    }
    """What becomes of cells, by whether ours and theirs have them."""
