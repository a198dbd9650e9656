"""The work on items: they are read, and their samples checked, before anything is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import KeyKind, SampleKey, as_list, find_key_kind
from vstore.format.table.sample_rows import SampleForm, checked, one_sample
from vstore.importers.errors import Skipped, located, skipped
from vstore.importers.importer import Columns, Rows
from vstore.writing.batches import check_columns, common_length

GROUP_SAMPLES = 1024
GROUP_NBYTES = 2**22
MAX_COLUMNS_NBYTES = 2**26


@dataclass(slots=True)
class Group:
    """Samples that were read and fit the table, as columns, and what was left out."""

    values: dict[str, Any] = field(default_factory=dict)
    keys: list[SampleKey] | None = None
    count: int = 0
    nbytes: int = 0
    items: Sequence[Any] = ()
    """The item of each sample; where `rows` is not None, the one item of all."""
    rows: Sequence[int] | None = None
    """The number of each sample in the item."""
    skipped: list[Skipped] = field(default_factory=list)
    stop: int = 0
    """In an item of many samples: the number of the sample behind these."""
    ends: int = 0
    """How many items end here."""

    def drop(self, before: int) -> None:
        """Forget the samples of an item in front of one, given by its number."""
        assert self.rows is not None
        start = sum(row < before for row in self.rows)
        self.values = {name: value[start:] for name, value in self.values.items()}
        self.keys = None if self.keys is None else self.keys[start:]
        self.rows = self.rows[start:]
        self.count = len(self.rows)
        self.skipped = [each for each in self.skipped if (each.row or 0) >= before]

    def item(self, i: int) -> Any:
        """Return the item that a sample is from."""
        return self.items[i] if self.rows is None else self.items[0]

    def row(self, i: int) -> int | None:
        """Return the number of a sample in its item; None where an item is one sample."""
        return None if self.rows is None else self.rows[i]


@dataclass(frozen=True, slots=True)
class Target:
    """What the table takes: its columns and keys. It pickles."""

    path: str
    forms: Mapping[str, tuple[ColumnInfo, SampleForm]]
    given_keys: str | None
    table_keys: str | None

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return whole columns as they are written, or raise where a sample does not fit."""
        infos = {name: info for name, (info, _) in self.forms.items()}
        check_columns(values, infos, path=self.path)
        count = common_length(values, path=self.path) if values else 0
        return {
            name: checked(name, *form, values[name]) if name in values else [None] * count
            for name, form in self.forms.items()
        }

    def check_key(self, key: Any) -> SampleKey:
        """Return a key as the table names its samples: text may spell it."""
        given, own = find_key_kind(self.given_keys), self._own
        if given is not None and given.is_text and not own.is_text:
            found = own.parse(key) if isinstance(key, str) else None
            if found is None:
                raise InvalidInputError(
                    f"the keys of {self.path!r} are {own.spelled}; the import has {key!r}"
                )
            key = found
        own.check(key, self.path)
        plain: SampleKey = key.item() if isinstance(key, np.generic) else key
        return plain

    @property
    def _own(self) -> KeyKind:
        own = find_key_kind(self.table_keys)
        if own is None:
            raise InvalidInputError(f"the samples of {self.path!r} have no keys")
        return own


