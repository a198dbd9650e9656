"""What the files of an import were like: a companion of its table, by the same keys.

So the next import knows which files changed without reading them. The companion of the table
`pets` is the table `pets.imported`; the page about the format lists its columns.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vstore.format.table.sample_keys import SampleKey
from vstore.format.table.specs import ColumnSpec, ndarray, text
from vstore.importers.source import SourceFile
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_table import TransactionTable

SUFFIX: Final = ".imported"
COLUMNS: Final[Mapping[str, ColumnSpec]] = {
    "size": ndarray((), "int64").as_optional(),
    "modified": ndarray((), "float64").as_optional(),
    "etag": text().as_optional(),
}
_BLOCK = 50_000

Seen = tuple[int | None, float | None, str | None]
"""The size, time and ETag of a file, as far as they are known."""


def seen(item: Any) -> Seen | None:
    """Return what an item is known by without reading it; None if it is no file."""
    if not isinstance(item, SourceFile):
        return None
    return item.size, item.modified, item.etag


def is_same(before: Seen, now: Seen) -> bool:
    """Return whether a file is what it was: by its ETag, or else by size and time."""
    if before[2] is not None or now[2] is not None:
        return before[2] == now[2]
    return before[:2] == now[:2] and None not in now[:2]


class Companion:
    """The companion of a table in a transaction; it is made when something is noted."""

    def __init__(self, tx: Transaction, table: TransactionTable) -> None:
        self._tx = tx
        self._table = table
        self._path = table.path + SUFFIX
        self._noted: dict[SampleKey, Seen] = {}

    def of(self, keys: Sequence[SampleKey]) -> dict[SampleKey, Seen]:
        """Return what is known of some files by their keys."""
        if self._path not in self._tx:
            return {}
        table = self._tx.table(self._path)
        known = [key for key, there in zip(keys, table.has_key(list(keys)), strict=True) if there]
        if not known:
            return {}
        found = table.loc[known]
        columns = [_plain(found[name]) for name in COLUMNS]
        return dict(zip(known, zip(*columns, strict=True), strict=True))

    def note(self, key: SampleKey, item: Any) -> None:
        """Remember what a file is like now."""
        now = seen(item)
        if now is not None:
            self._noted[key] = now

    def write(self, *, at_least: int = _BLOCK) -> None:
        """Store what was noted, if that is much."""
        if len(self._noted) < max(1, at_least):
            return
        if self._path not in self._tx:
            keys: Any = self._table.key_kind
            self._tx.create_table(self._path, COLUMNS, keys=keys)
        columns = zip(*self._noted.values(), strict=True)
        batch = {name: list(values) for name, values in zip(COLUMNS, columns, strict=True)}
        self._tx.table(self._path).upsert(batch, keys=list(self._noted))
        self._noted.clear()

    def delete(self, keys: Sequence[SampleKey]) -> None:
        """Forget files by their keys."""
        if self._path in self._tx:
            table = self._tx.table(self._path)
            mask = table.has_key(list(keys))
            table.delete(keys=[key for key, there in zip(keys, mask, strict=True) if there])


def _plain(values: Any) -> list[Any]:
    """Return the values of an optional column, None for missing ones."""
    return list(values.tolist())
