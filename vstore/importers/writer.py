"""What an import does to a table: samples are added, replaced, left as they are, or removed."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.missing import is_missing
from vstore.format.table.sample_keys import SampleKey
from vstore.importers.batching import Gathered
from vstore.importers.companion import Companion, Seen, seen
from vstore.importers.errors import located, name_of_item
from vstore.importers.importer import Rows
from vstore.importers.work import Target
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_table import TransactionTable

Existing = Literal["error", "skip", "replace", "update"]
_BLOCK = 4096
_LOOKING = 4
"""How many files are read at a time for their digests."""


@dataclass(slots=True)
class Counts:
    """What happened to samples."""

    added: int = 0
    replaced: int = 0
    equal: int = 0
    removed: int = 0

    @property
    def changed(self) -> int:
        """How many samples are not what they were."""
        return self.added + self.replaced + self.removed


class Taken(NamedTuple):
    """An item that is to be read."""

    item: Any
    done: int
    """How many items are done once it is."""
    stayed: int
    """How many in front of it did not have to be read."""


class TableWriter:
    """Writes samples to a table, according to what is to happen to keys that it has."""

    def __init__(
        self,
        tx: Transaction,
        table: TransactionTable,
        rows: Rows,
        existing: Existing,
        *,
        by_contents: bool = False,
        counts: Counts | None = None,
    ) -> None:
        self.counts = counts or Counts()
        self._taken: deque[Taken] = deque()
        self._staying = 0
        self._by_contents = by_contents
        self._seen: dict[SampleKey, Seen] = {}
        self._table = table
        self._rows = rows
        self._existing = existing
        self._companion = Companion(tx, table)
        self._keys: set[SampleKey] = set()
        self._classes = Classes(table, rows)

    def wanted(self, items: Iterable[Any], target: Target, *, first: int = 0) -> Iterator[Any]:
        """Yield the items that have to be read; others have keys that stay as they are.

        `first` is the number of the first item: those in front of it were passed.
        """
        number, rest = first, iter(items)
        while block := list(islice(rest, _BLOCK)):
            for item, stays in zip(block, self._stay(block, target), strict=True):
                number += 1
                self._staying += stays
                if not stays:
                    self._taken.append(Taken(item, number, self._staying))
                    self._staying = 0
                    yield item

    def end(self, count: int) -> "Taken":
        """Take note that the next items that were wanted are done; return the last of them."""
        ended = [self._taken.popleft() for _ in range(count)]
        self.counts.equal += sum(each.stayed for each in ended)
        return ended[-1]

    def passed(self, items: Iterator[Any], target: Target, count: int) -> Any:
        """Take the first items, which an earlier run imported; return the last of them."""
        last = None
        for item in islice(items, count):
            last = item
            self._see([self._key(target, item)], [item])
        return last

    def _stay(self, items: Sequence[Any], target: Target) -> Sequence[bool]:
        """Return which of the next items need not be read."""
        if self._rows.key is None:
            return [False] * len(items)
        keys = [self._key(target, item) for item in items]
        self._see(keys, items)
        return self._stays(items, keys)

    def _see(self, keys: Sequence[SampleKey | None], items: Sequence[Any]) -> None:
        """Remember the keys of items, or raise for one that is given twice."""
        for key, item in zip(keys, items, strict=True):
            if key in self._keys:
                raise self._given_twice(key, item)
            if key is not None:
                self._keys.add(key)

    def _given_twice(self, key: SampleKey | None, item: Any) -> Exception:
        """Return the error for a key of two items, which names both where that is possible."""
        name, items = self._rows.key, self._rows.items
        first = None
        if name is not None and isinstance(items, Sequence):
            first = next((each for each in items if name(each) == key and each is not item), None)
        also = "" if first is None else f", also for {name_of_item(first)}"
        return located(InvalidInputError(f"the key {key!r} is given twice{also}"), item)

    def _key(self, target: Target, item: Any) -> SampleKey | None:
        """Return the key of an item; None where it is none, which reading the item tells."""
        try:
            return target.check_key(self._rows.key(item)) if self._rows.key is not None else None
        except Exception:  # noqa: BLE001 - it is somebody else's code
            return None

    def _stays(self, items: Sequence[Any], keys: Sequence[SampleKey | None]) -> Sequence[bool]:
        """Return which items need not be read."""
        self._look(items, keys)
        if self._existing not in ("skip", "update"):
            return [False] * len(items)
        asked = [key for key in keys if key is not None]
        known = {key for key, there in zip(asked, self._table.has_key(asked), strict=True) if there}
        if self._existing == "skip":
            return [key in known for key in keys]
        before = self._companion.of([key for key in asked if key in known])
        stays = []
        for key, item in zip(keys, items, strict=True):
            was = before.get(key) if key is not None else None
            now = self._of(key, item)
            stays.append(was is not None and now is not None and was.is_same(now))
        return stays

    def _look(self, items: Sequence[Any], keys: Sequence[SampleKey | None]) -> None:
        """Read files for their digests, several at a time, if they are known by these."""
        if not self._by_contents or self._existing == "skip":
            return
        with ThreadPoolExecutor(_LOOKING, "vstore-import") as pool:
            found = pool.map(partial(seen, by_contents=True), items)
            for key, now in zip(keys, found, strict=True):
                if key is not None and now is not None:
                    self._seen[key] = now

    def _of(self, key: SampleKey | None, item: Any) -> Seen | None:
        """Return what a file is known by."""
        now = self._seen.get(key) if key is not None else None
        return now or seen(item, by_contents=False)

    def write(self, batch: Gathered) -> None:
        """Write a batch, or raise an error that names the item whose key is in the way."""
        keys = batch.keys
        if keys is not None and self._rows.key is None and self._existing != "error":
            self._see(keys, batch.sources)
        try:
            stored = self._write(self._classes.numbered(batch.values), keys, batch.count)
        except InvalidInputError as exc:
            at = self._bad_key(keys)
            if at is None:
                raise
            item, row = batch.origin(at)
            raise located(exc, item, row=row, key=keys[at] if keys else None) from exc
        if keys is not None and not self._rows.many:
            items = batch.sources
            for i in stored:
                self._companion.note(keys[i], self._of(keys[i], items[i]))
        for key in keys or ():
            self._seen.pop(key, None)
        if self.counts.changed:
            self._companion.write()

    def _write(
        self, columns: Mapping[str, Any], keys: list[SampleKey] | None, count: int
    ) -> Sequence[int]:
        """Write samples; return which of them the table has now."""
        everything = range(count)
        if self._existing == "error":
            self._table.extend(columns, keys=keys)
            self.counts.added += count
        elif self._existing == "skip":
            known = np.asarray(self._table.has_key(list(keys or [])), bool)
            new = np.flatnonzero(~known).tolist()
            values = {name: _picked(column, new) for name, column in columns.items()}
            self._table.extend(values, keys=[(keys or [])[i] for i in new])
            self.counts.added += len(new)
            self.counts.equal += count - len(new)
            return new
        else:
            made = self._table.upsert(columns, keys=keys)
            self.counts.added += made.added
            self.counts.replaced += made.replaced
            self.counts.equal += made.equal
        return everything

    def _bad_key(self, keys: Sequence[Any] | None) -> int | None:
        """Return the first key of a batch that is given twice, or is in the way."""
        first: set[Any] = set()
        for i, key in enumerate(keys or ()):
            if key in first:
                return i
            first.add(key)
        if self._existing != "error":
            return None
        known = self._table.has_key(list(keys)) if keys else ()
        return next((i for i, is_known in enumerate(known) if is_known), None)

    def prune(self) -> None:
        """Delete the samples whose keys were not in the source."""
        gone = [key for key in self._table.sample_keys().tolist() if key not in self._keys]
        if gone:
            self._table.delete(keys=gone)
            self._companion.delete(gone)
        self.counts.removed += len(gone)

    def finish(self) -> None:
        """Take note that all is done."""
        self.counts.equal += self._staying
        self._staying = 0
        self.note()

    def note(self) -> None:
        """Store what the files were like, if anything changed: else there is to be no commit."""
        if self.counts.changed:
            self._companion.write(at_least=1)
            self._classes.write()


class Classes:
    """Numbers of classes, as the table has them: those of an import may be others.

    Columns of classes have their names as the attribute `classes`. Classes that the table does
    not have come after those that it has, so that numbers stay what they are.
    """

    def __init__(self, table: TransactionTable, rows: Rows) -> None:
        self._table = table
        self._names: dict[str, list[Any]] = {}
        self._numbers: dict[str, Any] = {}
        for name, spec in rows.columns.items():
            new = (spec.attributes or {}).get("classes")
            if name not in table.columns or not isinstance(new, list):
                continue
            own = table.attributes(name).get("classes")
            if isinstance(own, list) and own != new:
                joined = [*own, *(each for each in new if each not in own)]
                self._names[name] = joined
                self._numbers[name] = np.array([joined.index(each) for each in new], np.int64)

    def numbered(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns with the table's numbers of classes."""
        return dict(columns) | {
            name: _numbered(columns[name], numbers) for name, numbers in self._numbers.items()
        }

    def write(self) -> None:
        """Give the table the names of new classes."""
        for name, names in self._names.items():
            attributes = self._table.attributes(name)
            if attributes.get("classes") != names:
                self._table.set_attributes({**attributes, "classes": names}, column=name)


def _numbered(values: Any, numbers: NDArray[np.int64]) -> Any:
    """Return classes by their new numbers; None where one is missing."""
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray):
        return numbers[values.astype(np.int64)]
    return [None if is_missing(value) else int(numbers[int(value)]) for value in values]


def _picked(values: Any, which: Sequence[int]) -> Any:
    return values[list(which)] if isinstance(values, np.ndarray) else [values[i] for i in which]