@dataclass(frozen=True, slots=True)
class Work:
    """Reads items and checks their samples. It pickles where `read` and `key` do."""

    read: Callable[[Any], Any]
    key: Callable[[Any], SampleKey] | None
    many: bool
    target: Target
    skips: bool

    @classmethod
    def of(cls, rows: Rows, target: Target, *, skips: bool) -> "Work":
        """Return the work that an import takes."""
        return cls(rows.read, rows.key, rows.many, target, skips)

    def run(self, items: Sequence[Any]) -> list[Group]:
        """Read items, each of which is one sample or many."""
        if self.many:
            return [group for item in items for group in self.all_of(item)]
        group = Group(items=[], ends=len(items))
        samples: list[Mapping[str, Any]] = []
        keys: list[Any] = []
        for item in items:
            try:
                sample, key = self._sample(item, self.read(item))
            except Exception as exc:  # noqa: BLE001 - it is somebody else's code
                self._refuse(group, exc, item)
                continue
            samples.append(sample)
            keys.append(key)
            group.items.append(item)  # type: ignore[attr-defined]
        return [self._filled(group, samples, keys)]

    def all_of(self, item: Any) -> Iterator[Group]:
        """Read an item that holds many samples, and say where it ends."""
        yield from self.each(item)
        yield Group(items=[item], rows=(), ends=1)

    def each(self, item: Any) -> Iterator[Group]:
        """Read an item that holds many samples, a group at a time."""
        at = 0
        for found in _pieces(self._found(item)):
            group = Group(items=[item])
            group.stop = at
            if isinstance(found, Columns):
                count = common_length(found, path=self.target.path) if found else 0
                group.rows = range(at, at + count)
                group.stop = at + count
                yield self._columns(group, found)
            elif isinstance(found, _Ended):
                self._refuse(group, found.error, item, row=at)
                yield group
                return
            else:
                count = len(found)
                group.stop = at + count
                yield self._samples(group, found, range(at, at + count))
            at += count

    def _found(self, item: Any) -> Iterator[Any]:
        """Yield what an item holds, and at the end the error that reading it ended with."""
        try:
            yield from self.read(item)
        except Exception as exc:  # noqa: BLE001 - it is somebody else's code
            yield _Ended(exc)

    def _samples(self, group: Group, found: list[Any], rows: Sequence[int]) -> Group:
        samples, keys, kept = [], [], []
        for row, each in zip(rows, found, strict=True):
            try:
                sample, key = self._sample(group.items[0], each)
            except Exception as exc:  # noqa: BLE001
                self._refuse(group, exc, group.items[0], row=row)
                continue
            samples.append(sample)
            keys.append(key)
            kept.append(row)
        group.rows = kept
        return self._filled(group, samples, keys)

    def _sample(self, item: Any, found: Any) -> tuple[Mapping[str, Any], Any]:
        """Return a sample and its key, checked but for its values."""
        if isinstance(found, Exception):
            raise found
        if not isinstance(found, Mapping):
            raise InvalidInputError(
                f"a sample is a mapping of column names to values, not {found!r:.100}"
            )
        sample, key = dict(found), None
        if self.key is not None:
            key = self.key(item)
        elif self.target.given_keys is not None:
            key = sample.pop(KEYS, None)
        if self.target.given_keys is not None:
            key = self.target.check_key(key)
        infos = {name: info for name, (info, _) in self.target.forms.items()}
        check_columns(sample, infos, path=self.target.path)
        return sample, key

    def _filled(self, group: Group, samples: list[Mapping[str, Any]], keys: list[Any]) -> Group:
        """Put samples into a group, without those that do not fit."""
        forms = self.target.forms
        try:
            values = {
                name: checked(name, *form, _column(form, [each.get(name) for each in samples]))
                for name, form in forms.items()
                if samples
            }
            good = list(range(len(samples)))
        except Exception:  # noqa: BLE001 - which sample it was is found next
            good = [i for i in range(len(samples)) if self._fits(group, i, samples[i], keys[i])]
            values = {
                name: checked(name, *form, _column(form, [samples[i].get(name) for i in good]))
                for name, form in forms.items()
                if good
            }
        if len(good) < len(samples):
            group.rows = None if group.rows is None else [group.rows[i] for i in good]
            group.items = [group.items[i] for i in good] if group.rows is None else group.items
        return self._complete(group, values, [keys[i] for i in good], len(good))

    def _fits(self, group: Group, i: int, sample: Mapping[str, Any], key: Any) -> bool:
        try:
            for name, form in self.target.forms.items():
                checked(name, *form, one_sample(form[0], sample.get(name)))
        except Exception as exc:  # noqa: BLE001
            self._refuse(group, exc, group.item(i), row=group.row(i), key=key)
            return False
        return True

    def _columns(self, group: Group, found: Columns) -> Group:
        """Put whole columns into a group, without the samples that do not fit."""
        values = dict(found)
        keys: list[Any] = []
        assert group.rows is not None
        count = len(group.rows)
        try:
            if self.target.given_keys is not None:
                keys = list(map(self.target.check_key, as_list(values.pop(KEYS), path="")))
            fitting = self.target.check(values)
        except Exception as exc:
            samples = [{name: value[i] for name, value in found.items()} for i in range(count)]
            made = self._samples(group, samples, group.rows)
            if made.count == count and count:
                # Each sample fits by itself, and all of them do not: it is the columns' fault.
                raise located(exc, group.items[0], row=0) from exc
            return made
        return self._complete(group, fitting, keys, count)

    def _complete(self, group: Group, values: dict[str, Any], keys: list[Any], count: int) -> Group:
        group.values, group.count = values, count
        group.keys = keys if self.target.given_keys is not None else None
        group.nbytes = sum(map(nbytes_of, values.values()))
        return group

    def _refuse(
        self, group: Group, error: Exception, item: Any, *, row: int | None = None, key: Any = None
    ) -> None:
        """Leave something out, or raise the error with where it happened."""
        if not self.skips:
            raise located(error, item, row=row, key=key) from error
        group.skipped.append(skipped(error, item, row=row, key=key))


def _column(form: tuple[ColumnInfo, SampleForm], values: list[Any]) -> Any:
    """Return samples as values of a column, each as one."""
    if form[0].kind.is_plain:
        return values
    held = np.empty(len(values), object)
    for i, value in enumerate(values):
        held[i] = value
    return held


class _Ended(NamedTuple):
    """The error that reading an item ended with."""

    error: Exception


def _pieces(found: Iterable[Any]) -> Iterator[Any]:
    """Yield samples in lists of some size, `Columns` in pieces, and how it ended as it is."""
    held: list[Any] = []
    nbytes = 0
    for each in found:
        if isinstance(each, Columns | _Ended):
            if held:
                yield held
            held, nbytes = [], 0
            yield from _cut(each) if isinstance(each, Columns) else [each]
            continue
        held.append(each)
        nbytes += sum(map(nbytes_of, each.values())) if isinstance(each, Mapping) else 0
        if len(held) >= GROUP_SAMPLES or nbytes >= GROUP_NBYTES:
            yield held
            held, nbytes = [], 0
    if held:
        yield held


def _cut(columns: Columns) -> Iterator[Columns]:
    nbytes = sum(map(nbytes_of, columns.values()))
    if nbytes <= MAX_COLUMNS_NBYTES:
        yield columns
        return
    count = max(map(len, columns.values()))
    step = max(1, count * MAX_COLUMNS_NBYTES // (2 * nbytes))
    for start in range(0, count, step):
        yield Columns({name: each[start : start + step] for name, each in columns.items()})


def nbytes_of(value: Any) -> int:
    """Return about how much memory a value takes."""
    if isinstance(value, np.ndarray):
        return nbytes_of(value.tolist()) if value.dtype.hasobject else value.nbytes
    if isinstance(value, str | bytes | bytearray):
        return len(value) + 32
    if isinstance(value, list | tuple):
        is_flat = set(map(type, value)) <= {str, bytes}
        return sum(map(len, value)) + 32 * len(value) if is_flat else sum(map(nbytes_of, value))
    return int(getattr(value, "nbytes", 16))
