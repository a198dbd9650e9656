"""Conflicts that a merge decided, as changes: what was kept, and what it was kept in place of."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vstore.diffing.cell_changes import CellReader, SampleChange
from vstore.diffing.selected import KeyNames
from vstore.diffing.values import values_at
from vstore.faces import internals
from vstore.history.decisions import Decision

if TYPE_CHECKING:
    from vstore.reading.table import Table


def resolved(change: SampleChange, decision: Decision, by: str) -> SampleChange:
    """Return a change that a merge made as one that decided a conflict."""
    return replace(change, status="resolved", decision=decision.decision, decided_by=by)


@dataclass(frozen=True, slots=True)
class Decided:
    """Tells of conflicts that were decided for a side: what the other side had is `old`."""

    reader: CellReader
    sides: "Sequence[Table | None]"
    names: KeyNames

    def changes(self, decisions: Iterable[Decision], by: str) -> Iterator[SampleChange]:
        """Yield a change for each decision about a sample that is wanted."""
        for decision in decisions:
            column = self._column(decision.path)
            if column is None or decision.key is None or not self._has(decision.key):
                continue
            lost = self.sides[-1] if decision.decision == "ours" else self.sides[0]
            made = SampleChange(
                path=self.reader.path,
                column=column,
                key=decision.key,
                status="resolved",
                old=self._value(lost, column, decision.key),
                new=self._value(self.reader.new, column, decision.key),
            )
            yield resolved(made, decision, by)

    def _has(self, key: Any) -> bool:
        return self.names.selected.is_everything or self.names.selected.has(key)

    def _column(self, path: str) -> str | None:
        """Return the column that a conflict is about, none for the whole sample."""
        if path == self.reader.path:
            return ""
        above, _, name = path.rpartition("/")
        wanted = self.reader.columns
        return name if above == self.reader.path and (wanted is None or name in wanted) else None

    def _value(self, table: "Table | None", column: str, key: Any) -> Any:
        if table is None or column not in table.columns or not table.has_key(key):
            return None
        stored = internals(table)
        rows = stored.find_rows([key])
        return values_at(stored, column, rows, digest_above=self.reader.digest_above)[0]
