"""What the files of an import were like: a companion of its table, by the same keys.

So the next import knows which files changed without reading them. The companion of the table
`pets` is the table `pets.imported`; the page about the format lists its columns.
"""

from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any, Final, NamedTuple

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
DIGEST: Final = "digest"
"""The column that is there where files are known by their contents."""
_BLOCK = 50_000


class Seen(NamedTuple):
    """What a file is known by, as far as it is known."""

    size: int | None = None
    modified: float | None = None
    etag: str | None = None
    digest: str | None = None

    def is_same(self, now: "Seen") -> bool:
        """Return whether a file is what it was: by its digest, its ETag, or by size and time."""
        if now.digest is not None:
            return self.digest == now.digest
        if self.etag is not None or now.etag is not None:
            return self.etag == now.etag
        return self[:2] == now[:2] and None not in now[:2]


def seen(item: Any, *, by_contents: bool) -> Seen | None:
    """Return what an item is known by; None if it is no file.

    It is read only where it is to be known `by_contents`.
    """
    if not isinstance(item, SourceFile):
        return None
    return Seen(item.size, item.modified, item.etag, item.digest() if by_contents else None)


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
        nothing = [None] * len(known)
        columns = [_plain(found[n]) if n in found else nothing for n in Seen._fields]
        return dict(zip(known, starmap(Seen, zip(*columns, strict=True)), strict=True))

    def note(self, key: SampleKey, now: Seen | None) -> None:
        """Remember what a file is like now; None if it is no file."""
        if now is not None:
            self._noted[key] = now

    def write(self, *, at_least: int = _BLOCK) -> None:
        """Store what was noted, if that is much."""
        if len(self._noted) < max(1, at_least):
            return
        if self._path not in self._tx:
            keys: Any = self._table.key_kind
            self._tx.create_table(self._path, COLUMNS, keys=keys)
        table = self._tx.table(self._path)
        columns = dict(zip(Seen._fields, zip(*self._noted.values(), strict=True), strict=True))
        if DIGEST not in table.columns:
            if any(each is not None for each in columns[DIGEST]):
                table.add_column(DIGEST, text().as_optional())
            else:
                del columns[DIGEST]
        table.upsert({k: list(v) for k, v in columns.items()}, keys=list(self._noted))
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
