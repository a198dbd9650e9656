"""What differs between two states of a table, in samples."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.attributes import AttributeChange, attribute_changes, plain, status
from vstore.diffing.columns import ColumnPair
from vstore.diffing.lineage import Lineage
from vstore.diffing.row_diff import RowDiff
from vstore.diffing.statistics import Comparison, ValueStatistics, is_measurable
from vstore.faces import exported_from, internals
from vstore.format.table.sample_keys import SampleKey
from vstore.lazy import lazy
from vstore.reading.column import column_not_found
from vstore.reading.table import Table

if TYPE_CHECKING:
    from vstore.diffing import boxes, text
else:
    boxes = lazy("vstore.diffing.boxes")
    text = lazy("vstore.diffing.text")

_BATCH_NBYTES = 8 * 2**20
_RAGGED_BATCH = 256


@exported_from("vstore")
class TableDiff:
    """What differs between two states of a table; computed when asked for.

    Held in memory are places and names, 16 bytes for each sample that differs in a column;
    values are read batch by batch, where statistics are asked for.
    """

    def __init__(
        self,
        path: str,
        old: Table | None,
        new: Table | None,
        *,
        only: Collection[str] | None = None,
        lineage: Lineage | None = None,
    ) -> None:
        self.path = path
        self.old = old
        self.new = new
        self._only = only
        self._internals = RowDiff(old, new, only=only, lineage=lineage)

    @property
    def status(self) -> str:
        """`added`, `removed` or `changed`."""
        return status(self.old, self.new)

    @property
    def columns(self) -> list[ColumnPair]:
        """Which columns correspond; where the diff was narrowed, those that are asked for."""
        return self._internals.columns

    @property
    def added(self) -> list[SampleKey]:
        """The keys of the samples that only the new state has; positions without keys."""
        return self._internals.names(self._internals.added_rows)

    @property
    def removed(self) -> list[SampleKey]:
        """The keys of the samples that only the old state has; positions without keys."""
        return self._internals.names(self._internals.removed_rows, of_old=True)

    @property
    def changed(self) -> dict[str, list[SampleKey]]:
        """By column, the keys (positions without keys) of the samples whose values differ."""
        return {
            name: self._internals.names(new) for name, (_, new) in self._internals.changes.items()
        }

    def statistics(self, columns: Iterable[str] | None = None) -> dict[str, ValueStatistics]:
        """Return, by column of numbers, how far the values of changed samples moved.

        Reads the samples that changed, and holds some megabytes of them at a time.

        Args:
            columns: the names of some; all that have changes when None.

        Raises:
            NotFoundError: neither state has such a column.
        """
        known = {pair.name for pair in self.columns}
        wanted = list(self._internals.changes) if columns is None else list(columns)
        for name in wanted:
            if name not in known:
                raise column_not_found(self.path, name, sorted(known))
        pairs = [pair for pair in self.columns if pair.name in wanted]
        return {
            pair.name: self._compared(pair)
            for pair in pairs
            if pair.name in self._internals.changes and self._is_measurable(pair)
        }

    def _is_measurable(self, pair: ColumnPair) -> bool:
        if self.new is None or pair.new is None:
            return False
        column = self.new.columns[pair.new]
        return internals(column).info.kind.is_measured and is_measurable(column.dtype)

    def _compared(self, pair: ColumnPair) -> ValueStatistics:
        found = Comparison()
        if self.old is None or self.new is None or pair.old is None or pair.new is None:
            return found.result()
        old, new = self.old.columns[pair.old], self.new.columns[pair.new]
        before, after = self._internals.changes[pair.name]
        step = _RAGGED_BATCH
        if internals(new).info.kind.is_plain:
            nbytes = int(np.prod(new.metadata.shape[1:], dtype=np.int64)) * new.dtype.itemsize
            step = max(1, _BATCH_NBYTES // max(1, nbytes))
        for start in range(0, len(after), step):
            part = slice(start, start + step)
            sides = (
                old[internals(self.old).rows.position(before[part])],
                new[internals(self.new).rows.position(after[part])],
            )
            _add_samples(found, *sides)
        return found.result()

    @property
    def retyped(self) -> list[ColumnPair]:
        """The columns whose data type, sample shape, optionality, chunks or codecs differ."""
        return self._internals.retyped

    @property
    def added_columns(self) -> list[str]:
        """The columns that only the new state has."""
        return [pair.name for pair in self.columns if pair.old is None]

    @property
    def removed_columns(self) -> list[str]:
        """The columns that only the old state has."""
        return [pair.name for pair in self.columns if pair.new is None]

    @property
    def renamed_columns(self) -> dict[str, str]:
        """The columns that have another name, old name to new."""
        return {
            pair.old: pair.new
            for pair in self.columns
            if pair.old is not None and pair.new is not None and pair.old != pair.new
        }

    @property
    def attributes(self) -> dict[str, AttributeChange]:
        """The attributes of the table and, as `column.name`, of its columns that differ."""
        old, new = self.old, self.new
        before, after = (None if table is None else table.attributes for table in (old, new))
        found = attribute_changes(before, after)
        if self._only is not None:
            found = {}
        for pair in self.columns:
            if old is not None and new is not None and pair.old and pair.new:
                sides = old.columns[pair.old].attributes, new.columns[pair.new].attributes
                for name, change in attribute_changes(*sides).items():
                    found[f"{pair.name}.{name}"] = change
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values, with the keys of all samples."""
        return {
            "path": self.path,
            "status": self.status,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "columns": {
                "added": self.added_columns,
                "removed": self.removed_columns,
                "renamed": self.renamed_columns,
                "retyped": [pair.name for pair in self.retyped],
            },
            "attributes": plain(self.attributes),
        }

    def __bool__(self) -> bool:
        if self.status != "changed":
            return True
        one_sided = any(pair.old != pair.new for pair in self.columns)
        return bool(
            one_sided
            or self.retyped
            or len(self._internals.added_rows)
            or len(self._internals.removed_rows)
            or self._internals.changes
            or self.attributes
        )

    def __repr__(self) -> str:
        return f"<vstore.TableDiff {self.path!r}: {text.table_counts(self)}>"

    def _repr_html_(self) -> str:
        return boxes.table_diff_box(self)


def _add_samples(found: Comparison, old: NDArray[Any], new: NDArray[Any]) -> None:
    """Compare samples that have one shape and are there on both sides; count the others."""
    found.samples += len(new)
    if not (old.dtype.hasobject or new.dtype.hasobject):
        there = _present(old) & _present(new)
        found.unmatched += int(np.count_nonzero(~there))
        found.add(np.ma.getdata(old)[there], np.ma.getdata(new)[there])
        return
    for a, b in zip(old, new, strict=True):
        if a is None or b is None or a.shape != b.shape:
            found.unmatched += 1
        else:
            found.add(a, b)


def _present(samples: NDArray[Any]) -> NDArray[np.bool_]:
    mask = np.ma.getmaskarray(samples).reshape(len(samples), -1)
    return np.asarray(~mask.any(axis=1))
